/** A small signed log, and people with keys of one authority. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { join } from 'node:path';
import { noteKeyOf, openAuditLog } from '../../../broker/audit/index.ts';
import { type Authority, createAuthority, type Identity, issueIdentity, type Role } from '../../../keys/index.ts';
import { temporaryDirectory } from '../../support/temp.ts';

let authority: Promise<Authority> | null = null;
const people = new Map<string, Promise<Identity>>();

/** Made once for a test file. */
export function person(name: string, role: Role): Promise<Identity> {
  authority ??= createAuthority(join(temporaryDirectory(), 'authority'), 'unsealed');
  const key = `${name}-${role}`;
  const known = people.get(key);
  if (known !== undefined) return known;
  const made = authority.then((by) =>
    issueIdentity(by, join(temporaryDirectory(), key), { name, role, ttlSeconds: 3_600 }, 'unsealed'),
  );
  people.set(key, made);
  return made;
}

let log: Promise<string> | null = null;

/** Eleven records, of which nine are refused policies. */
export function signedLog(): Promise<string> {
  log ??= (async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
    const directory = join(temporaryDirectory(), 'audit');
    const signer = {
      key: noteKeyOf('host-1', raw),
      sign: async (text: string) => sign(null, Buffer.from(text), privateKey),
    };
    const writer = await openAuditLog({ directory, broker: 'host-1', signer });
    for (let time = 0; time < 9; time++) writer.record({ event: 'policy.reject', reason: `R${time}` });
    await writer.close();
    return directory;
  })();
  return log;
}
