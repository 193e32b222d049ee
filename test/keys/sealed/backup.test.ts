/** A backup opens under its passphrase alone, and says when it was made. */

import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { restoreKeys } from '../../../keys/files/at-rest/key-backup.ts';
import { openBackup, sealBackup } from '../../../keys/sealed/backup.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { codeOf } from '../forge.ts';

const backups = suite('backup of keys');
const PASSPHRASE = 'correct horse battery staple';
const MADE_AT = 1_800_000_000;
const DAY = 86_400;
/** The rounds protect a passphrase, and there is none to protect here. */
const FEW_ROUNDS = 1_000;

async function restore(files: Readonly<Record<string, string>>, ageDays = 0): Promise<readonly [unknown, boolean]> {
  const base = temporaryDirectory();
  const [file, dir] = [join(base, 'backup'), join(base, 'back')];
  await writeFile(file, await sealBackup({ v: 1, kind: 'identity', madeAt: MADE_AT, files }, PASSPHRASE, FEW_ROUNDS));
  const now = (MADE_AT + ageDays * DAY) * 1000;
  const code = await codeOf(() => restoreKeys(file, dir, { passphrase: PASSPHRASE, maxAgeSeconds: 90 * DAY, now }));
  return [code, (await stat(dir).catch(() => null)) !== null];
}

backups('what was sealed comes back, and holds nothing in the clear', async () => {
  const content = { v: 1, kind: 'identity', madeAt: MADE_AT, files: { 'key.jwk': 'secret' } } as const;
  const jwe = await sealBackup(content, PASSPHRASE, FEW_ROUNDS);
  assert.equal(await openBackup(jwe, PASSPHRASE), content);
  assert.is(await openBackup(jwe, 'another passphrase'), null);
  assert.not.match(jwe, 'secret');
});

backups('a backup as old as it may be is restored, and one that is older is not', async () => {
  assert.is.not((await restore({ 'key.jwk': 'x' }, 90))[0], 'ERR_KEY_BACKUP_OLD');
  assert.equal(await restore({ 'key.jwk': 'x' }, 91), ['ERR_KEY_BACKUP_OLD', false]);
});

backups('a backup that would cost more than it may is not tried', async () => {
  const content = { v: 1, kind: 'identity', madeAt: MADE_AT, files: {} } as const;
  assert.is(await openBackup(await sealBackup(content, PASSPHRASE, 1_000_001), PASSPHRASE), null);
});

backups('a backup names only files of keys: none leads out of the directory', async () => {
  for (const name of ['../key.jwk', '/etc/passwd', 'authorized_keys', 'issued.jsonl'])
    assert.equal(await restore({ 'key.jwk': 'x', [name]: 'y' }), ['ERR_KEY_BACKUP', false], name);
});

backups.run();
