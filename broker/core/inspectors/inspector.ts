/**
 * An inspector names the permission that a message asks for. It reads peer-controlled bytes, so it is total: it never
 * throws, reads only `bytes[start, end)`, and answers MALFORMED for what is no message of its class.
 */
export const MALFORMED = -1;

export interface Inspector {
  /** In the order of the numbers that `inspect` returns; services.yaml must list the same. */
  readonly permissions: readonly string[];
  /** Index into `permissions`, or MALFORMED. Allocates nothing. */
  inspect(bytes: Uint8Array, start: number, end: number): number;
}
