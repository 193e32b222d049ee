/** Takes the frames that the core sends to one domain. A session implements it. */
import type { BrokerFrame, Status } from '../wire/index.ts';

export interface FrameSink {
  /**
   * The number of delivered frames that have left this queue. Credit is valid only for those messages: an owner that
   * returned credit for a message still queued here would make the broker hold more than its rings allow.
   */
  readonly departed: number;
  /**
   * Queues the deliver frame in `frames[start, end)`. The sink may read the bytes until the incoming record has been
   * processed completely. It then copies consecutive frames at once, and the caller reuses the plaintext buffer.
   */
  deliver(frames: Uint8Array, start: number, end: number): void;
  /** Frames queued from now on wait until all audit records queued in this turn are on disk. */
  holdForRecords(): void;
  /**
   * The remote broker decided about `count` sends, from `id` on, for which `sendv` returned UNDECIDED. Missing when the
   * other end of the session is not a domain of this broker.
   */
  decided?(id: number, count: number, status: Status, maxMessageSize: number): void;
  /** Queues a control frame. */
  event(frame: BrokerFrame): void;
  /** Tells the domain once per revision the name and labels of a source domid. */
  introduce(domid: number): void;
}
