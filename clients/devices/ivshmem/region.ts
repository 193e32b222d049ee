/**
 * One guest's copy of a region, and the doorbells of that guest (pure: memory and eventfds come in).
 *
 * No two guests share a page. When a guest rings a peer, its own section is copied once, the broker is asked, and the
 * peer's device writes the copy into the peer's region and rings the peer. A guest can scribble over the other sections of
 * its own region: it harms itself only, and the next copy overwrites it.
 */

import { FRAME_HEADER_BYTES, framedLength, type Layout } from './layout.ts';
import type { Doorbell } from './message.ts';

/** The guest's own memory file. */
export interface RegionMemory {
  read(position: number, into: Buffer): boolean;
  write(position: number, from: Uint8Array): boolean;
}

export interface RegionCounts {
  /** Doorbells of the guest that were sent, joined with an earlier one, refused by the broker. */
  rung: number;
  joined: number;
  refused: number;
  /** Doorbells of others that reached the guest. */
  received: number;
  /** Sections of the guest with a wrong length, and messages of others with another shape. */
  malformed: number;
}

export class SharedRegion {
  readonly layout: Layout;
  /** This guest's place. */
  readonly self: number;
  readonly counts: RegionCounts = { rung: 0, joined: 0, refused: 0, received: 0, malformed: 0 };
  readonly #memory: RegionMemory;
  readonly #vectors: number;

  constructor(layout: Layout, self: number, vectors: number, memory: RegionMemory) {
    this.layout = layout;
    this.self = self;
    this.#vectors = vectors;
    this.#memory = memory;
  }

  /** A copy of the guest's message. Null when the guest's frame is wrong. */
  outgoing(vector: number): { readonly doorbell: Doorbell; readonly bytes: Buffer } | null {
    const { layout, self } = this;
    const at = layout.sectionAt(self);
    let length = layout.sectionBytes;
    if (layout.isFramed) {
      const header = Buffer.alloc(FRAME_HEADER_BYTES);
      const framed = this.#memory.read(at, header) ? framedLength(header, layout.sectionBytes) : null;
      if (framed === null) {
        this.counts.malformed++;
        return null;
      }
      length = framed;
    }
    const bytes = Buffer.alloc(length);
    if (!this.#memory.read(at, bytes)) return null;
    // The guest may have changed the length since; the copy says what travels.
    if (layout.isFramed) bytes.writeUInt32LE(length - FRAME_HEADER_BYTES, 4);
    return { doorbell: { vector, peers: layout.peers, sender: self, sectionBytes: layout.sectionBytes }, bytes };
  }

  /** Takes a peer's section. True: the guest is to be interrupted. `from`: the peer's place by its authenticated name. */
  incoming(from: number, doorbell: Doorbell, bytes: Uint8Array): boolean {
    const { layout } = this;
    const isFitting =
      from !== this.self &&
      doorbell.sender === from &&
      doorbell.peers === layout.peers &&
      doorbell.sectionBytes === layout.sectionBytes &&
      doorbell.vector < this.#vectors &&
      (layout.isFramed ? bytes.length <= layout.sectionBytes && isFrame(bytes) : bytes.length === layout.sectionBytes);
    if (!isFitting || !this.#place(from, bytes)) {
      this.counts.malformed++;
      return false;
    }
    this.counts.received++;
    return true;
  }

  /** The peer is here, or has gone. Its section stays as it is. */
  setState(peer: number, isHere: boolean): void {
    const state = Buffer.alloc(4);
    state.writeUInt32LE(isHere ? 1 : 0);
    this.#memory.write(this.layout.stateAt(peer), state);
  }

  /** The first 8 bytes last: a guest that polls a sequence number there sees it only with the bytes behind it. */
  #place(from: number, bytes: Uint8Array): boolean {
    const { layout } = this;
    const at = layout.sectionAt(from);
    // The rest of an earlier, longer message is not part of the peer's message, so it is wiped.
    const rest = Buffer.alloc(layout.sectionBytes - bytes.length);
    if (!this.#memory.write(at + FRAME_HEADER_BYTES, bytes.subarray(FRAME_HEADER_BYTES))) return false;
    if (rest.length > 0 && !this.#memory.write(at + bytes.length, rest)) return false;
    if (!this.#memory.write(at, bytes.subarray(0, FRAME_HEADER_BYTES))) return false;
    this.setState(from, true);
    return true;
  }
}

/** The length that the frame names is the one that travelled. */
function isFrame(bytes: Uint8Array): boolean {
  if (bytes.length < FRAME_HEADER_BYTES) return false;
  const length = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).readUInt32LE(4);
  return length === bytes.length - FRAME_HEADER_BYTES;
}
