/**
 * Which pair of queues a frame for the guest takes: the pair from which the guest last sent on the same flow (VIRTIO 1.2
 * §5.1.6.5, automatic receive steering). So a connection stays with one processor of the guest, and the guest moves it
 * by sending from another one.
 *
 * A flow is known by the hash of its addresses, protocol and ports, the same in both directions. Two flows with one hash
 * share a pair, which costs speed and nothing else.
 */
import {
  ETHERNET_BYTES,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  IPV4_BYTES,
  IPV6_BYTES,
  TCP,
} from '../../agents/network/index.ts';

const BUCKETS = 256;
const UNKNOWN = 255;
const UDP = 17;
const FRAGMENT = 0x3fff;
const PORT_BYTES = 4;
const IPV4_ADDRESSES = 12;
const IPV6_ADDRESSES = 8;
const IPV6_ADDRESS_WORDS = 8;
/** 2^32 divided by the golden ratio: spreads numbers that are next to each other (Knuth, volume 3, 6.4). */
const SPREAD = 0x9e37_79b1;

export class FlowSteering {
  readonly #pairs = new Uint8Array(BUCKETS).fill(UNKNOWN);

  /** The guest sent the frame at `bytes[at]` from `pair`. */
  learn(bytes: Buffer, at: number, pair: number): void {
    this.#pairs[bucketOf(bytes, at)] = pair;
  }

  /** The pair for the frame at `bytes[at]`, where the guest uses the first `pairs`. */
  pairFor(bytes: Buffer, at: number, pairs: number): number {
    const bucket = bucketOf(bytes, at);
    const learned = this.#pairs[bucket] ?? UNKNOWN;
    return learned < pairs ? learned : bucket % pairs;
  }

  clear(): void {
    this.#pairs.fill(UNKNOWN);
  }
}

/** Bucket 0 for all frames that are not IP. */
function bucketOf(bytes: Buffer, at: number): number {
  const ip = at + ETHERNET_BYTES;
  if (bytes.length < ip + IPV4_BYTES) return 0;
  const type = bytes.readUInt16BE(at + 12);
  let hash = 0;
  let protocol = 0;
  let ports = ip;
  if (type === ETHERTYPE_IPV4) {
    hash = bytes.readInt32BE(ip + IPV4_ADDRESSES) ^ bytes.readInt32BE(ip + IPV4_ADDRESSES + 4);
    // Only the first fragment has ports, and all of them go one way.
    protocol = (bytes.readUInt16BE(ip + 6) & FRAGMENT) === 0 ? (bytes[ip + 9] ?? 0) : 0;
    ports += ((bytes[ip] ?? 0) & 0x0f) * 4;
  } else if (type === ETHERTYPE_IPV6 && bytes.length >= ip + IPV6_BYTES) {
    for (let word = 0; word < IPV6_ADDRESS_WORDS; word++) hash ^= bytes.readInt32BE(ip + IPV6_ADDRESSES + 4 * word);
    protocol = bytes[ip + 6] ?? 0;
    ports += IPV6_BYTES;
  } else return 0;
  if ((protocol === TCP || protocol === UDP) && bytes.length >= ports + PORT_BYTES)
    hash ^= ((bytes.readUInt16BE(ports) ^ bytes.readUInt16BE(ports + 2)) << 8) ^ protocol;
  return Math.imul(hash, SPREAD) >>> 24;
}
