/** Remembers what kind of frame each number of a flow was, until the broker has decided it. Costs a byte for each. */
import { DATA_FRAME_HEADER_BYTES } from '../../../../broker/wire/index.ts';
import { ETHERNET_BYTES, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from './headers.ts';

const ETHERTYPE_ARP = 0x0806;
const KINDS = ['other', 'ARP', 'IPv4', 'IPv6'] as const;

export class SentKinds {
  readonly #places: Uint8Array;
  /** The number of places less 1. */
  readonly #mask: number;

  /** `windowBytes`: of frames without a decision. */
  constructor(windowBytes: number) {
    // The window has no more frames than this: a power of two, so that a number finds its place with one operation.
    const places = 2 ** Math.ceil(Math.log2(windowBytes / (DATA_FRAME_HEADER_BYTES + ETHERNET_BYTES)));
    this.#places = new Uint8Array(places);
    this.#mask = places - 1;
  }

  /** `frame` has a whole Ethernet header. */
  sent(number: number, frame: Uint8Array): void {
    const type = ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
    this.#places[number & this.#mask] =
      type === ETHERTYPE_IPV4 ? 2 : type === ETHERTYPE_IPV6 ? 3 : type === ETHERTYPE_ARP ? 1 : 0;
  }

  /** For a number that has no outcome yet. */
  of(number: number): (typeof KINDS)[number] {
    return KINDS[this.#places[number & this.#mask] ?? 0] ?? 'other';
  }
}
