/**
 * Sends a revocation list between two brokers: one side cuts it into frames, the other side joins them.
 *
 * The list is signed by the authority, so a broker cannot change it. The other broker can choose only the length, which
 * is checked before anything is stored.
 */
import { encodeFederationFrame, FederationOp } from './frames.ts';
import { LIST_PIECE_BYTES, MAX_LIST_BYTES } from './limits.ts';

/** The frames of a list, in order. No frame of another list may be queued between them. */
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

/** Joins the pieces of one session. */
export class ListAssembly {
  #pieces: Uint8Array[] = [];
  #held = 0;
  /** Length of the list that is being received; 0 = none. */
  #total = 0;

  /**
   * @param total peer-controlled: the length of the whole list
   * @param piece valid only during the call
   * @returns the list after its last piece, null when more must come, 'fault' for a piece that `cutList` never makes
   */
  add(total: number, piece: Uint8Array): string | null | 'fault' {
    if (total === 0 || total > MAX_LIST_BYTES || piece.length === 0) return 'fault';
    if (this.#held > 0 && total !== this.#total) return 'fault';
    if (this.#held + piece.length > total) return 'fault';
    this.#total = total;
    this.#held += piece.length;
    // Copy, because the record's memory is reused after it was processed.
    this.#pieces.push(Uint8Array.from(piece));
    if (this.#held < total) return null;
    const list = Buffer.concat(this.#pieces, total).toString('latin1');
    this.#pieces = [];
    this.#held = 0;
    return list;
  }
}
