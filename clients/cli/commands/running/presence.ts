/** What a message needs at a running broker besides its permission: both sessions, and a ring at the port. Pure. */
import type { BrokerStatus, DomainStatus } from '../../../../broker/index.ts';
import type { AccessQuestion, Domain, PolicyRevision } from '../../../../policy/index.ts';

export interface Presence {
  readonly what: string;
  readonly holds: boolean;
}

export function presenceOf(
  policy: PolicyRevision,
  status: BrokerStatus,
  question: AccessQuestion,
  port: number | undefined,
): Presence[] {
  const { source, destination } = question;
  const sessions = [source, destination]
    .filter((domain, index, both) => domain !== policy.domains.broker && both.indexOf(domain) === index)
    .map((domain) => sessionOf(status, domain));
  if (destination === policy.domains.broker || question.serviceClass.name === 'argo') return sessions;
  return isRemote(status, destination) ? sessions : [...sessions, ringOf(policy, status, question, port)];
}

function isRemote(status: BrokerStatus, { home }: Domain): boolean {
  return home !== null && home !== status.broker;
}

function sessionOf(status: BrokerStatus, domain: Domain): Presence {
  if (isRemote(status, domain)) {
    const isConnected = status.brokers.some(({ broker, session }) => broker === domain.home && session !== null);
    return { what: `broker ${domain.home}, the home of ${domain.name}, is connected`, holds: isConnected };
  }
  const session = statusOf(status, domain)?.session ?? null;
  return {
    what: `${domain.name} is connected${session === null ? '' : ` (session ${session})`}`,
    holds: session !== null,
  };
}

function statusOf({ domains }: BrokerStatus, { name }: Domain): DomainStatus | undefined {
  return domains.find((each) => each.name === name);
}

/** A ring for this sender alone comes before one for every sender, as in `sendv`. */
function ringOf(
  policy: PolicyRevision,
  status: BrokerStatus,
  { source, destination, serviceClass }: AccessQuestion,
  port: number | undefined,
): Presence {
  const fits = (each: number): boolean =>
    port === undefined ? policy.classes.of(destination, each) === serviceClass : each === port;
  const rings = (statusOf(status, destination)?.rings ?? []).filter(
    (ring) => fits(ring.port) && (ring.partner === source.name || ring.partner === 'any'),
  );
  const ring = rings.find(({ partner }) => partner === source.name) ?? rings[0];
  const where = port === undefined ? `a port of class ${serviceClass.name}` : `port ${port}`;
  const what = `${destination.name} has a ring at ${where} for ${source.name}`;
  if (ring === undefined) return { what, holds: false };
  const room = ring.length - ring.used;
  return {
    what: `${what} (address ${destination.name}:${ring.port}, ${room} of ${ring.length} bytes free)`,
    holds: true,
  };
}
