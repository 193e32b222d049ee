/**
 * A revocation list on its way between two brokers: cut into frames here, put together there.
 *
 * The list is signed by the authority, so a broker cannot change it. What the other broker can choose is the length, and
 * that is checked before anything is kept.
 */
import { encodeFederationFrame, FederationOp } from './frames.ts';
import { LIST_PIECE_BYTES, MAX_LIST_BYTES } from './limits.ts';

/** In order; nothing else of `list` may be queued between them. */
export function cutList(jws: string): Uint8Array[] {
  const bytes = Buffer.from(jws, 'latin1');
  const frames: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += LIST_PIECE_BYTES)
    frames.push(
      encodeFederationFrame(
        FederationOp.list,
        bytes.length,
        bytes.subarray(at, Math.min(at + LIST_PIECE_BYTES, bytes.length)),
      ),
    );
  return frames;
}

/** The pieces of one session. */
export class ListAssembly {
  #pieces: Uint8Array[] = [];
  #held = 0;
  /** Of the list that is on its way; 0 = none is. */
  #total = 0;

  /**
   * @param total peer-controlled: the length of the whole list
   * @param piece lent
   * @returns the list when this was its last piece, null when more must come, 'fault' for what `cutList` never makes
   */
  add(total: number, piece: Uint8Array): string | null | 'fault' {
    if (total === 0 || total > MAX_LIST_BYTES || piece.length === 0) return 'fault';
    if (this.#held > 0 && total !== this.#total) return 'fault';
    if (this.#held + piece.length > total) return 'fault';
    this.#total = total;
    this.#held += piece.length;
    // Copied here: the record is given back when it has been worked on.
    this.#pieces.push(Uint8Array.from(piece));
    if (this.#held < total) return null;
    const list = Buffer.concat(this.#pieces, total).toString('latin1');
    this.#pieces = [];
    this.#held = 0;
    return list;
  }
}
