/** A backup: the files of a directory of keys in one JWE (RFC 7516) under a passphrase (PBES2, RFC 7518 §4.8). */
import { CompactEncrypt, compactDecrypt } from 'jose';
import * as z from 'zod';
import { MAX_PBKDF2_ROUNDS, PBKDF2_ROUNDS } from '../base/index.ts';

const BACKUP_TYPE = 'argus-backup+jwe';
export const CONTENT = 'A256GCM';
const KEY_MANAGEMENT = 'PBES2-HS512+A256KW';

const backup = z.strictObject({
  v: z.literal(1),
  kind: z.enum(['identity', 'authority']),
  /** Seconds since 1970-01-01 UTC. */
  madeAt: z.int().nonnegative(),
  files: z.record(z.string(), z.string()),
});

export type Backup = Readonly<z.output<typeof backup>>;

/** @throws SyntaxError when it is not JSON @returns null when it is no backup */
export function parseBackup(plaintext: Uint8Array): Backup | null {
  return backup.safeParse(JSON.parse(Buffer.from(plaintext).toString('utf8'))).data ?? null;
}

export function sealBackup(content: Backup, passphrase: string, rounds = PBKDF2_ROUNDS): Promise<string> {
  return new CompactEncrypt(Buffer.from(JSON.stringify(content), 'utf8'))
    .setProtectedHeader({ alg: KEY_MANAGEMENT, enc: CONTENT, typ: BACKUP_TYPE })
    .setKeyManagementParameters({ p2c: rounds })
    .encrypt(Buffer.from(passphrase.normalize('NFKC'), 'utf8'));
}

/** @returns null when the passphrase is wrong, or the file was changed, cut short, or is something else */
export async function openBackup(jwe: string, passphrase: string): Promise<Backup | null> {
  try {
    const { plaintext, protectedHeader } = await compactDecrypt(
      jwe,
      Buffer.from(passphrase.normalize('NFKC'), 'utf8'),
      {
        keyManagementAlgorithms: [KEY_MANAGEMENT],
        contentEncryptionAlgorithms: [CONTENT],
        maxPBES2Count: MAX_PBKDF2_ROUNDS,
      },
    );
    if (protectedHeader.typ !== BACKUP_TYPE) return null;
    return parseBackup(plaintext);
  } catch {
    return null; // jose throws one error for all of it, without a reason
  }
}
