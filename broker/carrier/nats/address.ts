/** Address of a server and name of a broker: `nats://host:port/broker`, optionally with the files of this end. */
import { NatsCarrierError } from './errors.ts';
import { isSubjectName } from './subjects.ts';

export interface NatsAddress {
  readonly host: string;
  readonly tcpPort: number;
  /** Null when the address names no broker. */
  readonly broker: string | null;
  /** `?seed=` and `?ca=`: paths of the nkey seed and of the server's CA. Null: in the identity's directory. */
  readonly seed: string | null;
  readonly ca: string | null;
  /** False for `?tls=off`: the server speaks plain TCP. */
  readonly tls: boolean;
}

const DEFAULT_TCP_PORT = 4222;
const PARAMETERS: readonly string[] = ['seed', 'ca', 'tls'];

/** @throws NatsCarrierError ERR_NATS_ADDRESS */
export function parseNatsAddress(spec: string): NatsAddress {
  const expected = 'expected nats://host:port/broker (an IPv6 address in brackets; ?seed= and ?ca= name other files)';
  const url = URL.canParse(spec) ? new URL(spec) : null;
  if (url === null || url.protocol !== 'nats:' || url.hostname === '' || url.hash !== '') throw wrong(spec, expected);
  if (url.username !== '' || url.password !== '')
    throw wrong(spec, 'there are no passwords: the nkey proves who we are');
  const unknown = [...url.searchParams.keys()].find((key) => !PARAMETERS.includes(key));
  if (unknown !== undefined) throw wrong(spec, `unknown parameter "${unknown}"; there are ${PARAMETERS.join(', ')}`);
  const tls = url.searchParams.get('tls') ?? 'on';
  if (tls !== 'on' && tls !== 'off') throw wrong(spec, `tls is "on" or "off", not "${tls}"`);
  const broker = url.pathname.replace(/^\//, '');
  if (broker !== '' && !isSubjectName(broker)) throw wrong(spec, `"${broker}" is no broker's name; ${expected}`);
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    tcpPort: url.port === '' ? DEFAULT_TCP_PORT : Number(url.port),
    broker: broker === '' ? null : broker,
    seed: url.searchParams.get('seed'),
    ca: url.searchParams.get('ca'),
    tls: tls === 'on',
  };
}

function wrong(spec: string, why: string): NatsCarrierError {
  return new NatsCarrierError('ERR_NATS_ADDRESS', `"${spec}": ${why}`);
}
