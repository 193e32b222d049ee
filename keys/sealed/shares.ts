/**
 * An authority in shares (Shamir): any `need` of them open a backup of it, fewer say nothing about it.
 *
 * What is split is the random passphrase of the backup, and each share carries the backup. So the shares alone are
 * enough, and the backup's seal notices a changed share: combining never fails by itself, it gives another secret.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { combine, split } from 'shamir-secret-sharing';
import * as z from 'zod';
import { MAX_SHARES, SHARE_ROUNDS, SHARE_SECRET_BYTES } from '../base/index.ts';
import { type Backup, openBackup, sealBackup } from './backup.ts';

const share = z.strictObject({
  share: z.literal('argus authority v1'),
  /** The same in all shares of one split, and in no other. */
  set: z.uuid(),
  number: z.int().min(1).max(MAX_SHARES),
  shares: z.int().min(2).max(MAX_SHARES),
  need: z.int().min(2).max(MAX_SHARES),
  /** Thumbprint of the authority, so that a person can tell what the share is for. */
  authority: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  data: z.base64url().max(200),
  backup: z.string(),
});

export type AuthorityShare = Readonly<z.output<typeof share>>;

export interface SplitTerms {
  readonly shares: number;
  readonly need: number;
  readonly authority: string;
}

/** @param terms 2 … MAX_SHARES, `need` at most `shares`: the caller has checked */
export async function splitBackup(content: Backup, terms: SplitTerms): Promise<readonly AuthorityShare[]> {
  const secret = new Uint8Array(randomBytes(SHARE_SECRET_BYTES));
  const parts = await split(secret, terms.shares, terms.need);
  const backup = await sealBackup(content, passphraseOf(secret), SHARE_ROUNDS);
  secret.fill(0);
  const set = randomUUID();
  return parts.map((part, index) => ({
    share: 'argus authority v1',
    set,
    number: index + 1,
    ...terms,
    data: Buffer.from(part).toString('base64url'),
    backup,
  }));
}

/** @returns null for what is no share */
export function parseShare(text: string): AuthorityShare | null {
  try {
    return share.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null; // no JSON
  }
}

/**
 * @param shares of one set, each once, at least `need` of them: the caller has checked
 * @returns null when one of them was changed
 */
export async function joinShares(shares: readonly AuthorityShare[]): Promise<Backup | null> {
  const [first] = shares;
  if (first === undefined || shares.some(({ backup }) => backup !== first.backup)) return null;
  let secret: Uint8Array;
  try {
    secret = await combine(shares.map(({ data }) => Uint8Array.from(Buffer.from(data, 'base64url'))));
  } catch {
    return null; // lengths that differ, or the same point twice
  }
  const opened = await openBackup(first.backup, passphraseOf(secret));
  secret.fill(0);
  return opened;
}

function passphraseOf(secret: Uint8Array): string {
  return Buffer.from(secret).toString('base64url');
}
