/** The authority: made once, never overwritten; what it issues is registered and verifies. */
import { chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MAX_TTL_SECONDS } from '../../../keys/base/limits.ts';
import { verifyCredential } from '../../../keys/credential/credential.ts';
import type { Role } from '../../../keys/credential/names.ts';
import { createAuthority, openAuthority } from '../../../keys/files/authority.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { codeOf, makeTestKey } from '../forge.ts';

const authority = suite('authority');
const NOW = 1_800_000_000_500;
const holder = await makeTestKey();

function newDirectory(): string {
  return join(temporaryDirectory(), 'authority');
}

function terms(changes: object = {}) {
  return {
    name: 'chrome-vm',
    role: 'domain' as Role,
    publicJwk: holder.publicJwk,
    ttlSeconds: 60,
    now: NOW,
    ...changes,
  };
}

authority('what it issues verifies against its public key and says what was asked', async () => {
  const dir = newDirectory();
  await createAuthority(dir, 'unsealed');
  const opened = await openAuthority(dir);
  for (const role of ['domain', 'broker', 'admin', 'auditor', 'witness'] as const) {
    const { credentialJwt, credential } = await opened.issue(terms({ role }));
    const result = await verifyCredential(credentialJwt, opened.public, { now: NOW, clockToleranceSeconds: 0 });
    assert.equal(result, { ok: true, credential });
    assert.is(credential.role, role);
    assert.is(credential.thumbprint, holder.thumbprint);
    assert.is(credential.issuedAt, 1_800_000_000);
    assert.is(credential.expiresAt, 1_800_000_060);
  }
});

authority('private files are 0600 in a directory of 0700, the public key is for all', async () => {
  const dir = newDirectory();
  await (await createAuthority(dir, 'unsealed')).issue(terms());
  const modes = await Promise.all(
    ['.', 'authority.jwk', 'issued.jsonl', 'authority.pub.jwk'].map(
      async (name) => (await stat(join(dir, name))).mode & 0o777,
    ),
  );
  assert.equal(modes, [0o700, 0o600, 0o600, 0o644]);
  assert.not.match(await readFile(join(dir, 'authority.pub.jwk'), 'utf8'), '"d"');
});

authority('each credential has a line of its own in the register and an id of its own', async () => {
  const dir = newDirectory();
  const opened = await createAuthority(dir, 'unsealed');
  const issued = [await opened.issue(terms()), await opened.issue(terms({ name: 'audio-vm' }))];
  const lines = (await readFile(join(dir, 'issued.jsonl'), 'utf8')).trimEnd().split('\n');
  assert.equal(
    lines.map((line): unknown => JSON.parse(line)),
    issued.map(({ credential }) => ({
      jti: credential.jti,
      name: credential.name,
      role: 'domain',
      thumbprint: holder.thumbprint,
      gen: 1,
      iat: 1_800_000_000,
      exp: 1_800_000_060,
      cause: 'ISSUED',
    })),
  );
  assert.is.not(issued[0]?.credential.jti, issued[1]?.credential.jti);
});

authority('what cannot be registered is not issued', async () => {
  const dir = newDirectory();
  const opened = await createAuthority(dir, 'unsealed');
  await mkdir(join(dir, 'issued.jsonl'));
  assert.is(await codeOf(() => opened.issue(terms())), 'ERR_KEY_FILE_CONTENT');
});

for (const name of ['authority.jwk', 'authority.pub.jwk', 'issued.jsonl'])
  authority(`none is made where ${name} is, and that stays as it was`, async () => {
    const dir = temporaryDirectory();
    await writeFile(join(dir, name), 'there');
    assert.is(await codeOf(() => createAuthority(dir, 'unsealed')), 'ERR_KEY_EXISTS');
    assert.is(await readFile(join(dir, name), 'utf8'), 'there');
  });

authority('terms that make no sense are refused before anything is written', async () => {
  const dir = newDirectory();
  const opened = await createAuthority(dir, 'unsealed');
  const bad: readonly (readonly [object, string])[] = [
    [{ name: 'Chrome' }, 'ERR_KEY_NAME'],
    [{ name: '' }, 'ERR_KEY_NAME'],
    [{ name: '@mic' }, 'ERR_KEY_NAME'],
    [{ name: 'a'.repeat(64) }, 'ERR_KEY_NAME'],
    [{ role: 'root' }, 'ERR_KEY_ROLE'],
    [{ ttlSeconds: 0 }, 'ERR_KEY_TTL'],
    [{ ttlSeconds: -1 }, 'ERR_KEY_TTL'],
    [{ ttlSeconds: 1.5 }, 'ERR_KEY_TTL'],
    [{ ttlSeconds: Number.NaN }, 'ERR_KEY_TTL'],
    [{ ttlSeconds: MAX_TTL_SECONDS + 1 }, 'ERR_KEY_TTL'],
    [{ publicJwk: { ...holder.publicJwk, x: 'x' } }, 'ERR_KEY_FILE_CONTENT'],
  ];
  for (const [changes, code] of bad)
    assert.is(await codeOf(() => opened.issue(terms(changes))), code, JSON.stringify(changes));
  assert.is(await codeOf(() => readFile(join(dir, 'issued.jsonl'))), 'ENOENT');
  await opened.issue(terms({ ttlSeconds: MAX_TTL_SECONDS }));
});

authority('a private key that others can read is not used', async () => {
  const dir = newDirectory();
  await createAuthority(dir, 'unsealed');
  await chmod(join(dir, 'authority.jwk'), 0o640);
  assert.is(await codeOf(() => openAuthority(dir)), 'ERR_KEY_FILE_MODE');
});

authority('a public half that is missing is made again, a wrong one is refused', async () => {
  const dir = newDirectory();
  await createAuthority(dir, 'unsealed');
  const path = join(dir, 'authority.pub.jwk');
  const text = await readFile(path, 'utf8');
  await rm(path);
  await openAuthority(dir);
  assert.is(await readFile(path, 'utf8'), text);
  await writeFile(path, JSON.stringify(holder.publicJwk));
  assert.is(await codeOf(() => openAuthority(dir)), 'ERR_KEY_MISMATCH');
});

authority('where there is none, the answer names the command that makes one', async () => {
  for (const dir of [newDirectory(), temporaryDirectory()]) {
    assert.is(await codeOf(() => openAuthority(dir)), 'ERR_KEY_FILE_MISSING');
    await openAuthority(dir).catch((error: unknown) => assert.match(String(error), `argus keys init ${dir}`));
  }
});

authority.run();
