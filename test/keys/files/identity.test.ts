/** Loading an identity: everything that can be wrong with its directory has one code and says what to do. */
import { chmod, cp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KeyError, type KeyErrorCode } from '../../../keys/base/errors.ts';
import { verifyStatement } from '../../../keys/credential/statement.ts';
import { createAuthority } from '../../../keys/files/authority.ts';
import { describeKeyDirectory } from '../../../keys/files/description.ts';
import { createIdentityKey, issueIdentity } from '../../../keys/files/enrolment.ts';
import { loadIdentity } from '../../../keys/files/identity.ts';
import { seeded } from '../../support/seed.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { codeOf, makeTestKey } from '../forge.ts';

const identity = suite('identity');
const NOW = Date.now();
const TTL_SECONDS = 3600;

const base = temporaryDirectory();
const authority = await createAuthority(join(base, 'authority'), 'unsealed');
const terms = { name: 'chrome-vm', role: 'domain', ttlSeconds: TTL_SECONDS } as const;
await issueIdentity(authority, join(base, 'good'), terms, 'unsealed', { now: NOW });
await issueIdentity(authority, join(base, 'other'), { ...terms, name: 'audio-vm' }, 'unsealed', { now: NOW });

/** A copy to spoil. */
async function newDirectory(): Promise<string> {
  const dir = join(temporaryDirectory(), 'vm');
  await cp(join(base, 'good'), dir, { recursive: true });
  return dir;
}

async function failureOf(dir: string, now = NOW): Promise<KeyError> {
  try {
    await loadIdentity(dir, { now });
  } catch (error) {
    if (error instanceof KeyError) return error;
    throw error;
  }
  throw new Error('it was loaded');
}

identity('a complete directory loads, and what it signs verifies against its credential', async () => {
  const loaded = await loadIdentity(join(base, 'good'), { now: NOW });
  assert.is(loaded.name, 'chrome-vm');
  assert.is(loaded.role, 'domain');
  assert.is(loaded.credential.thumbprint, loaded.thumbprint);
  assert.is(loaded.authority.thumbprint, authority.thumbprint);
  const statement = await loaded.signStatement('argus-hello+jws', { n: 1 });
  assert.equal(await verifyStatement(statement, 'argus-hello+jws', loaded.credential), { n: 1 });
});

const SPOILS: readonly (readonly [string, (dir: string) => Promise<unknown>, KeyErrorCode, string])[] = [
  ['no directory', (dir) => rm(dir, { recursive: true }), 'ERR_KEY_FILE_MISSING', 'argus keys enrol'],
  ['no key', (dir) => rm(join(dir, 'key.jwk')), 'ERR_KEY_FILE_MISSING', 'argus keys enrol'],
  ['no credential', (dir) => rm(join(dir, 'credential.jwt')), 'ERR_KEY_FILE_MISSING', 'argus keys install'],
  ['no authority', (dir) => rm(join(dir, 'authority.jwk')), 'ERR_KEY_FILE_MISSING', 'argus keys install'],
  ['key readable by the group', (dir) => chmod(join(dir, 'key.jwk'), 0o640), 'ERR_KEY_FILE_MODE', 'chmod 600'],
  ['key readable by others', (dir) => chmod(join(dir, 'key.jwk'), 0o604), 'ERR_KEY_FILE_MODE', 'chmod 600'],
  ['authority writable by others', (dir) => chmod(join(dir, 'authority.jwk'), 0o666), 'ERR_KEY_FILE_MODE', 'chmod 644'],
  [
    'credential writable by others',
    (dir) => chmod(join(dir, 'credential.jwt'), 0o666),
    'ERR_KEY_FILE_MODE',
    'chmod 644',
  ],
  ['directory writable by others', (dir) => chmod(dir, 0o777), 'ERR_KEY_FILE_MODE', 'chmod 700'],
  ['key that is a link', (dir) => relink(dir, 'key.jwk'), 'ERR_KEY_FILE_SYMLINK', 'symbolic link'],
  ['authority that is a link', (dir) => relink(dir, 'authority.jwk'), 'ERR_KEY_FILE_SYMLINK', 'symbolic link'],
  ['key that is no JSON', (dir) => writeFile(join(dir, 'key.jwk'), 'x'), 'ERR_KEY_FILE_CONTENT', 'key.jwk'],
  ['empty key', (dir) => writeFile(join(dir, 'key.jwk'), ''), 'ERR_KEY_FILE_CONTENT', 'key.jwk'],
  [
    'key without a private half',
    (dir) => cp(join(dir, 'key.pub.jwk'), join(dir, 'key.jwk')).then(() => chmod(join(dir, 'key.jwk'), 0o600)),
    'ERR_KEY_FILE_CONTENT',
    'key.jwk',
  ],
  [
    'private key as authority',
    (dir) => cp(join(base, 'authority', 'authority.jwk'), join(dir, 'authority.jwk')),
    'ERR_KEY_PRIVATE_GIVEN',
    '.pub.jwk',
  ],
  [
    'authority that is no key',
    (dir) => writeFile(join(dir, 'authority.jwk'), '{}'),
    'ERR_KEY_FILE_CONTENT',
    'authority.jwk',
  ],
  [
    'credential that is none',
    (dir) => writeFile(join(dir, 'credential.jwt'), 'x'),
    'ERR_KEY_CREDENTIAL_INVALID',
    'argus keys issue',
  ],
  [
    'credential of another holder',
    (dir) => cp(join(base, 'other', 'credential.jwt'), join(dir, 'credential.jwt')),
    'ERR_KEY_MISMATCH',
    'audio-vm',
  ],
  [
    'key of another holder',
    (dir) => cp(join(base, 'other', 'key.jwk'), join(dir, 'key.jwk')),
    'ERR_KEY_MISMATCH',
    'chrome-vm',
  ],
  [
    'another authority',
    async (dir) => writeFile(join(dir, 'authority.jwk'), JSON.stringify((await makeTestKey()).publicJwk)),
    'ERR_KEY_CREDENTIAL_FOREIGN',
    'authority.jwk',
  ],
];

async function relink(dir: string, name: string): Promise<void> {
  await rename(join(dir, name), join(dir, `${name}.real`));
  await symlink(join(dir, `${name}.real`), join(dir, name));
}

for (const [label, spoil, code, hint] of SPOILS)
  identity(`refused: ${label}`, async () => {
    const dir = await newDirectory();
    await loadIdentity(dir, { now: NOW });
    await spoil(dir);
    const error = await failureOf(dir);
    assert.is(error.code, code);
    assert.ok(error.message.includes(hint), error.message);
  });

identity(
  'an expired credential is refused with since when and how to renew, after the tolerance of a minute',
  async () => {
    const expiry = (Math.floor(NOW / 1000) + TTL_SECONDS) * 1000;
    await loadIdentity(join(base, 'good'), { now: expiry + 59_000 });
    const error = await failureOf(join(base, 'good'), expiry + 60_000);
    assert.is(error.code, 'ERR_KEY_CREDENTIAL_EXPIRED');
    assert.ok(error.message.includes(new Date(expiry).toISOString()), error.message);
    assert.ok(error.message.includes('argus keys issue chrome-vm --public'), error.message);
  },
);

identity('one that is not valid yet is refused with a hint at the clocks', async () => {
  const error = await failureOf(join(base, 'good'), NOW - 62_000);
  assert.is(error.code, 'ERR_KEY_CREDENTIAL_NOT_YET_VALID');
  assert.match(error.message, 'clock');
});

identity('the private key is in nothing that prints', async () => {
  const { d }: { d: string } = JSON.parse(await readFile(join(base, 'good', 'key.jwk'), 'utf8'));
  const loaded = await loadIdentity(join(base, 'good'), { now: NOW });
  const printed = [
    inspect(loaded, { showHidden: true, depth: 9, getters: true }),
    inspect(authority, { showHidden: true, depth: 9 }),
    JSON.stringify(loaded),
    JSON.stringify({ ...loaded }),
    JSON.stringify(authority),
    String(loaded),
    JSON.stringify(await describeKeyDirectory(join(base, 'good'), NOW)),
  ].join('\n');
  assert.not.ok(printed.includes(d));
  assert.match(printed, '[redacted]');
});

identity('no damage to a key file brings any of it into an error', async () => {
  const dir = await newDirectory();
  const path = join(dir, 'key.jwk');
  const text = await readFile(path, 'utf8');
  const { d }: { d: string } = JSON.parse(text);
  await fc.assert(
    fc.asyncProperty(fc.nat(text.length - 1), fc.constantFrom('', '"', '}', 'A', '\n', '\u0000'), async (at, with_) => {
      await writeFile(path, text.slice(0, at) + with_ + text.slice(at + 1));
      try {
        await loadIdentity(dir, { now: NOW });
      } catch (error) {
        const printed = inspect(error, { showHidden: true, depth: 9 });
        for (let from = 0; from + 12 <= d.length; from += 6)
          assert.not.ok(printed.includes(d.slice(from, from + 12)), printed);
        assert.ok(error instanceof KeyError, printed);
      }
    }),
    seeded({ numRuns: 150 }),
  );
});

identity('a description says what is there and why it cannot be used', async () => {
  const good = await describeKeyDirectory(join(base, 'good'), NOW);
  assert.ok(good.kind === 'identity' && good.problem === null && good.credential?.name === 'chrome-vm');
  const expired = await describeKeyDirectory(join(base, 'good'), NOW + 2 * TTL_SECONDS * 1000);
  assert.is(expired.problem?.code, 'ERR_KEY_CREDENTIAL_EXPIRED');
  assert.is(expired.kind === 'identity' && expired.credential?.name, 'chrome-vm');
  const fresh = join(temporaryDirectory(), 'fresh');
  await createIdentityKey(fresh, 'net-vm', 'unsealed');
  const described = await describeKeyDirectory(fresh, NOW);
  assert.ok(described.kind === 'identity' && described.name === 'net-vm' && described.credential === null);
  assert.is(described.problem?.code, 'ERR_KEY_FILE_MISSING');
});

identity('an authority is described as one, an empty directory as neither', async () => {
  const described = await describeKeyDirectory(join(base, 'authority'), NOW);
  assert.equal(described, {
    kind: 'authority',
    directory: join(base, 'authority'),
    thumbprint: authority.thumbprint,
    problem: null,
  });
  assert.is(await codeOf(() => describeKeyDirectory(temporaryDirectory(), NOW)), 'ERR_KEY_FILE_MISSING');
});

identity.run();
