/** The seed of a NATS user at rest: sealed with the key of its directory, and from the start where a passphrase is there. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeNkey, readSeed } from '../../../broker/carrier/nats/line/nkey.ts';
import { createAuthority, issueIdentity, sealKeyDirectory, unsealKeyDirectory } from '../../../keys/index.ts';
import { temporaryDirectory } from '../../support/temp.ts';

const seeds = suite('the seed of a NATS user at rest');

const PASSPHRASE = 'correct horse battery staple';
const directory = temporaryDirectory();
const secret = join(directory, 'passphrase');
writeFileSync(secret, `${PASSPHRASE}\n`, { mode: 0o600 });

async function withPassphrase<T>(act: () => Promise<T>): Promise<T> {
  process.env.ARGUS_KEY_PASSPHRASE_FILE = secret;
  try {
    return await act();
  } finally {
    delete process.env.ARGUS_KEY_PASSPHRASE_FILE;
  }
}

function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    ({ code }: { code: string }) => code,
  );
}

seeds('seal and unseal take the seed with the key, and it is the same seed after it', async () => {
  const authority = await createAuthority(join(directory, 'authority'), 'unsealed');
  const dir = join(directory, 'chrome-vm');
  await issueIdentity(authority, dir, { name: 'chrome-vm', role: 'domain', ttlSeconds: 3_600 }, 'unsealed');
  await makeNkey(dir, 'unsealed');
  const file = join(dir, 'nats.seed');
  const open = readFileSync(file, 'utf8');
  await sealKeyDirectory(dir, PASSPHRASE);
  assert.not.match(readFileSync(file, 'utf8'), open.trim());
  assert.is(await codeOf(readSeed(file)), 'ERR_KEY_SEALED');
  assert.is(Buffer.from(await withPassphrase(() => readSeed(file))).toString('latin1'), open.trim());
  assert.is(await codeOf(unsealKeyDirectory(dir, 'another passphrase')), 'ERR_KEY_UNSEAL');
  await unsealKeyDirectory(dir, PASSPHRASE);
  assert.is(readFileSync(file, 'utf8'), open);
});

seeds('with a passphrase a new seed is never there in the clear', async () => {
  const dir = temporaryDirectory();
  const { publicKey } = await withPassphrase(() => makeNkey(dir, 'unsealed'));
  const text = readFileSync(join(dir, 'nats.seed'), 'utf8');
  assert.match(text, '"sealed"');
  assert.match(publicKey, /^U/);
});

seeds.run();
