/** A queue as a device sees it, whatever its layout, and whether it lies in the guest's memory or in messages. */
import type { Chain } from './chain.ts';

export interface DeviceQueue {
  /** The next chain, or null: none is available, or the guest is at fault. */
  pop(): Chain | null;
  /** Puts the chain that was popped last back: its turn comes again. */
  unpop(): void;
  /** Puts the last `count` chains back, because they are too few: their turn comes again with the next one. */
  putBack(count: number): void;
  /** A copy of all readable bytes, valid until the next call; null when the guest's memory was removed. */
  read(chain: Chain): Buffer | null;
  /** Writes `bytes` into the writable buffers, then gives the chain back with the length that was really written. */
  complete(chain: Chain, bytes?: Uint8Array | null): void;
}
