/**
 * A carrier: the byte pipe between a domain and the broker, outside the trusted base. It can delay or drop bytes and end
 * the pipe; what it cannot do is left to the session.
 */
export interface CarrierHandlers {
  /** The bytes are only lent for the call: a carrier may read the next bytes, of any domain, into the same memory. */
  onChunk(chunk: Uint8Array): void;
  /** After `write` returned false: there is room again. */
  onDrain(): void;
  /** Once, however it ended. `reason`: a word for log and audit, where the carrier knows more than that it is gone. */
  onClosed(reason?: string): void;
}

export interface Carrier {
  /** For logs: `unix:/run/argus/chrome-vm.sock`, `tcp:127.0.0.1:40112`. */
  readonly name: string;
  /** The only domain that may speak on this carrier; null = any. */
  readonly domain: string | null;
  /** False (default true) where the other end may restart unnoticed: behind a virtio-serial port the socket stays. */
  readonly tellsOfRestart?: boolean;
  /** Bytes of this process that it keeps for this end: they have come and were not delivered, or are to go. Absent: none. */
  readonly heldBytes?: number;
  /** Begins delivering to the handlers. Called once. */
  open(handlers: CarrierHandlers): void;
  /**
   * Writes the buffers, in order. False asks to stop until `onDrain`.
   *
   * With `onWritten` they are lent: the carrier calls it once when nothing refers to the buffers any more, perhaps before this
   * returns, and never when it cannot tell. Without it the carrier takes them over, and they may be gone once written.
   */
  write(buffers: readonly Uint8Array[], onWritten?: () => void): boolean;
  pause(): void;
  resume(): void;
  /** Writes out what was taken, then ends. */
  end(): void;
  /** Ends now. */
  destroy(): void;
}
