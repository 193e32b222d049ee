/**
 * The byte pipe below a session, as far as the SDK needs one.
 *
 * A carrier is not trusted: it may lose, delay or invent bytes, and all it can do thereby is end the session.
 */
export interface Carrier {
  /** False (default true) where bytes of an earlier session, or of an earlier broker, may still arrive: a virtio-serial port. */
  readonly tellsOfRestart?: boolean;
  /** Takes the buffers over, in order; never fails, an error shows as `onClose`. */
  write(header: Uint8Array, ciphertext: Uint8Array, tag: Uint8Array): void;
  /** True while it holds so much that writing should wait for `onDrain`. */
  readonly isCongested: boolean;
  /** Writes out what it holds, then closes. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

export interface CarrierEvents {
  /** `chunk` is valid only during the call. */
  onBytes(chunk: Uint8Array): void;
  onDrain(): void;
  /** Exactly once, after which nothing follows. */
  onClose(error: Error | null): void;
}

/** Whose carrier it will be; only carriers that name or prove their ends themselves ask. */
export interface CarrierOwner {
  readonly domain: string;
  /** The option `broker`. */
  readonly broker: string | null;
  /** Where the identity lies; null when it was handed over loaded. */
  readonly directory: string | null;
}

/** Connects once; rejects when it cannot. `signal` ends the attempt. */
export type OpenCarrier = (events: CarrierEvents, signal: AbortSignal, owner: CarrierOwner) => Promise<Carrier>;
