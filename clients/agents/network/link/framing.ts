/**
 * Frames on a byte stream as QEMU's `-netdev stream` has them: a length of four bytes, uppermost first, then the frame
 * (QEMU net/stream.c). The TAP helper speaks the same, and so do passt and libkrun.
 */
import { NetError } from '../errors.ts';

const LENGTH_BYTES = 4;
/** What QEMU itself takes (NET_BUFSIZE): larger than the links let pass, so that one large frame is dropped and counted
 *  where frames are, while a length beyond this is no frame but a stream out of step. */
const MAX_LENGTH = 4_096 + 65_536;

/** Header for a frame of `length` bytes. */
export function lengthPrefix(length: number): Uint8Array {
  return Uint8Array.of(length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255);
}

export class FrameReader {
  readonly #onFrame: (frame: Uint8Array) => void;
  /** The beginning of a length or frame whose rest has not come. */
  #rest: Uint8Array = new Uint8Array(0);

  constructor(onFrame: (frame: Uint8Array) => void) {
    this.#onFrame = onFrame;
  }

  /** Frames are views into `chunk` and valid during the call only. @throws NetError ERR_NET_FRAMING */
  push(chunk: Uint8Array): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= LENGTH_BYTES) {
      const length =
        (bytes[at] ?? 0) * 0x100_0000 +
        (((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0));
      if (length > MAX_LENGTH)
        throw new NetError('ERR_NET_FRAMING', `a frame of ${length} bytes: not a stream of frames`);
      const end = at + LENGTH_BYTES + length;
      if (end > bytes.length) break;
      this.#onFrame(bytes.subarray(at + LENGTH_BYTES, end));
      at = end;
    }
    // Copied (a Buffer's own `slice` would not): the chunk belongs to the stream, which may use it again.
    this.#rest = at === bytes.length ? new Uint8Array(0) : new Uint8Array(bytes.subarray(at));
  }
}
