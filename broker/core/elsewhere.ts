/** A domain whose home is another broker, as the core sees it: sends that this side allows are decided there once more. */
import type { Domain } from '../../policy/contract/index.ts';
import type { NotifyAnswer, NotifyQuery, Status } from '../wire/index.ts';
import type { UNDECIDED } from './outcome.ts';
import type { Outlet } from './outlet.ts';

/** Who sends: the same object for as long as the domain is declared. */
export interface Sender {
  readonly domain: Domain;
  readonly outlet: Outlet | null;
}

export interface Elsewhere {
  /** Takes a copy of the sendv frame in `frames[at, at + length)`. A status when it is refused at once. */
  forward(sender: Sender, frames: Uint8Array, at: number, length: number): Status | typeof UNDECIDED;
  /** Asks about rings there, as `caller`, who waits for room in them from then on. `answered` is called once. */
  ask(
    caller: Sender,
    queries: readonly NotifyQuery[],
    answered: (status: number, answers: readonly NotifyAnswer[]) => void,
  ): void;
  /** The domain is at home there no longer; the core has detached it. */
  leave(domain: Domain): void;
}

/** Null for a domain that is at home here. */
export type Homes = (domain: Domain) => Elsewhere | null;
