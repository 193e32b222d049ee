/**
 * The certificates of a NATS server: a CA of its own or a given one, and a server certificate for the host names that
 * clients use. Made with openssl, because Node can read certificates but not make them.
 */
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, unlink, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Sealing } from '../../../../keys/index.ts';
import { NatsCarrierError } from '../errors.ts';
import { AUTHORITY_DAYS, CERTIFICATE_DAYS } from '../limits.ts';

export interface CertificateFiles {
  readonly ca: string;
  readonly caKey: string;
  readonly cert: string;
  readonly key: string;
}

const DAY_MS = 86_400_000;
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export function certificateFiles(directory: string): CertificateFiles {
  const at = (name: string): string => join(directory, name);
  return { ca: at('ca.pem'), caKey: at('ca-key.pem'), cert: at('server.pem'), key: at('server-key.pem') };
}

/**
 * Makes a certificate that is missing, no longer fits the hosts, or is in the last third of its life. True: it did.
 *
 * @param sealing of keys that are not there yet: only `unsealed` makes them
 * @throws NatsCarrierError ERR_NATS_OPENSSL, ERR_NATS_FILE, ERR_NATS_UNSEALED
 */
export async function ensureCertificates(
  directory: string,
  hosts: readonly string[],
  now: number,
  sealing: Sealing,
): Promise<boolean> {
  const files = certificateFiles(directory);
  if (!existsSync(files.ca)) {
    requireSaid(files.caKey, sealing);
    await makeAuthority(files);
  }
  if (await isGood(files, hosts, now)) return false;
  if (!existsSync(files.caKey))
    throw new NatsCarrierError(
      'ERR_NATS_FILE',
      `"${files.ca}" is yours and its key is not here: put a certificate for ${hosts.join(', ')} into "${files.cert}" and its key into "${files.key}"`,
    );
  if (!existsSync(files.key)) requireSaid(files.key, sealing);
  await makeCertificate(files, hosts);
  return true;
}

/** A certificate that is renewed has a key in the clear already: then it was said before. */
function requireSaid(path: string, sealing: Sealing): void {
  if (sealing === 'unsealed') return;
  throw new NatsCarrierError(
    'ERR_NATS_UNSEALED',
    `"${path}" would lie on the disk in the clear, because nats-server cannot open a sealed key: say so with --unsealed, put a certificate and key of your own there, or do without TLS on a private network (--no-tls)`,
  );
}

async function makeAuthority(files: CertificateFiles): Promise<void> {
  const extensions = ['basicConstraints=critical,CA:TRUE,pathlen:0', 'keyUsage=critical,keyCertSign,cRLSign'];
  await openssl([
    ...['req', '-x509', ...NEW_KEY, '-days', String(AUTHORITY_DAYS), '-subj', '/CN=Argus NATS CA'],
    ...extensions.flatMap((extension) => ['-addext', extension]),
    ...['-keyout', files.caKey, '-out', files.ca],
  ]);
}

async function makeCertificate(files: CertificateFiles, hosts: readonly string[]): Promise<void> {
  const names = hosts.map((host) => (isIP(host) === 0 ? `DNS:${host}` : `IP:${host}`)).join(',');
  const request = `${files.cert}.csr`;
  const extensions = `${files.cert}.ext`;
  await openssl(['req', '-new', ...NEW_KEY, '-subj', '/CN=Argus NATS server', '-keyout', files.key, '-out', request]);
  await writeFile(
    extensions,
    `subjectAltName=${names}\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n`,
  );
  await openssl([
    ...['x509', '-req', '-in', request, '-CA', files.ca, '-CAkey', files.caKey, '-CAcreateserial'],
    ...['-days', String(CERTIFICATE_DAYS), '-extfile', extensions, '-out', files.cert],
  ]);
  await Promise.all([request, extensions].map((path) => unlink(path)));
}

/** True if the certificate is signed by the CA, is valid for every host, and does not expire soon. */
async function isGood(files: CertificateFiles, hosts: readonly string[], now: number): Promise<boolean> {
  if (!existsSync(files.cert) || !existsSync(files.key)) return false;
  const certificate = new X509Certificate(await readFile(files.cert));
  const authority = new X509Certificate(await readFile(files.ca));
  const isFor = (host: string): boolean =>
    (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined;
  const left = Date.parse(certificate.validTo) - now;
  return certificate.verify(authority.publicKey) && hosts.every(isFor) && left > (CERTIFICATE_DAYS / 3) * DAY_MS;
}

async function openssl(args: readonly string[]): Promise<void> {
  try {
    // openssl itself writes private keys with mode 0600. Its stderr is useful only after a failure.
    await promisify(execFile)('openssl', args);
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    const why = isMissing ? 'install the package openssl' : `"openssl ${args[0]}" failed`;
    throw new NatsCarrierError('ERR_NATS_OPENSSL', `certificates could not be made: ${why}`, { cause });
  }
}
