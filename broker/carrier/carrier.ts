/**
 * A carrier: the byte pipe between a domain and the broker. It is outside the trusted base: it can delay or drop bytes
 * and end the pipe. The session protects against everything else.
 */
export interface CarrierHandlers {
  /**
   * The bytes are valid only during the call: a carrier may read the next bytes, of any domain, into the same memory.
   */
  onChunk(chunk: Uint8Array): void;
  /** After `write` returned false: there is room again. */
  onDrain(): void;
  /** Called once, after any end. `reason`: a word for both logs, if the carrier knows the reason. */
  onClosed(reason?: string): void;
}

export interface Carrier {
  /** For logs: `unix:/run/argus/chrome-vm.sock`, `tcp:127.0.0.1:40112`. */
  readonly name: string;
  /** The only domain that may speak on this carrier; null = any. */
  readonly domain: string | null;
  /**
   * False when the other end may restart unnoticed: behind a virtio-serial port the socket stays open. Default: true.
   */
  readonly tellsOfRestart?: boolean;
  /** Bytes buffered in this process: received and not delivered, or not yet sent. Absent: none. */
  readonly heldBytes?: number;
  /** Written bytes that this process still has. Absent: `write` returns false as soon as there are any. */
  readonly unsentBytes?: number;
  /** Begins delivering to the handlers. Called once. */
  open(handlers: CarrierHandlers): void;
  /**
   * Writes the buffers, in order. False asks to stop until `onDrain`.
   *
   * With `onWritten` the caller keeps the buffers. The carrier calls it once when nothing refers to them any more,
   * possibly before this returns, and never if it cannot know. Without it the carrier owns the buffers, and may free
   * them.
   */
  write(buffers: readonly Uint8Array[], onWritten?: () => void): boolean;
  pause(): void;
  resume(): void;
  /** Sends all buffered bytes, then ends. */
  end(): void;
  /** Ends now. */
  destroy(): void;
}
