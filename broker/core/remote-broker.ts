/** Another broker as the core sees it: the home of remote domains. It decides once more about each send that this broker allowed. */
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
  /** Takes a copy of the sendv frame in `frames[at, at + length)`. A status when it is refused at once. */
  forward(sender: Sender, frames: Uint8Array, at: number, length: number): Status | typeof UNDECIDED;
  /** Asks about rings of the remote broker in the name of `caller`, which then waits for room in them. Calls `answered` once. */
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
