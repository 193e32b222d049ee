/**
 * An inspector names the permission that a message asks for. It reads peer-controlled bytes, so it is total: it never
 * throws, reads only `bytes[start, end)`, and returns MALFORMED for bytes that are not a message of its class.
 */
import type { Domain } from '../../../policy/contract/index.ts';

export const MALFORMED = -1;

export interface Inspector {
  /** In the order of the numbers that `inspect` returns; services.yaml must list the same. */
  readonly permissions: readonly string[];
  /**
   * Index into `permissions`, or MALFORMED. Allocates nothing. `source` is the session's domain: an inspector compares
   * the claims of a message (a MAC, an address) with it.
   */
  inspect(bytes: Uint8Array, start: number, end: number, source: Domain): number;
}
