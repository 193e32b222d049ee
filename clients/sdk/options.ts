/** The options of `connect`: every default, every range, and no key that is not known. */
import { AEAD_PROVIDERS, AEAD_SUITES, type AeadProvider, type AeadSuite, type Identity } from '../../keys/index.ts';
import { ArgusError } from './errors.ts';
import {
  DEFAULT_DRAIN_TIMEOUT_MS,
  DEFAULT_HANDSHAKE_TIMEOUT_MS,
  DEFAULT_QUEUE_BYTES,
  DEFAULT_SILENCE_LIMIT_MS,
  MAX_QUEUE_BYTES,
  MAX_TIMEOUT_MS,
  MIN_QUEUE_BYTES,
  MIN_SILENCE_LIMIT_MS,
} from './limits.ts';

/** Where the authority's service has its ring. The reply comes to the same port of this domain. */
export interface RenewalPlace {
  readonly domain: string;
  readonly port: number;
}

export interface ConnectOptions {
  /**
   * `unix:/absolute/path`, `tcp:host:port` or `serial:/dev/…`: where the broker listens for this domain. `agent:` is
   * the agent of this machine, which lends its session to any number of programs.
   */
  readonly carrier: string;
  /**
   * Directory of the identity (`argus keys enrol`), read again for every session, or a loaded one. Not with `agent:`,
   * whose agent has the identity.
   */
  readonly identity?: string | Identity;
  /** Name that the broker must prove; null (default) = any broker of the same authority. */
  readonly broker?: string | null;
  /**
   * The domain of the authority (`argus keys authority`) and the port of its ring, which renews the credential before it
   * ends; null (default) = nobody is asked, and `expiring` says so. Needs `identity` to be a directory.
   */
  readonly renewal?: RenewalPlace | null;
  /** Come back by itself when the session is lost (default true). The first session is not retried. */
  readonly reconnect?: boolean;
  /**
   * AEAD suites offered, best first (default A256GCM, C20P, A256GCMSIV). The last alone, for a virtual machine that is
   * saved and started more than once: no session without it.
   */
  readonly suites?: readonly AeadSuite[];
  /** Who seals and opens: `in-place`, `node` or `noble`; null (default) = in place where it loads, otherwise node. */
  readonly aead?: AeadProvider | null;
  /** Frame bytes of sends whose outcome is not known yet, 64 KiB … 1 GiB (default 8 MiB); beyond: ENOBUFS. */
  readonly queueBytes?: number;
  /** From dialling until the session is up, 1 … 3 600 000 ms (default 10 000). */
  readonly handshakeTimeoutMs?: number;
  /**
   * A broker that says nothing for this long, not even an answer to a ping, is gone: 300 … 3 600 000 ms (default 45
   * 000). A shorter limit notices a frozen broker or host sooner, and takes a host that is only busy for a frozen one.
   */
  readonly silenceLimitMs?: number;
  /** Time that `close()` waits for pending sends, 0 … 3 600 000 ms (default 5 000). */
  readonly drainTimeoutMs?: number;
  /** Ends the attempt to connect; has no effect once the session is up. */
  readonly signal?: AbortSignal;
}

export interface ResolvedOptions {
  readonly carrier: string;
  /** Null exactly with `agent:`. */
  readonly identity: string | Identity | null;
  readonly broker: string | null;
  readonly renewal: RenewalPlace | null;
  readonly reconnect: boolean;
  readonly suites: readonly AeadSuite[];
  readonly aead: AeadProvider | null;
  readonly queueBytes: number;
  readonly handshakeTimeoutMs: number;
  readonly silenceLimitMs: number;
  readonly drainTimeoutMs: number;
  readonly signal: AbortSignal | null;
}

const DEFAULTS = Object.freeze({
  identity: null,
  broker: null,
  renewal: null,
  reconnect: true,
  suites: AEAD_SUITES,
  aead: null,
  queueBytes: DEFAULT_QUEUE_BYTES,
  handshakeTimeoutMs: DEFAULT_HANDSHAKE_TIMEOUT_MS,
  silenceLimitMs: DEFAULT_SILENCE_LIMIT_MS,
  drainTimeoutMs: DEFAULT_DRAIN_TIMEOUT_MS,
  signal: null,
});

/** What each key must be; also the list of keys there are. */
const CHECKS: Readonly<Record<keyof ResolvedOptions, readonly [expected: string, (value: unknown) => boolean]>> = {
  carrier: ['a string like "unix:/path" or "tcp:host:port"', (value) => typeof value === 'string'],
  identity: ['a directory or an identity from loadIdentity', (value) => value === null || isIdentity(value)],
  broker: [
    'the broker’s name, or null for any',
    (value) => value === null || (typeof value === 'string' && value !== ''),
  ],
  renewal: ['null, or an object with the name of a domain and a port', isRenewal],
  reconnect: ['true or false', (value) => typeof value === 'boolean'],
  suites: [`a list of ${AEAD_SUITES.map((each) => `"${each}"`).join(', ')}, best first`, isSuiteList],
  aead: [
    `one of ${AEAD_PROVIDERS.map((each) => `"${each}"`).join(', ')}, or null`,
    (value) => value === null || AEAD_PROVIDERS.some((each) => each === value),
  ],
  queueBytes: range(MIN_QUEUE_BYTES, MAX_QUEUE_BYTES),
  handshakeTimeoutMs: range(1, MAX_TIMEOUT_MS),
  silenceLimitMs: range(MIN_SILENCE_LIMIT_MS, MAX_TIMEOUT_MS),
  drainTimeoutMs: range(0, MAX_TIMEOUT_MS),
  signal: ['an AbortSignal', (value) => value === null || value instanceof AbortSignal],
};

/** @throws ArgusError ERR_CLIENT_OPTION */
export function resolveOptions(given: ConnectOptions): ResolvedOptions {
  if (typeof given !== 'object' || given === null) throw optionError('options: expected an object');
  const merged: Record<string, unknown> = { ...DEFAULTS };
  for (const [key, value] of Object.entries(given)) {
    if (!Object.hasOwn(CHECKS, key))
      throw optionError(`option "${key}": unknown; there are ${Object.keys(CHECKS).join(', ')}`);
    if (value !== undefined) merged[key] = value;
  }
  for (const [key, [expected, isValid]] of Object.entries(CHECKS)) {
    if (!isValid(merged[key])) throw optionError(`option "${key}": expected ${expected}, got ${describe(merged[key])}`);
  }
  const options = Object.freeze(merged as unknown as ResolvedOptions);
  const isAgent = options.carrier.startsWith('agent:');
  if (isAgent && options.identity !== null)
    throw optionError('option "identity": not with carrier "agent:", whose agent has the identity of this machine');
  if (isAgent && options.broker !== null)
    throw optionError('option "broker": not with carrier "agent:"; "broker" of agent.yaml names the broker');
  if (options.renewal !== null && typeof options.identity !== 'string')
    throw optionError('option "renewal": only with the directory of an identity, into which the new credential is put');
  if (!isAgent && options.identity === null)
    throw optionError('option "identity": expected a directory or an identity from loadIdentity, got null');
  return options;
}

function range(min: number, max: number): readonly [string, (value: unknown) => boolean] {
  return [
    `an integer of ${min} … ${max}`,
    (value) => typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max,
  ];
}

function isIdentity(value: unknown): boolean {
  if (typeof value === 'string') return value !== '';
  return typeof value === 'object' && value !== null && 'signStatement' in value && 'credentialJwt' in value;
}

function isRenewal(value: unknown): boolean {
  if (value === null) return true;
  if (typeof value !== 'object' || !('domain' in value) || !('port' in value)) return false;
  const { domain, port } = value;
  return typeof domain === 'string' && domain !== '' && typeof port === 'number' && port > 0 && port >>> 0 === port;
}

function isSuiteList(value: unknown): boolean {
  return (
    Array.isArray(value) && value.length > 0 && value.length <= 4 && value.every((each) => AEAD_SUITES.includes(each))
  );
}

/** Type and, where it can hold no secret, value. */
function describe(value: unknown): string {
  if (value === undefined || value === null || typeof value === 'number' || typeof value === 'boolean')
    return String(value);
  return typeof value === 'string' ? JSON.stringify(value) : Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}

function optionError(message: string): ArgusError {
  return new ArgusError('ERR_CLIENT_OPTION', message);
}
