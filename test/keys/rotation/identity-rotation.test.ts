/** Rotation of a holder's key: at each moment the directory is the identity of the old key, or that of the new one. */
import { copyFile, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type Authority,
  createAuthority,
  describeKeyDirectory,
  isCredentialReplaced,
  issueIdentity,
  loadIdentity,
  RevocationStore,
  rotateAuthority,
  rotateIdentity,
} from '../../../keys/index.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { codeOf } from '../forge.ts';

const rotation = suite('rotation of a holder');
const NOW = 1_800_000_000_000;
const DAY = 86_400;
const HOUR = 3_600;
const TERMS = { ttlSeconds: 90 * DAY, overlapSeconds: HOUR, now: NOW };

interface Site {
  readonly path: (name: string) => string;
  readonly dir: string;
  readonly authority: Authority;
}

async function makeSite(): Promise<Site> {
  const base = temporaryDirectory();
  const path = (name: string): string => join(base, name);
  const authority = await createAuthority(path('authority'), 'unsealed');
  const terms = { name: 'chrome-vm', role: 'domain', ttlSeconds: 90 * DAY } as const;
  await issueIdentity(authority, path('chrome-vm'), terms, 'unsealed', { now: NOW });
  return { path, dir: path('chrome-vm'), authority };
}

rotation('the new key has the next generation, and the old one counts until the overlap ends', async () => {
  const { path, dir, authority } = await makeSite();
  const before = await loadIdentity(dir, { now: NOW });
  const { retired, until } = await rotateIdentity(authority, dir, TERMS);
  assert.equal([retired, until], [before.thumbprint, NOW / 1000 + HOUR]);
  const after = await loadIdentity(dir, { now: NOW });
  assert.is(after.credential.generation, 2);
  assert.is.not(after.thumbprint, before.thumbprint);
  assert.is((await describeKeyDirectory(dir, NOW)).thumbprint, after.thumbprint);

  const broker = await issueIdentity(
    authority,
    path('argus'),
    { name: 'argus', role: 'broker', ttlSeconds: DAY },
    'unsealed',
  );
  await copyFile(path('authority/revocations.jws'), path('argus/revocations.jws'));
  const store = await RevocationStore.open(path('argus'), broker.authority, broker.credential);
  assert.is(store.judge(before.credential, NOW + (HOUR - 1) * 1000), null);
  assert.is(store.judge(before.credential, NOW + HOUR * 1000), 'REVOKED');
  assert.is(store.judge(after.credential, NOW + HOUR * 1000), null);
});

rotation('interrupted after each of its steps, the directory can be used and the next run completes it', async () => {
  const { path, dir, authority } = await makeSite();
  const names = ['key.jwk', 'key.pub.jwk', 'credential.jwt'];
  const read = (): Promise<string[]> => Promise.all(names.map((name) => readFile(join(dir, name), 'utf8')));
  const put = (name: string, text: string | undefined): Promise<void> => writeFile(join(dir, name), text ?? '');
  const before = await loadIdentity(dir, { now: NOW });
  const [oldKey, oldPublic, oldCredential] = await read();
  await rotateIdentity(authority, dir, TERMS);
  const after = await loadIdentity(dir, { now: NOW });
  const [newKey, newPublic] = await read();

  // The credential is there, and the key is not in its place.
  await rename(join(dir, 'key.jwk'), join(dir, 'key.next.jwk'));
  await writeFile(join(dir, 'key.jwk'), oldKey ?? '', { mode: 0o600 });
  await put('key.pub.jwk', oldPublic);
  assert.is((await loadIdentity(dir, { now: NOW })).thumbprint, after.thumbprint);

  // Only the new key was made: the old one goes on.
  const credential = await readFile(join(dir, 'credential.jwt'), 'utf8');
  await put('credential.jwt', oldCredential);
  assert.is((await loadIdentity(dir, { now: NOW })).thumbprint, before.thumbprint);

  // The next run goes on with the key that was made, so the register names one new key and not two.
  await put('credential.jwt', credential);
  await put('credential.jwt', oldCredential);
  await rotateIdentity(authority, dir, TERMS);
  assert.is((await loadIdentity(dir, { now: NOW })).thumbprint, after.thumbprint);
  assert.equal((await read()).slice(0, 2), [newKey, newPublic]);
  assert.is(new Set((await authority.issued()).map((each) => each.thumbprint)).size, 2);
  assert.is(await codeOf(() => readFile(join(dir, 'key.next.jwk'))), 'ENOENT');
  assert.is((await loadIdentity(dir, { now: NOW })).credential.generation, 2);
  assert.ok(path);
});

rotation('a program notices that its credential was replaced, without reading a key', async () => {
  const { dir, authority } = await makeSite();
  const { credentialJwt } = await loadIdentity(dir, { now: NOW });
  assert.is(await isCredentialReplaced(dir, credentialJwt), false);
  await rotateIdentity(authority, dir, TERMS);
  assert.is(await isCredentialReplaced(dir, credentialJwt), true);
});

rotation('holder and authority are rotated one after the other', async () => {
  const { path, dir } = await makeSite();
  const { authority } = await rotateAuthority(path('authority'), { overlapSeconds: 90 * DAY, now: NOW });
  await rotateIdentity(authority, dir, TERMS);
  const { authority: anchor, credential } = await loadIdentity(dir, { now: NOW });
  assert.equal([anchor.thumbprint, credential.issuer], [authority.thumbprint, authority.thumbprint]);
});

rotation('another authority, and a directory without a credential, are refused', async () => {
  const { path, dir } = await makeSite();
  const foreign = await createAuthority(path('foreign'), 'unsealed');
  assert.is(await codeOf(() => rotateIdentity(foreign, dir, TERMS)), 'ERR_KEY_AUTHORITY_CHANGED');
  assert.equal(await foreign.issued(), []);
  assert.is(await codeOf(() => rotateIdentity(foreign, path('foreign'), TERMS)), 'ERR_KEY_FILE_MISSING');
});

rotation.run();
