/** No folder of product, bench or tests is so wide that a reader has to search it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WORKING_TREE } from '../support/program.ts';
import { MOST_FILES, readPaths, wideFolders } from './width.ts';

const width = suite('width of folders');

const filesOf = (folder: string, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `${folder}/file-${at}.ts`);

width('no folder has more than 16 files at one level', () => {
  assert.equal(wideFolders(readPaths(WORKING_TREE)), []);
});

width('one file more in a folder is noticed, and files of its rooms do not count', () => {
  const full = [...filesOf('keys/files', MOST_FILES), ...filesOf('keys/files/rotation', MOST_FILES)];
  assert.equal(wideFolders(full), []);
  assert.equal(wideFolders([...full, 'keys/files/note.json']), [
    'keys/files holds 17 files at one level, and 16 are the most',
  ]);
});

width('pages, markup and fixtures count as sources do', () => {
  const paths = readPaths(WORKING_TREE);
  for (const path of ['clients/audit/console/page/main.tsx', 'clients/audit/console/page/style.css'])
    assert.ok(paths.includes(path), path);
});

width.run();
