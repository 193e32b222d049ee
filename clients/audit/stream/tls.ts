/** Certificates, keys and other secrets of a stream: from files, never from the command line. */
import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { StreamError } from './errors.ts';
import { MAX_FILE_BYTES } from './limits.ts';

const GROUP_AND_OTHERS = 0o077;

/** As `tls.connect`, `https.request` and the NATS library take it. */
export interface TlsOptions {
  readonly minVersion: 'TLSv1.2';
  readonly rejectUnauthorized: true;
  readonly servername?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly checkServerIdentity: (name: string, certificate: PeerCertificate) => Error | undefined;
}

export interface TlsFiles {
  /** PEM of the CA that signed the receiver's certificate; default: the CAs that Node knows. */
  readonly ca?: string;
  /** PEM of the stream's own certificate and key, for receivers that ask for them. */
  readonly cert?: string;
  readonly key?: string;
}

/** Throws StreamError. TLS 1.2 is the least that RFC 9662 leaves syslog. */
export function tlsOptions(host: string, { ca, cert, key }: TlsFiles): TlsOptions {
  if ((cert === undefined) !== (key === undefined))
    throw new StreamError('ERR_STREAM_OPTION', '--cert and --key are given together');
  return {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
    // The certificate must be that of the host in the address, also where it is an IP address.
    checkServerIdentity: (_, certificate) => checkServerIdentity(host, certificate),
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca: readText(ca) }),
    ...(cert === undefined ? {} : { cert: readText(cert) }),
    ...(key === undefined ? {} : { key: readSecret(key) }),
  };
}

export function readText(file: string): string {
  try {
    if (statSync(file).size <= MAX_FILE_BYTES) return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new StreamError('ERR_STREAM_FILE', `"${file}" cannot be read`, { cause });
  }
  throw new StreamError('ERR_STREAM_FILE', `"${file}" is longer than ${MAX_FILE_BYTES} bytes`);
}

/** Throws ERR_STREAM_FILE when others than the owner can touch the file. */
export function readSecret(file: string): string {
  const text = readText(file);
  if ((statSync(file).mode & GROUP_AND_OTHERS) === 0) return text;
  throw new StreamError('ERR_STREAM_FILE', `"${file}" holds a secret and others can read it: chmod go= "${file}"`);
}
