/** Error codes: each is explained in docs/keys.md, and none is thrown that is not in the list. */
import { readdir, readFile } from 'node:fs/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KEY_ERROR_CODES, KeyError } from '../../keys/base/errors.ts';

const errors = suite('key errors');
const root = new URL('../../', import.meta.url);

errors('each code has exactly one row in docs/keys.md, and the table has no other', async () => {
  const docs = await readFile(new URL('docs/keys.md', root), 'utf8');
  const rows = [...docs.matchAll(/^\| `(ERR_KEY_[A-Z_]+)` \|/gm)].map((match) => match[1]);
  assert.equal(rows.sort(), [...KEY_ERROR_CODES].sort());
});

errors('each code is used in keys/', async () => {
  const names = (await readdir(new URL('keys/', root), { recursive: true })).filter(
    (name) => name.endsWith('.ts') && name !== 'base/errors.ts',
  );
  const texts = await Promise.all(names.map((name) => readFile(new URL(`keys/${name}`, root), 'utf8')));
  for (const code of KEY_ERROR_CODES)
    assert.ok(
      texts.some((text) => text.includes(`'${code}'`)),
      code,
    );
});

errors('an error keeps its code, its message and its cause', () => {
  const cause = new Error('disk');
  const error = new KeyError('ERR_KEY_FILE_IO', 'cannot write', cause);
  assert.equal(
    [error.name, error.code, error.message, error.cause],
    ['KeyError', 'ERR_KEY_FILE_IO', 'cannot write', cause],
  );
  assert.not.ok('cause' in new KeyError('ERR_KEY_NAME', 'no cause'));
});

errors.run();
