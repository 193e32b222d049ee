/**
 * Reads codes from a byte stream, which may cut a code anywhere. An incomplete code waits for its four bytes and has no
 * effect.
 */
import { CODE_BYTES, decodeCode } from '../codes.ts';

export class CodeReader {
  #rest: Uint8Array = new Uint8Array(0);

  /** Bytes of a code that is not whole yet. */
  get pending(): number {
    return this.#rest.length;
  }

  /** The codes that are whole now, in order. */
  push(bytes: Uint8Array): number[] {
    const all = Buffer.concat([this.#rest, bytes]);
    const whole = all.length - (all.length % CODE_BYTES);
    const codes: number[] = [];
    for (let at = 0; at < whole; at += CODE_BYTES) codes.push(decodeCode(all.subarray(at, at + CODE_BYTES)) ?? 0);
    this.#rest = all.subarray(whole);
    return codes;
  }
}
