/** What a message needs besides its own permission: class argo, and the addresses that its inspector compares. */
import type { Domain } from '../contract/index.ts';
import type { Analysed } from './subject.ts';
import { type AccessQuestion, answerWhy } from './why.ts';

export interface MessageNeed {
  /** `row`: a row of policy.csv has to allow it. `address`: domains.yaml has to declare it. */
  readonly kind: 'row' | 'address';
  readonly what: string;
  readonly allowed: boolean;
}

/** The other conditions for the delivery of a message. */
export function needsOfMessage(analysed: Analysed, question: AccessQuestion): MessageNeed[] {
  const { source, destination, serviceClass } = question;
  const argo = analysed.classes.byName('argo');
  if (argo === undefined || serviceClass === argo || destination === analysed.domains.broker) return [];
  const ask = (from: Domain, to: Domain, permission: string): boolean =>
    answerWhy(analysed, { source: from, destination: to, serviceClass: argo, permission }).allowed;
  const { broker } = analysed.domains;
  const single = ask(destination, source, 'register_single_source');
  const any = ask(destination, broker, 'register_any_source');
  const rows = [
    { what: `${source.name} may connect (argo enable)`, allowed: ask(source, broker, 'enable') },
    { what: `${destination.name} may connect (argo enable)`, allowed: ask(destination, broker, 'enable') },
    {
      what: `${source.name} may send to ${destination.name} at all (argo send)`,
      allowed: ask(source, destination, 'send'),
    },
    {
      what: `${destination.name} may open a ring for ${source.name} alone or for any sender (argo register_*)`,
      allowed: single || any,
    },
  ];
  return [...rows.map((row) => ({ kind: 'row' as const, ...row })), ...addressNeeds(question)];
}

/** Without the address the inspector takes every such message for a false one (MALFORMED). */
function addressNeeds({ source, serviceClass, permission }: AccessQuestion): MessageNeed[] {
  return addressesOf(source, serviceClass.inspector, permission).map(([address, allowed]) => ({
    kind: 'address',
    what: `${source.name} has ${address} in domains.yaml`,
    allowed,
  }));
}

const DHCP_REPLIES: readonly string[] = ['offer', 'ack', 'nak'];

function addressesOf(source: Domain, inspector: string, permission: string): (readonly [string, boolean])[] {
  const { mac, ipv4, ipv6, routes } = source;
  switch (inspector) {
    case 'ethernet': {
      const own = ['mac', mac !== null] as const;
      if (permission === 'arp') return [own, ['ipv4', ipv4 !== null]];
      return permission === 'ipv4' ? [own, ['ipv4, or routes', ipv4 !== null || routes.length > 0]] : [own];
    }
    case 'dhcp':
      return DHCP_REPLIES.includes(permission) ? [] : [['mac', mac !== null]];
    case 'route':
      if (!permission.startsWith('announce')) return [];
      return [
        ['ipv4 or ipv6', ipv4 !== null || ipv6 !== null],
        ['routes', routes.length > 0],
      ];
    default:
      return [];
  }
}
