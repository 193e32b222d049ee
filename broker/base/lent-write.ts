/**
 * Writes records to a stream socket from memory that the caller wants to reuse, and tells the caller when it may.
 *
 * If no earlier bytes are waiting, Node passes the bytes to the kernel within `write`. `writableLength` is then 0, and
 * the kernel has its own copy. Otherwise the socket refers to the bytes until its callback. After an error the memory
 * is never returned: its owner allocates new memory, which is rare and always safe.
 */

/** The part of node:net's Socket that is used. */
export interface StreamSocket {
  readonly writable: boolean;
  /** Bytes that the kernel has not taken. */
  readonly writableLength: number;
  readonly writableNeedDrain: boolean;
  write(bytes: Uint8Array, done?: (error?: Error | null) => void): boolean;
  cork(): void;
  uncork(): void;
}

/**
 * @param joinedBytes several buffers that are together no longer than this are written as one
 * @param onWritten called once when nothing refers to the buffers any more, perhaps before this returns; null: they are
 * the socket's
 * @returns false when the socket holds more than its high-water mark
 */
export function writeLent(
  socket: StreamSocket,
  buffers: readonly Uint8Array[],
  joinedBytes: number,
  onWritten: (() => void) | null,
): boolean {
  const [first] = buffers;
  if (first === undefined || !socket.writable) {
    onWritten?.();
    return true;
  }
  let bytes = 0;
  let memory = 0;
  for (const buffer of buffers) {
    bytes += buffer.length;
    memory += buffer.buffer.byteLength;
  }
  // If earlier bytes are waiting for the kernel, a small record would block a large buffer for other users. So copy it.
  const isWasteful = onWritten !== null && socket.writableLength > 0 && bytes < memory / 2;
  if (isWasteful || (buffers.length > 1 && bytes <= joinedBytes)) {
    socket.write(joined(buffers, bytes));
    onWritten?.();
    return !socket.writableNeedDrain;
  }
  let isSaid = onWritten === null;
  const say = (): void => {
    if (isSaid) return;
    isSaid = true;
    onWritten?.();
  };
  const written = (error?: Error | null): void => {
    if (error === undefined || error === null) say();
  };
  if (buffers.length === 1) socket.write(first, written);
  else {
    socket.cork();
    for (const buffer of buffers) {
      // When the last buffer is written, all are.
      if (buffer === buffers.at(-1)) socket.write(buffer, written);
      else socket.write(buffer);
    }
    socket.uncork();
  }
  if (socket.writableLength === 0) say();
  return !socket.writableNeedDrain;
}

function joined(buffers: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const buffer of buffers) {
    whole.set(buffer, at);
    at += buffer.length;
  }
  return whole;
}
