/** What the core needs of a session: somewhere to put frames, and a way to end it. The edge implements it. */
import type { BrokerFrame } from '../wire/index.ts';

export interface Outlet {
  /**
   * How many of the `deliver` calls so far, oldest first, are no longer queued here. Credit is taken only for those: an
   * owner that gives back what it was not yet given would make the broker hold more than its rings.
   */
  readonly departed: number;
  /**
   * Queues the deliver frame in `frames[start, end)`. The bytes are borrowed until the record they came in has been
   * worked through: the outlet copies consecutive frames in one go, then, and the plaintext is given back.
   */
  deliver(frames: Uint8Array, start: number, end: number): void;
  /**
   * What another broker has said to the send `id`, of which `sendv` returned UNDECIDED. Missing where no domain of this
   * broker is at the other end.
   */
  decided?(id: number, status: number, maxMessageSize: number): void;
  /** Queues a control frame. */
  event(frame: BrokerFrame): void;
  /** Tells the domain once per revision who a source domid is. */
  introduce(domid: number): void;
}
