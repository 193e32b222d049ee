/** How new files are made: whole, with their mode, and never in the place of another one. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createFile } from '../../broker/files/index.ts';
import { temporaryDirectory } from '../support/temp.ts';

const files = suite('files: making a new one');

const codeOf = async (work: Promise<void>): Promise<string> =>
  work.then(
    () => 'made',
    (error) => String(error.code),
  );

files('a new file has its mode, whatever the umask, and no draft is left', async () => {
  const path = join(temporaryDirectory(), 'file');
  const umask = process.umask(0o077);
  try {
    await createFile(path, 'text', 0o644);
  } finally {
    process.umask(umask);
  }
  assert.is(statSync(path).mode & 0o777, 0o644);
  assert.is(readFileSync(path, 'utf8'), 'text');
  assert.equal(readdirSync(join(path, '..')), ['file']);
});

files('a name that is taken stays as it is: a file, a directory, a link that leads nowhere', async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'file'), 'of somebody');
  mkdirSync(join(directory, 'folder'));
  symlinkSync(join(directory, 'nothing'), join(directory, 'link'));
  for (const name of ['file', 'folder', 'link'])
    assert.is(await codeOf(createFile(join(directory, name), 'mine', 0o600)), 'EEXIST', name);
  assert.is(readFileSync(join(directory, 'file'), 'utf8'), 'of somebody');
  assert.not(existsSync(join(directory, 'nothing')));
  assert.equal(readdirSync(directory).sort(), ['file', 'folder', 'link']);
});

files('of many that make the same file at once one does, and its content is whole', async () => {
  const path = join(temporaryDirectory(), 'file');
  const texts = Array.from({ length: 10 }, (_, at) => String(at).repeat(20_000));
  const codes = await Promise.all(texts.map((text) => codeOf(createFile(path, text, 0o600))));
  assert.equal(codes.sort(), [...Array<string>(9).fill('EEXIST'), 'made']);
  assert.ok(texts.includes(readFileSync(path, 'utf8')));
});

files.run();
