/**
 * The layout of a region, as in version 2 of ivshmem (Jailhouse): a state table, then one output section per peer.
 *
 *   0                    state table: u32 per peer, 1 = its section has arrived since it was here last, 0 = not
 *   4096                 section of peer 0
 *   4096 + size          section of peer 1, and so on; the whole is rounded up to a power of two, as BAR2 wants it
 *
 * Each section has one writer. That is what makes copies well defined: a section with two writers cannot be mirrored
 * without one of them losing bytes, so the read/write section of version 2 does not exist here (its size is 0).
 */
import { DeviceError } from '../base/index.ts';
import { MAX_PEERS, MAX_SECTION_BYTES, MAX_WHOLE_SECTION_BYTES, MIN_SECTION_BYTES } from './limits.ts';

export const STATE_TABLE_BYTES = 4_096;
/** In front of the bytes of a section that is larger than MAX_WHOLE_SECTION_BYTES: u32 sequence, u32 length. */
export const FRAME_HEADER_BYTES = 8;

export class Layout {
  readonly peers: number;
  readonly sectionBytes: number;
  /** Of the whole region. */
  readonly bytes: number;

  /** @throws DeviceError ERR_DEVICE_OPTION */
  constructor(peers: number, sectionBytes: number) {
    if (peers < 2 || peers > MAX_PEERS)
      throw new DeviceError('ERR_DEVICE_OPTION', `a region has 2 … ${MAX_PEERS} peers, not ${peers}`);
    const isPages = Number.isInteger(sectionBytes) && sectionBytes % MIN_SECTION_BYTES === 0;
    if (!isPages || sectionBytes < MIN_SECTION_BYTES || sectionBytes > MAX_SECTION_BYTES)
      throw new DeviceError(
        'ERR_DEVICE_OPTION',
        `a section has whole pages of ${MIN_SECTION_BYTES} bytes, at most ${MAX_SECTION_BYTES}; got ${sectionBytes}`,
      );
    this.peers = peers;
    this.sectionBytes = sectionBytes;
    this.bytes = 2 ** Math.ceil(Math.log2(STATE_TABLE_BYTES + peers * sectionBytes));
  }

  /** The bytes that count are named by a frame at the start of the section. */
  get isFramed(): boolean {
    return this.sectionBytes > MAX_WHOLE_SECTION_BYTES;
  }

  stateAt(peer: number): number {
    return 4 * peer;
  }

  sectionAt(peer: number): number {
    return STATE_TABLE_BYTES + peer * this.sectionBytes;
  }
}

/** Bytes of a framed section that count, with their header; null: the guest's length reaches beyond its section. */
export function framedLength(header: Buffer, sectionBytes: number): number | null {
  const length = header.readUInt32LE(4);
  return length <= sectionBytes - FRAME_HEADER_BYTES ? FRAME_HEADER_BYTES + length : null;
}
