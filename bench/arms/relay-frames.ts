/**
 * The raw relay's framing: length u32 (of the bytes that follow), kind u8, payload. Output is batched, input is cut.
 */
import type { Socket } from 'node:net';

export const FRAME_KIND = { data: 0, request: 1, reply: 2 } as const;

const HEADER_BYTES = 5;
export const LENGTH_BYTES = 4;
/** As much as one read takes in Node; a frame that does not fit goes out on its own. */
const BATCH_BYTES = 65_536;

/** Collects frames until the batch is full or the current task ends, whichever comes first: a lone frame is never delayed. */
export class FrameWriter {
  readonly #socket: Socket;
  #batch = Buffer.allocUnsafeSlow(BATCH_BYTES);
  #used = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  write(kind: number, payload: Uint8Array): void {
    const total = HEADER_BYTES + payload.length;
    if (total > BATCH_BYTES - this.#used) this.flush();
    if (total > BATCH_BYTES) {
      this.#writeAlone(kind, payload);
      return;
    }
    if (this.#used === 0) process.nextTick(this.#onTaskEnd);
    this.#batch.writeUInt32LE(payload.length + 1, this.#used);
    this.#batch[this.#used + LENGTH_BYTES] = kind;
    this.#batch.set(payload, this.#used + HEADER_BYTES);
    this.#used += total;
  }

  flush(): void {
    if (this.#used === 0) return;
    this.#socket.write(this.#batch.subarray(0, this.#used));
    // the socket owns the old batch until the kernel has it
    this.#batch = Buffer.allocUnsafeSlow(BATCH_BYTES);
    this.#used = 0;
  }

  /** Resolves when the socket's own buffer is below its high-water mark. */
  async drained(): Promise<void> {
    this.flush();
    if (!this.#socket.writableNeedDrain) return;
    await new Promise<void>((resolve) => this.#socket.once('drain', resolve));
  }

  readonly #onTaskEnd = (): void => this.flush();

  #writeAlone(kind: number, payload: Uint8Array): void {
    const header = Buffer.allocUnsafe(HEADER_BYTES);
    header.writeUInt32LE(payload.length + 1, 0);
    header[LENGTH_BYTES] = kind;
    this.#socket.cork();
    this.#socket.write(header);
    this.#socket.write(payload);
    this.#socket.uncork();
  }
}

/** Calls `onFrame` for each whole frame in a stream of chunks; the payload is a view that is valid during the call. */
export function frameSplitter(onFrame: (kind: number, payload: Uint8Array) => void): (chunk: Buffer) => void {
  let rest: Buffer | undefined;
  return (chunk) => {
    const bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (bytes.length - at >= HEADER_BYTES) {
      const end = at + LENGTH_BYTES + bytes.readUInt32LE(at);
      if (end > bytes.length) break;
      onFrame(bytes[at + LENGTH_BYTES] ?? 0, bytes.subarray(at + HEADER_BYTES, end));
      at = end;
    }
    rest = at === bytes.length ? undefined : bytes.subarray(at);
  };
}
