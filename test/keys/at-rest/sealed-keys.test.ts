/** Keys at rest on the disk: sealed, opened, backed up and restored, and nothing lost whatever goes wrong. */
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keysCommand } from '../../../clients/cli/commands/keys.ts';
import {
  createAuthority,
  createIdentityKey,
  issueIdentity,
  listHolders,
  loadIdentity,
  openAuthority,
} from '../../../keys/index.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { codeOf } from '../forge.ts';

const atRest = suite('keys at rest');
const NAME = 'chrome-vm';

/** Runs one command. @returns its error's code, or null */
async function argusKeys(...words: readonly string[]): Promise<unknown> {
  const program = keysCommand();
  for (const each of [program, ...program.commands]) each.exitOverride().configureOutput({ writeErr: () => {} });
  const write = process.stdout.write;
  process.stdout.write = () => true;
  try {
    await program.parseAsync(words, { from: 'user' });
    return null;
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  } finally {
    process.stdout.write = write;
  }
}

async function passphraseFile(text: string, mode = 0o600): Promise<string> {
  const file = join(temporaryDirectory(), 'passphrase');
  await writeFile(file, text, { mode });
  return file;
}

/** As a service that was given this passphrase. */
async function given<T>(variables: Readonly<Record<string, string>>, run: () => Promise<T>): Promise<T> {
  const before = { ...process.env };
  Object.assign(process.env, variables);
  try {
    return await run();
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
    Object.assign(process.env, before);
  }
}

async function site(): Promise<{ readonly authority: string; readonly vm: string; readonly passphrase: string }> {
  const base = temporaryDirectory();
  const [authority, vm] = [join(base, 'authority'), join(base, 'vm')];
  const made = await createAuthority(authority, 'unsealed');
  await issueIdentity(made, vm, { name: NAME, role: 'domain', ttlSeconds: 3600 }, 'unsealed');
  return { authority, vm, passphrase: await passphraseFile('correct horse battery\n') };
}

atRest('a sealed key is used by a program that has the passphrase, and by no other', async () => {
  const { vm, passphrase } = await site();
  const open = await readFile(join(vm, 'key.jwk'), 'utf8');
  assert.is(await argusKeys('seal', vm, '--passphrase-file', passphrase), null);
  const path = join(vm, 'key.jwk');
  assert.is((await stat(path)).mode & 0o777, 0o600);
  assert.not.match(await readFile(path, 'utf8'), JSON.parse(open).d);
  assert.is(await codeOf(() => loadIdentity(vm)), 'ERR_KEY_SEALED');
  const systemd = join(temporaryDirectory(), 'credentials');
  await mkdir(systemd);
  assert.is(await given({ CREDENTIALS_DIRECTORY: systemd }, () => codeOf(() => loadIdentity(vm))), 'ERR_KEY_SEALED');
  await writeFile(join(systemd, 'argus-key'), 'correct horse battery', { mode: 0o440 });
  assert.is((await given({ CREDENTIALS_DIRECTORY: systemd }, () => loadIdentity(vm))).name, NAME);
  assert.is((await given({ ARGUS_KEY_PASSPHRASE_FILE: passphrase }, () => loadIdentity(vm))).name, NAME);
  const wrong = await passphraseFile('correct horse batterx');
  assert.is(await given({ ARGUS_KEY_PASSPHRASE_FILE: wrong }, () => codeOf(() => loadIdentity(vm))), 'ERR_KEY_UNSEAL');
  assert.is(await argusKeys('seal', vm, '--passphrase-file', passphrase), 'ERR_KEY_EXISTS');
  assert.is(await argusKeys('unseal', vm, '--passphrase-file', wrong), 'ERR_KEY_UNSEAL');
  assert.is(await argusKeys('unseal', vm, '--passphrase-file', passphrase), null);
  assert.is(await readFile(path, 'utf8'), open, 'nothing is lost');
  assert.is(await argusKeys('unseal', vm, '--passphrase-file', passphrase), 'ERR_KEY_EXISTS');
});

atRest('where a passphrase is given a new key never lies on the disk in the clear', async () => {
  const [dir, vm] = [join(temporaryDirectory(), 'authority'), join(temporaryDirectory(), 'vm')];
  const passphrase = await passphraseFile('correct horse battery');
  await given({ ARGUS_KEY_PASSPHRASE_FILE: passphrase }, async () => {
    await createAuthority(dir, 'unsealed');
    await createIdentityKey(vm, NAME, 'unsealed');
  });
  for (const path of [join(dir, 'authority.jwk'), join(vm, 'key.jwk')])
    assert.ok('sealed' in JSON.parse(await readFile(path, 'utf8')), path);
  assert.is(await codeOf(() => openAuthority(dir)), 'ERR_KEY_SEALED');
});

atRest('a command leaves no new key on the disk in the clear unless it is told to', async () => {
  const [dir, vm] = [join(temporaryDirectory(), 'authority'), join(temporaryDirectory(), 'vm')];
  const enrol = ['enrol', vm, '--name', NAME];
  assert.is(await argusKeys('init', dir), 'ERR_KEY_PASSPHRASE');
  assert.is(await argusKeys(...enrol), 'ERR_KEY_PASSPHRASE');
  for (const path of [dir, vm]) assert.equal(await readdir(path), [], 'nothing was written');
  assert.is(await argusKeys('init', dir, '--unsealed'), null);
  const environment = { ARGUS_KEY_PASSPHRASE_FILE: await passphraseFile('correct horse battery') };
  assert.is(await given(environment, () => argusKeys(...enrol)), null);
  const texts = await Promise.all(
    [join(dir, 'authority.jwk'), join(vm, 'key.jwk')].map((path) => readFile(path, 'utf8')),
  );
  assert.equal(
    texts.map((text) => 'sealed' in JSON.parse(text)),
    [false, true],
  );
});

atRest('a sealed file that was cut short or is of a later version says so, and stays as it is', async () => {
  const { vm, passphrase } = await site();
  const path = join(vm, 'key.jwk');
  for (const text of ['{"sealed":"argus key v1","co', '{"sealed":"argus key v9"}', '{"sealed":"argus key v1"}']) {
    await writeFile(path, text);
    const environment = { ARGUS_KEY_PASSPHRASE_FILE: passphrase };
    assert.is(await given(environment, () => codeOf(() => loadIdentity(vm))), 'ERR_KEY_FILE_CONTENT', text);
    assert.is(await argusKeys('unseal', vm, '--passphrase-file', passphrase), 'ERR_KEY_FILE_CONTENT', text);
    assert.is(await readFile(path, 'utf8'), text);
  }
});

atRest('a passphrase comes from a file that only its owner may read, and is long enough', async () => {
  const { vm } = await site();
  const table: readonly (readonly [string, string])[] = [
    [await passphraseFile('correct horse battery', 0o644), 'ERR_KEY_FILE_MODE'],
    [await passphraseFile('too short'), 'ERR_KEY_PASSPHRASE'],
    [await passphraseFile(''), 'ERR_KEY_PASSPHRASE'],
    [join(temporaryDirectory(), 'not-there'), 'ERR_KEY_FILE_MISSING'],
  ];
  for (const [file, code] of table) assert.is(await argusKeys('seal', vm, '--passphrase-file', file), code, code);
  assert.is(await argusKeys('seal', vm), 'ERR_KEY_PASSPHRASE');
});

atRest('a backup of an authority gives it back whole, to the last revocation', async () => {
  const { authority, passphrase } = await site();
  const first = await openAuthority(authority);
  await first.revoke({ target: { role: 'domain', name: NAME }, reason: 'stolen', until: null });
  const base = temporaryDirectory();
  const [file, back] = [join(base, 'backup'), join(base, 'back')];
  const secret = ['--passphrase-file', passphrase];
  assert.is(await argusKeys('backup', authority, '--out', file, ...secret), null);
  assert.is((await stat(file)).mode & 0o777, 0o600);
  assert.is(await argusKeys('backup', authority, '--out', file, ...secret), 'ERR_KEY_EXISTS');
  assert.is(await argusKeys('restore', file, back, ...secret), null);
  assert.equal((await readdir(back)).sort(), (await readdir(authority)).sort());
  for (const name of await readdir(authority)) {
    assert.is(await readFile(join(back, name), 'utf8'), await readFile(join(authority, name), 'utf8'), name);
    assert.is((await stat(join(back, name))).mode, (await stat(join(authority, name))).mode, name);
  }
  const restored = await openAuthority(back);
  assert.is(restored.thumbprint, first.thumbprint);
  assert.equal(
    (await listHolders(restored, Date.now())).map(({ state }) => state),
    ['revoked'],
  );
  assert.is(await argusKeys('restore', file, back, ...secret), 'ERR_KEY_EXISTS', 'nothing is overwritten');
});

atRest('a backup that is old, changed, cut short or of another passphrase writes nothing', async () => {
  const { vm, passphrase } = await site();
  const base = temporaryDirectory();
  const [file, target] = [join(base, 'backup'), join(base, 'back')];
  const secret = ['--passphrase-file', passphrase];
  await argusKeys('backup', vm, '--out', file, ...secret);
  const text = await readFile(file, 'utf8');
  const middle = text.length >> 1;
  const changed = `${text.slice(0, middle)}${text[middle] === 'A' ? 'B' : 'A'}${text.slice(middle + 1)}`;
  const table: readonly (readonly [string, string, readonly string[], string])[] = [
    ['another passphrase', text, ['--passphrase-file', await passphraseFile('wrong horse battery')], 'ERR_KEY_BACKUP'],
    ['changed', changed, secret, 'ERR_KEY_BACKUP'],
    ['cut short', text.slice(0, -20), secret, 'ERR_KEY_BACKUP'],
    ['something else', 'hello', secret, 'ERR_KEY_BACKUP'],
  ];
  for (const [label, content, how, code] of table) {
    await writeFile(file, content);
    assert.is(await argusKeys('restore', file, target, ...how), code, label);
    assert.is(await stat(target).catch(() => null), null, label);
  }
});

atRest.run();
