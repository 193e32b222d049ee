/** Files: who may read, that nothing is half written, that nothing there is destroyed. */

import { execFileSync } from 'node:child_process';
import { chmod, link, mkdir, readdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KeyError } from '../../../keys/base/errors.ts';
import {
  appendRegisterLine,
  assertKeyDirectory,
  createKeyFile,
  type FileTrust,
  isTrustedOwner,
  makeKeyDirectory,
  readKeyFile,
  replaceKeyFile,
} from '../../../keys/files/key-files.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { asForeign } from '../foreign.ts';
import { codeOf } from '../forge.ts';

const files = suite('key files');

async function fileOf(mode: number, text = 'text'): Promise<string> {
  const path = join(temporaryDirectory(), 'file');
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
}

files('what was created or replaced is read back, with the mode asked for whatever the umask', async () => {
  const path = join(temporaryDirectory(), 'file');
  const before = process.umask(0o077);
  try {
    await createKeyFile(path, 'one\n', 0o644);
    assert.is((await stat(path)).mode & 0o777, 0o644);
    process.umask(0);
    await replaceKeyFile(path, 'two\n', 0o600);
  } finally {
    process.umask(before);
  }
  assert.is((await stat(path)).mode & 0o777, 0o600);
  assert.is(await readKeyFile(path, 'private', ''), 'two\n');
});

const MODES: readonly (readonly [FileTrust, number, string])[] = [
  ['private', 0o600, 'read'],
  ['private', 0o400, 'read'],
  ['private', 0o700, 'read'],
  ['private', 0o640, 'ERR_KEY_FILE_MODE'],
  ['private', 0o620, 'ERR_KEY_FILE_MODE'],
  ['private', 0o610, 'ERR_KEY_FILE_MODE'],
  ['private', 0o604, 'ERR_KEY_FILE_MODE'],
  ['private', 0o602, 'ERR_KEY_FILE_MODE'],
  ['private', 0o601, 'ERR_KEY_FILE_MODE'],
  ['private', 0o666, 'ERR_KEY_FILE_MODE'],
  ['public', 0o644, 'read'],
  ['public', 0o600, 'read'],
  ['public', 0o664, 'ERR_KEY_FILE_MODE'],
  ['public', 0o646, 'ERR_KEY_FILE_MODE'],
  ['given', 0o666, 'read'],
];

for (const [trust, mode, expected] of MODES)
  files(`a ${trust} file of mode ${mode.toString(8)}: ${expected}`, async () => {
    const path = await fileOf(mode);
    const code = await codeOf(() => readKeyFile(path, trust, ''));
    assert.is(code === 'nothing was thrown' ? 'read' : code, expected);
  });

files('a wrong mode is answered with the command that mends it', async () => {
  const path = await fileOf(0o644);
  try {
    await readKeyFile(path, 'private', '');
  } catch (error) {
    assert.ok(error instanceof KeyError && error.message.endsWith(`chmod 600 ${path}`), String(error));
    return;
  }
  assert.unreachable();
});

files('a symbolic link is refused where trust depends on the file, dangling or not', async () => {
  const path = await fileOf(0o600);
  await symlink(path, `${path}.link`);
  await symlink(`${path}.gone`, `${path}.dangling`);
  assert.is(await codeOf(() => readKeyFile(`${path}.link`, 'private', '')), 'ERR_KEY_FILE_SYMLINK');
  assert.is(await codeOf(() => readKeyFile(`${path}.link`, 'public', '')), 'ERR_KEY_FILE_SYMLINK');
  assert.is(await codeOf(() => readKeyFile(`${path}.dangling`, 'private', '')), 'ERR_KEY_FILE_SYMLINK');
  assert.is(await readKeyFile(`${path}.link`, 'given', ''), 'text');
});

files('what belongs to another user is refused, file and directory, unless that user is root', async () => {
  const [file, dir] = [await fileOf(0o600), temporaryDirectory()];
  await asForeign([file, dir], async () => {
    for (const trust of ['private', 'public'] as const)
      assert.is(await codeOf(() => readKeyFile(file, trust, '')), 'ERR_KEY_FILE_OWNER', trust);
    assert.is(await codeOf(() => assertKeyDirectory(dir, '')), 'ERR_KEY_FILE_OWNER');
    assert.is(await readKeyFile(file, 'given', ''), 'text');
  });
  assert.equal([isTrustedOwner(0, 1000), isTrustedOwner(1000, 1000), isTrustedOwner(1000, 0)], [true, true, false]);
});

files('what is missing, no file, or too long is refused, each by its code', async () => {
  const dir = temporaryDirectory();
  execFileSync('/bin/sh', ['-c', 'mkfifo -m 600 "$0"', join(dir, 'fifo')]);
  assert.is(await codeOf(() => readKeyFile(join(dir, 'none'), 'private', '')), 'ERR_KEY_FILE_MISSING');
  assert.is(await codeOf(() => readKeyFile(join(dir, 'fifo'), 'private', '')), 'ERR_KEY_FILE_CONTENT');
  assert.is(await codeOf(() => readKeyFile(dir, 'given', '')), 'ERR_KEY_FILE_CONTENT');
  assert.is(await codeOf(() => readKeyFile(join(dir, 'fifo', 'x'), 'given', '')), 'ERR_KEY_FILE_IO');
  assert.is((await readKeyFile(await fileOf(0o600, 'x'.repeat(16_384)), 'private', '')).length, 16_384);
  const long = await fileOf(0o600, 'x'.repeat(16_385));
  assert.is(await codeOf(() => readKeyFile(long, 'private', '')), 'ERR_KEY_FILE_CONTENT');
});

files('a directory that others can write to is refused, because they could exchange its files', async () => {
  const dir = temporaryDirectory();
  for (const [mode, expected] of [
    [0o700, 'nothing was thrown'],
    [0o755, 'nothing was thrown'],
    [0o770, 'ERR_KEY_FILE_MODE'],
    [0o777, 'ERR_KEY_FILE_MODE'],
    [0o702, 'ERR_KEY_FILE_MODE'],
  ] as const) {
    await chmod(dir, mode);
    assert.is(await codeOf(() => assertKeyDirectory(dir, '')), expected, mode.toString(8));
  }
  await chmod(dir, 0o700);
  await writeFile(join(dir, 'file'), '');
  assert.is(await codeOf(() => assertKeyDirectory(join(dir, 'file'), '')), 'ERR_KEY_FILE_CONTENT');
  assert.is(await codeOf(() => assertKeyDirectory(join(dir, 'none'), '')), 'ERR_KEY_FILE_MISSING');
});

files('a key directory is made with mode 0700, its parents too', async () => {
  const dir = join(temporaryDirectory(), 'a', 'b');
  await makeKeyDirectory(dir);
  assert.is((await stat(dir)).mode & 0o777, 0o700);
  await makeKeyDirectory(dir);
});

files('creating never overwrites: not a file, not a directory, not a dangling link', async () => {
  const dir = temporaryDirectory();
  await writeFile(join(dir, 'file'), 'there');
  await mkdir(join(dir, 'folder'));
  await symlink(join(dir, 'elsewhere'), join(dir, 'dangling'));
  for (const name of ['file', 'folder', 'dangling'])
    assert.is(await codeOf(() => createKeyFile(join(dir, name), 'new', 0o600)), 'ERR_KEY_EXISTS', name);
  assert.is(await readFile(join(dir, 'file'), 'utf8'), 'there');
  assert.equal((await readdir(dir)).sort(), ['dangling', 'file', 'folder']);
});

files('of many that create the same file at once one wins, and its text is whole', async () => {
  const path = join(temporaryDirectory(), 'file');
  const texts = Array.from({ length: 20 }, (_, at) => `${String(at).repeat(3000)}\n`);
  const codes = await Promise.all(texts.map((text) => codeOf(() => createKeyFile(path, text, 0o600))));
  assert.is(codes.filter((code) => code === 'nothing was thrown').length, 1);
  assert.is(codes.filter((code) => code === 'ERR_KEY_EXISTS').length, 19);
  assert.ok(texts.includes(await readFile(path, 'utf8')));
});

files('while a file is replaced a reader sees the old text or the new, never a part', async () => {
  const path = join(temporaryDirectory(), 'file');
  const [old, next] = ['o'.repeat(16_000), 'n'.repeat(15_000)];
  await createKeyFile(path, old, 0o600);
  for (let round = 0; round < 20; round += 1) {
    const writing = replaceKeyFile(path, round % 2 === 0 ? next : old, 0o600);
    const read = await Promise.all(Array.from({ length: 5 }, () => readKeyFile(path, 'private', '')));
    await writing;
    for (const text of read) assert.ok(text === old || text === next, `${text.length}`);
  }
});

files('a write that fails leaves what was there and no temporary file', async () => {
  const dir = temporaryDirectory();
  await mkdir(join(dir, 'folder', 'inner'), { recursive: true });
  assert.is(await codeOf(() => replaceKeyFile(join(dir, 'folder'), 'text', 0o600)), 'ERR_KEY_FILE_IO');
  assert.is(await codeOf(() => createKeyFile(join(dir, 'none', 'file'), 'text', 0o600)), 'ERR_KEY_FILE_IO');
  assert.equal(await readdir(dir), ['folder']);
});

files('a replaced file is a new one: who holds the old one open or linked keeps the old text', async () => {
  const path = join(temporaryDirectory(), 'file');
  await createKeyFile(path, 'old', 0o600);
  await link(path, `${path}.kept`);
  await replaceKeyFile(path, 'new', 0o600);
  assert.is(await readFile(`${path}.kept`, 'utf8'), 'old');
});

files('register lines follow each other, 0600, whole also when written at once', async () => {
  const path = join(temporaryDirectory(), 'register');
  await Promise.all(Array.from({ length: 20 }, (_, at) => appendRegisterLine(path, `line ${at}`)));
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
  assert.equal(lines.sort(), Array.from({ length: 20 }, (_, at) => `line ${at}`).sort());
  assert.is((await stat(path)).mode & 0o777, 0o600);
});

files('a line that a crash cut short stays alone on its line', async () => {
  const path = await fileOf(0o600, 'whole\ncut sho');
  await appendRegisterLine(path, 'next');
  assert.is(await readFile(path, 'utf8'), 'whole\ncut sho\nnext\n');
});

files('a register that is a symbolic link is not followed', async () => {
  const path = await fileOf(0o600, '');
  await rename(path, `${path}.target`);
  await symlink(`${path}.target`, path);
  assert.is(await codeOf(() => appendRegisterLine(path, 'line')), 'ERR_KEY_FILE_IO');
  assert.is(await readFile(`${path}.target`, 'utf8'), '');
});

files.run();
