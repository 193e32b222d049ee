/** What a NATS server has to know of the inventory: which domains come over it, and to which broker. */
import type { Domain } from '../../policy/index.ts';
import { NATS_CARRIER, type NatsMember } from '../carrier/index.ts';

/** @param broker home of the domains that name none */
export function natsMembersOf(domains: readonly Domain[], broker: string): NatsMember[] {
  return domains
    .filter(({ carrier }) => carrier === NATS_CARRIER)
    .map(({ name, home }) => ({ name, broker: home ?? broker }));
}
