/**
 * Another broker as the core sees it: the home of remote domains. It decides again about each send that this broker
 * allowed.
 */
import type { Domain } from '../../policy/contract/index.ts';
import type { NotifyAnswer, NotifyQuery, Status } from '../wire/index.ts';
import type { FrameSink } from './frame-sink.ts';
import type { UNDECIDED } from './outcome.ts';

/** The sending domain: the same object for as long as the domain is declared. */
export interface Sender {
  readonly domain: Domain;
  readonly sink: FrameSink | null;
}

export interface RemoteBroker {
  /**
   * Sends the sendv frame in `frames[at, at + length)` on. It may read the bytes until the incoming record has been
   * processed completely, as FrameSink.deliver does. Returns a status when the frame is refused at once.
   */
  forward(sender: Sender, frames: Uint8Array, view: DataView, at: number, length: number): Status | typeof UNDECIDED;
  /**
   * Asks the remote broker about its rings on behalf of `caller`, which then waits for room in them. Calls `answered`
   * once.
   */
  ask(
    caller: Sender,
    queries: readonly NotifyQuery[],
    answered: (status: Status, answers: readonly NotifyAnswer[]) => void,
  ): void;
  /** The remote broker is no longer the home of `domain`; the core has detached it. */
  leave(domain: Domain): void;
}

/** Null for a domain whose home is this broker. */
export type RemoteBrokerOf = (domain: Domain) => RemoteBroker | null;
