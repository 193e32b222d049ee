/** The part of the inventory that a NATS server needs: the domains that use it, and the broker of each. */
import type { Domain } from '../../policy/index.ts';
import { NATS_CARRIER, type NatsMember } from '../carrier/index.ts';

/** @param broker home of the domains that do not name one */
export function natsMembersOf(domains: readonly Domain[], broker: string): NatsMember[] {
  return domains
    .filter(({ carrier }) => carrier === NATS_CARRIER)
    .map(({ name, home }) => ({ name, broker: home ?? broker }));
}
