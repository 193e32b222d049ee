/** Migration: what one host seals for another opens there, once, and nowhere else. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { PreparedTransfer } from '../../../keys/files/at-rest/migration.ts';
import {
  createAuthority,
  issueIdentity,
  loadIdentity,
  migrateKeys,
  openAuthority,
  prepareTransfer,
  receiveKeys,
} from '../../../keys/index.ts';
import { parseTransferKey, sealTransfer } from '../../../keys/sealed/transfer.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { codeOf } from '../forge.ts';

const migration = suite('migration of keys');

interface Site {
  readonly path: (name: string) => string;
  readonly target: PreparedTransfer;
  readonly migrate: (dir: string, changes?: object) => ReturnType<typeof migrateKeys>;
}

async function makeSite(): Promise<Site> {
  const base = temporaryDirectory();
  const path = (name: string): string => join(base, name);
  const authority = await createAuthority(path('authority'), 'unsealed');
  await issueIdentity(
    authority,
    path('chrome-vm'),
    { name: 'chrome-vm', role: 'domain', ttlSeconds: 3_600 },
    'unsealed',
  );
  const target = await prepareTransfer(path('new'), 'unsealed');
  const terms = { to: target.publicFile, thumbprint: target.thumbprint, out: path('transfer'), now: Date.now() };
  return { path, target, migrate: (dir, changes = {}) => migrateKeys(path(dir), { ...terms, ...changes }) };
}

migration('an identity and an authority arrive whole, and the key of the transfer is gone', async () => {
  for (const kind of ['chrome-vm', 'authority']) {
    const { path, migrate } = await makeSite();
    const { key } = await migrate(kind);
    assert.not.match(await readFile(path('transfer'), 'utf8'), 'chrome-vm');
    await receiveKeys(path('new'), path('transfer'), key);
    for (const name of await readdir(path(kind)))
      assert.is(await readFile(path(`new/${name}`), 'utf8'), await readFile(path(`${kind}/${name}`), 'utf8'), name);
    assert.equal((await readdir(path('new'))).sort(), (await readdir(path(kind))).sort());
    if (kind === 'authority') assert.is((await openAuthority(path('new'))).thumbprint, key);
    else assert.is((await loadIdentity(path('new'))).thumbprint, key);
    assert.is(await codeOf(() => receiveKeys(path('new'), path('transfer'), key)), 'ERR_KEY_FILE_MISSING');
  }
});

migration('it opens only where it was meant for, unchanged, and with the key that is expected', async () => {
  const { path, migrate } = await makeSite();
  const { key } = await migrate('chrome-vm');
  await prepareTransfer(path('other'), 'unsealed');
  assert.is(await codeOf(() => receiveKeys(path('other'), path('transfer'), key)), 'ERR_KEY_BACKUP');
  const jwe = await readFile(path('transfer'), 'utf8');
  for (const changed of [jwe.slice(0, -40), jwe.replace('.', '.A'), 'x', '']) {
    await writeFile(path('changed'), changed);
    assert.is(await codeOf(() => receiveKeys(path('new'), path('changed'), key)), 'ERR_KEY_BACKUP');
  }
  assert.is(await codeOf(() => receiveKeys(path('new'), path('transfer'), `${key.slice(1)}A`)), 'ERR_KEY_MISMATCH');
  assert.equal((await readdir(path('new'))).sort(), ['transfer.jwk', 'transfer.pub.jwk'], 'nothing was written');
  await receiveKeys(path('new'), path('transfer'), key);
});

migration('a file with a path in it, and one for what is there already, write nothing', async () => {
  const { path, target, migrate } = await makeSite();
  const { key } = await migrate('chrome-vm');
  const recipient = parseTransferKey(JSON.parse(await readFile(target.publicFile, 'utf8')));
  assert.ok(recipient !== null);
  const own = await readFile(path('chrome-vm/key.pub.jwk'), 'utf8');
  const files = { 'key.pub.jwk': own, '../evil': 'x' };
  await writeFile(path('evil-transfer'), await sealTransfer({ v: 1, kind: 'identity', madeAt: 1, files }, recipient));
  assert.is(await codeOf(() => receiveKeys(path('new'), path('evil-transfer'), key)), 'ERR_KEY_BACKUP');
  await writeFile(path('new/key.jwk'), 'here already');
  assert.is(await codeOf(() => receiveKeys(path('new'), path('transfer'), key)), 'ERR_KEY_EXISTS');
  assert.is(await readFile(path('new/key.jwk'), 'utf8'), 'here already');
});

migration('the old host seals only for the key that was compared', async () => {
  const { path, target, migrate } = await makeSite();
  const other = await prepareTransfer(path('other'), 'unsealed');
  assert.is(await codeOf(() => migrate('chrome-vm', { to: other.publicFile })), 'ERR_KEY_MISMATCH');
  assert.is(await codeOf(() => migrate('chrome-vm', { to: path('new/transfer.jwk') })), 'ERR_KEY_FILE_CONTENT');
  assert.is(await codeOf(() => migrate('chrome-vm', { to: path('chrome-vm/key.pub.jwk') })), 'ERR_KEY_FILE_CONTENT');
  assert.is(await codeOf(() => readFile(path('transfer'))), 'ENOENT');
  await migrate('chrome-vm');
  assert.is(await codeOf(() => migrate('chrome-vm')), 'ERR_KEY_EXISTS');
  assert.is(await codeOf(() => prepareTransfer(path('new'), 'unsealed')), 'ERR_KEY_EXISTS');
  assert.is(target.thumbprint.length, 43);
});

migration.run();
