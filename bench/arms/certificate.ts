/** A throw-away server certificate for the TLS arms. It signs itself, and only the bench's own clients trust it. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { FindProgram } from './server-process.ts';

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** The package to install when certificates cannot be made here, else null. */
export async function certificateMissing(find: FindProgram): Promise<string | null> {
  return (await find('openssl')) === null ? 'openssl' : null;
}

/** ECDSA P-256, as servers use today. It does not change the figures, because connections outlive the run. */
export async function createCertificate(folder: string): Promise<CertificateFiles> {
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  await promisify(execFile)('openssl', [
    'req',
    '-x509',
    '-nodes',
    ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
    ...['-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
    ...['-keyout', files.key, '-out', files.cert],
  ]);
  return files;
}
