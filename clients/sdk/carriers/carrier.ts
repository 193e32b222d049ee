/**
 * The byte pipe below a session, as far as the SDK needs one.
 *
 * A carrier is not trusted. It may lose, delay or invent bytes; that can only end the session.
 */
export interface ClientCarrier {
  /** False (default true) where bytes of an earlier session, or of an earlier broker, may still arrive: a virtio-serial port. */
  readonly tellsOfRestart?: boolean;
  /**
   * Writes a record. It never fails; an error is reported by `onClose`. With `onWritten` the record is lent: the carrier calls
   * it once when nothing refers to the bytes any more, perhaps before this returns, or never. Without it they are its own.
   */
  write(record: Uint8Array, onWritten?: () => void): void;
  /** True while it holds so many bytes that writing should wait for `onDrain`. */
  readonly isCongested: boolean;
  /** Writes the remaining bytes, then closes. */
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

/** The owner of the carrier; only carriers that authenticate their ends use it. */
export interface CarrierOwner {
  readonly domain: string;
  /** The option `broker`. */
  readonly broker: string | null;
  /** Directory of the identity; null when the caller passed a loaded identity. */
  readonly directory: string | null;
}

/** Connects once; rejects when it cannot. `signal` ends the attempt. */
export type OpenCarrier = (events: CarrierEvents, signal: AbortSignal, owner: CarrierOwner) => Promise<ClientCarrier>;
