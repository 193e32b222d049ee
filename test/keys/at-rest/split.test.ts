/** An authority in shares: enough of them restore it, and every other set of files is refused with a reason. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { joinAuthority, splitAuthority } from '../../../keys/files/at-rest/split-authority.ts';
import { createAuthority, openAuthority, sealKeyDirectory } from '../../../keys/index.ts';
import { joinShares, parseShare, splitBackup } from '../../../keys/sealed/shares.ts';
import { temporaryDirectory } from '../../support/temp.ts';

const shares = suite('an authority in shares');

const NOW = 1_800_000_000_000;

interface Site {
  readonly directory: string;
  readonly thumbprint: string;
  readonly files: readonly string[];
  path(name: string): string;
}

async function site(count = 3, need = 2): Promise<Site> {
  const directory = temporaryDirectory();
  const path = (name: string): string => join(directory, name);
  const { thumbprint } = await createAuthority(path('authority'), 'unsealed');
  const { authority, files } = await splitAuthority(path('authority'), path('shares'), { shares: count, need }, NOW);
  assert.is(authority, thumbprint);
  return { directory, thumbprint, files, path };
}

function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    ({ code, message }: { code: string; message: string }) => `${code} ${message}`,
  );
}

shares('any two of three restore the authority with its register, and each file is private', async () => {
  const { thumbprint, files, path } = await site();
  assert.is(files.length, 3);
  for (const file of files) assert.is(statSync(file).mode & 0o777, 0o600);
  for (const [index, pair] of [
    [0, 1],
    [2, 0],
    [1, 2],
  ].entries()) {
    const restored = path(`restored-${index}`);
    const joined = await joinAuthority(
      pair.map((each) => files[each] ?? ''),
      restored,
      'unsealed',
    );
    assert.equal(joined, { authority: thumbprint, madeAt: NOW / 1000 });
    assert.is((await openAuthority(restored)).thumbprint, thumbprint);
  }
});

shares('one share alone opens nothing, not even with its own backup', async () => {
  const content = { v: 1, kind: 'authority', madeAt: 1, files: { 'authority.jwk': 'secret' } } as const;
  const [one, two, three] = await splitBackup(content, { shares: 3, need: 3, authority: 'x'.repeat(43) });
  assert.ok(one && two && three);
  assert.equal(await joinShares([one, two, three]), content);
  assert.is(await joinShares([one, two]), null);
  assert.not.match(JSON.stringify(one), 'secret');
});

shares('files that do not belong together are refused with the reason, and nothing is written', async () => {
  const { files, path } = await site();
  const other = await splitAuthority(path('authority'), path('other'), { shares: 3, need: 2 }, NOW);
  const [first = '', second = '', third = ''] = files;
  const changed = path('changed.json');
  const share = JSON.parse(readFileSync(second, 'utf8'));
  const data = Buffer.from(share.data, 'base64url');
  data[0] = (data[0] ?? 0) ^ 1;
  writeFileSync(changed, JSON.stringify({ ...share, data: data.toString('base64url') }));
  const cut = path('cut.json');
  writeFileSync(cut, readFileSync(second, 'utf8').slice(0, 200));
  const elsewhere = path('other-backup.json');
  writeFileSync(elsewhere, JSON.stringify({ ...share, backup: 'another' }));
  const renumbered = path('renumbered.json');
  writeFileSync(renumbered, JSON.stringify({ ...JSON.parse(readFileSync(first, 'utf8')), number: 3 }));
  const table: readonly (readonly [readonly string[], RegExp])[] = [
    [[first], /1 of 2 shares that are needed: look for 1 more/],
    [[first, first], /are the same share/],
    [[first, other.files[1] ?? ''], /is of another split/],
    [[first, changed], /one of them was changed/],
    [[first, elsewhere], /one of them was changed/],
    [[first, renumbered], /one of them was changed/],
    [[first, cut], /is no share of an authority, or was cut short/],
    [[], /no share was given/],
  ];
  for (const [given, says] of table) {
    const said = await codeOf(joinAuthority(given, path('restored'), 'unsealed'));
    assert.match(said, /^ERR_KEY_SHARE /);
    assert.match(said, says);
    assert.not(existsSync(path('restored')), given.join(' '));
  }
  assert.is((await joinAuthority([first, third], path('restored'), 'unsealed')).madeAt, NOW / 1000);
  assert.match(await codeOf(joinAuthority([first, third], path('restored'), 'unsealed')), /^ERR_KEY_EXISTS/);
});

shares('numbers that make no sense are refused', async () => {
  const { path } = await site();
  for (const [count, need] of [
    [3, 1],
    [1, 1],
    [2, 3],
    [256, 2],
    [3, 2.5],
  ] as const)
    assert.match(
      await codeOf(splitAuthority(path('authority'), path('x'), { shares: count, need }, NOW)),
      /^ERR_KEY_SHARE/,
    );
  assert.match(
    await codeOf(splitAuthority(path('authority'), path('shares'), { shares: 3, need: 2 }, NOW)),
    /^ERR_KEY_EXISTS/,
  );
});

shares('a sealed key is opened for its shares, and sealed again where a passphrase is there', async () => {
  const { thumbprint, path } = await site();
  const secret = path('passphrase');
  writeFileSync(secret, 'correct horse battery staple\n', { mode: 0o600 });
  await sealKeyDirectory(path('authority'), 'correct horse battery staple');
  const split = (): Promise<unknown> => splitAuthority(path('authority'), path('sealed'), { shares: 2, need: 2 }, NOW);
  assert.match(await codeOf(split()), /^ERR_KEY_SEALED/);
  process.env.ARGUS_KEY_PASSPHRASE_FILE = secret;
  try {
    const { files } = (await split()) as { files: string[] };
    await joinAuthority(files, path('again'), 'unsealed');
    assert.match(readFileSync(join(path('again'), 'authority.jwk'), 'utf8'), '"sealed"');
    delete process.env.ARGUS_KEY_PASSPHRASE_FILE;
    await joinAuthority(files, path('open'), 'unsealed');
    assert.is((await openAuthority(path('open'))).thumbprint, thumbprint);
  } finally {
    delete process.env.ARGUS_KEY_PASSPHRASE_FILE;
  }
});

shares('what is no share is no share', () => {
  for (const text of ['', 'null', '{}', '[]', '{"share":"argus authority v1"}']) assert.is(parseShare(text), null);
});

shares.run();
