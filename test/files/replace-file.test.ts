/** How files are replaced: whole, durable, with their mode, and never through a link. */
import { linkSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { replaceFile } from '../../broker/files/index.ts';
import { temporaryDirectory } from '../support/temp.ts';

const files = suite('files: replacing one');

const rejects = async (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => false,
    () => true,
  );

files('the new content has its mode, whatever the umask and the old file', async () => {
  const path = join(temporaryDirectory(), 'file');
  const umask = process.umask(0o077);
  try {
    await replaceFile(path, 'one', 0o644);
    assert.is(statSync(path).mode & 0o777, 0o644);
    await replaceFile(path, Buffer.from('two'), 0o600);
  } finally {
    process.umask(umask);
  }
  assert.is(statSync(path).mode & 0o777, 0o600);
  assert.is(readFileSync(path, 'utf8'), 'two');
  assert.equal(readdirSync(join(path, '..')), ['file'], 'no draft is left');
});

files('of many writers at once one is last, and its content is whole', async () => {
  const path = join(temporaryDirectory(), 'file');
  const texts = Array.from({ length: 10 }, (_, at) => String(at).repeat(20_000));
  await Promise.all(texts.map((text) => replaceFile(path, text, 0o600)));
  assert.ok(texts.includes(readFileSync(path, 'utf8')));
  assert.equal(readdirSync(join(path, '..')), ['file']);
});

files('a link is replaced, and what it leads to, or what has a second name, stays as it was', async () => {
  const directory = temporaryDirectory();
  const [other, link, second] = ['other', 'link', 'second'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(other, 'of somebody');
  symlinkSync(other, link);
  linkSync(other, second);
  for (const path of [link, second]) await replaceFile(path, 'mine', 0o600);
  assert.is(readFileSync(other, 'utf8'), 'of somebody');
  assert.equal(
    [link, second].map((path) => readFileSync(path, 'utf8')),
    ['mine', 'mine'],
  );
});

files('what fails leaves the old file and no draft', async () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'folder', 'inner'), { recursive: true });
  assert.ok(await rejects(replaceFile(join(directory, 'folder'), 'text', 0o600)), 'a directory is in the way');
  assert.ok(await rejects(replaceFile(join(directory, 'missing', 'file'), 'text', 0o600)));
  assert.equal(readdirSync(directory), ['folder']);
});

files.run();
