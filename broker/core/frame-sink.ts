/** Takes the frames that the core sends to one domain. A session implements it. */
import type { BrokerFrame, Status } from '../wire/index.ts';

export interface FrameSink {
  /**
   * The number of `deliver` calls, oldest first, that are no longer queued here. Credit counts for those only: an owner
   * that returns credit for a message it has not received yet would make the broker hold more than its rings.
   */
  readonly departed: number;
  /**
   * Queues the deliver frame in `frames[start, end)`. The bytes are borrowed until the record they came in has been
   * worked through: the sink copies consecutive frames in one go, then, and the plaintext is given back.
   */
  deliver(frames: Uint8Array, start: number, end: number): void;
  /**
   * The remote broker decided about the send `id`, for which `sendv` returned UNDECIDED. Missing where the other end is
   * not a domain of this broker.
   */
  decided?(id: number, status: Status, maxMessageSize: number): void;
  /** Queues a control frame. */
  event(frame: BrokerFrame): void;
  /** Tells the domain once per revision the name and labels of a source domid. */
  introduce(domid: number): void;
}
