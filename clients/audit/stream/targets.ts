/** The receiver that an address names. */
import { isIP } from 'node:net';
import { StreamError } from './errors.ts';
import { jetStreamTarget } from './jetstream.ts';
import { otlpTarget, parseHeaders } from './otlp.ts';
import type { StreamTarget } from './stream.ts';
import { syslogTarget } from './syslog.ts';
import { readSecret, type TlsFiles, tlsOptions } from './tls.ts';

type Kind = 'syslog' | 'otlp' | 'nats';

interface Scheme {
  readonly kind: Kind;
  readonly isSecure: boolean;
  /** RFC 5425; OTLP 1; the port of every NATS server. */
  readonly port: number;
}

const SCHEMES: ReadonlyMap<string, Scheme> = new Map([
  ['syslog+tls:', { kind: 'syslog', isSecure: true, port: 6_514 }],
  ['otlp+https:', { kind: 'otlp', isSecure: true, port: 4_318 }],
  ['otlp+http:', { kind: 'otlp', isSecure: false, port: 4_318 }],
  ['nats+tls:', { kind: 'nats', isSecure: true, port: 4_222 }],
  ['nats:', { kind: 'nats', isSecure: false, port: 4_222 }],
]);
/** Where OTLP receivers take logs, unless the address says otherwise. */
const OTLP_PATH = '/v1/logs';
const USER_SEED = /^SU[A-Z2-7]{56}$/;

export interface StreamAddress extends Scheme {
  /** As it is shown and kept in the cursor: it has no secrets. */
  readonly name: string;
  readonly host: string;
  readonly path: string;
}

/** Throws ERR_STREAM_OPTION. */
export function parseAddress(text: string): StreamAddress {
  const url = URL.canParse(text) ? new URL(text) : null;
  const scheme = SCHEMES.get(url?.protocol ?? '');
  if (url === null || scheme === undefined)
    throw option(`an address begins with one of ${[...SCHEMES.keys()].map((key) => `${key}//`).join(' ')}`);
  // The address is shown in lists of processes, in the cursor and in messages. What is wrong with it is not repeated.
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw option(
      'an address holds no user, password or query: secrets come from files (--headers, --key, --nats-seed)',
    );
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (host === '') throw option(`"${text}" names no host`);
  if (!scheme.isSecure && !isLoopback(host))
    throw option(
      `"${text}" is not encrypted and leaves this host; use ${scheme.kind === 'otlp' ? 'otlp+https' : 'nats+tls'}`,
    );
  const path = pathOf(scheme.kind, url.pathname, text);
  const port = url.port === '' ? scheme.port : Number(url.port);
  const shown = scheme.kind === 'syslog' ? '' : scheme.kind === 'nats' ? `/${path}` : path;
  return {
    ...scheme,
    port,
    host,
    path,
    name: `${url.protocol}//${host.includes(':') ? `[${host}]` : host}:${port}${shown}`,
  };
}

export interface TargetFiles extends TlsFiles {
  /** `Name: value` lines, for OTLP. */
  readonly headers?: string;
  /** The seed of an nkey, for NATS. */
  readonly natsSeed?: string;
}

/** Throws StreamError. Nothing is opened yet. */
export function openTarget(address: StreamAddress, files: TargetFiles, now: () => number): StreamTarget {
  const { kind, isSecure, host, path } = address;
  if (files.headers !== undefined && kind !== 'otlp') throw option('--headers is for otlp');
  if (files.natsSeed !== undefined && kind !== 'nats') throw option('--nats-seed is for nats');
  if (!isSecure && (files.ca ?? files.cert ?? files.key) !== undefined)
    throw option('--ca, --cert and --key are for encrypted addresses');
  const tls = tlsOptions(host, files);
  if (kind === 'syslog') return syslogTarget(address, tls);
  if (kind === 'nats') {
    const seed = files.natsSeed === undefined ? null : readSecret(files.natsSeed).trim();
    if (seed !== null && !USER_SEED.test(seed))
      throw new StreamError('ERR_STREAM_FILE', `"${files.natsSeed}" does not hold the seed of an nkey of a user`);
    return jetStreamTarget({ ...address, subject: path }, isSecure ? tls : null, seed);
  }
  const headers = files.headers === undefined ? {} : parseHeaders(readSecret(files.headers), files.headers);
  return otlpTarget(address, isSecure ? tls : null, headers, now);
}

function pathOf(kind: Kind, pathname: string, text: string): string {
  const isEmpty = pathname === '' || pathname === '/';
  if (kind === 'otlp') return isEmpty ? OTLP_PATH : pathname;
  if (kind === 'syslog') {
    if (isEmpty) return '';
    throw option(`"${text}": a syslog address has no path`);
  }
  const subject = pathname.slice(1);
  if (/^[\w-]+(\.[\w-]+)*$/.test(subject)) return subject;
  throw option(`"${text}" needs a subject without wildcards, such as nats+tls://host/argus.audit.host-1`);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function option(message: string): StreamError {
  return new StreamError('ERR_STREAM_OPTION', message);
}
