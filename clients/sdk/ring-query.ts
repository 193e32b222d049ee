/** `vm.notify`: the question for the state of other domains' rings, and its answer. */
import { type BrokerFrame, type NotifyQuery, Op, RingFlag } from '../../broker/wire/index.ts';
import type { DomainRef } from './domain-ref.ts';
import { wordError } from './errors.ts';

export interface RingQuery {
  readonly to: { readonly domain: DomainRef; readonly port: number };
  /** Payload bytes that you want to send. If they do not fit now, a `space` event follows once they do. */
  readonly spaceRequired: number;
}

export interface RingState {
  readonly exists: boolean;
  /** The ring takes messages from several domains, so another sender may fill it first. */
  readonly isShared: boolean;
  readonly isEmpty: boolean;
  /** The wanted bytes fit now. */
  readonly isSufficient: boolean;
  /** The wanted bytes never fit. */
  readonly isTooLarge: boolean;
  /** The wanted bytes do not fit now, and too many senders wait for space already. */
  readonly isBusy: boolean;
  /** Largest payload the ring takes, bytes; 0 when there is none. */
  readonly maxMessageSize: number;
}

/** @throws ArgusError EINVAL; and what `domidOf` throws */
export async function notifyQueries(
  queries: readonly RingQuery[],
  domidOf: (domain: DomainRef) => number | Promise<number>,
): Promise<NotifyQuery[]> {
  const asked: NotifyQuery[] = [];
  for (const { to, spaceRequired } of queries) {
    if (to.port >>> 0 !== to.port || spaceRequired >>> 0 !== spaceRequired)
      throw wordError('EINVAL', 'notify', 'port and spaceRequired are integers of 0 … 2^32-1');
    asked.push({ domid: await domidOf(to.domain), pad: 0, port: to.port, spaceRequired });
  }
  return asked;
}

/** One state per query, in their order. */
export function ringStates(answer: BrokerFrame): readonly RingState[] {
  if (answer.op !== Op.notified) return [];
  return answer.answers.map(({ flags, maxMessageSize }) => ({
    exists: (flags & RingFlag.exists) !== 0,
    isShared: (flags & RingFlag.shared) !== 0,
    isEmpty: (flags & RingFlag.empty) !== 0,
    isSufficient: (flags & RingFlag.sufficient) !== 0,
    isTooLarge: (flags & RingFlag.emsgsize) !== 0,
    isBusy: (flags & RingFlag.ebusy) !== 0,
    maxMessageSize,
  }));
}
