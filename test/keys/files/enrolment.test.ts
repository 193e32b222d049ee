/** Enrolment: the private key stays, the public half travels, a credential that fits comes back. */
import { chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Authority, createAuthority } from '../../../keys/files/authority.ts';
import { createIdentityKey, installCredential, issueIdentity } from '../../../keys/files/enrolment.ts';
import { issueToFiles } from '../../../keys/files/hand-back.ts';
import { loadIdentity } from '../../../keys/files/identity.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { codeOf } from '../forge.ts';

const enrolment = suite('enrolment');

interface Place {
  readonly authority: Authority;
  readonly authorityDir: string;
  readonly vm: string;
  readonly out: string;
}

async function newPlace(): Promise<Place> {
  const base = temporaryDirectory();
  const authorityDir = join(base, 'authority');
  return {
    authority: await createAuthority(authorityDir, 'unsealed'),
    authorityDir,
    vm: join(base, 'vm'),
    out: join(base, 'out'),
  };
}

function terms({ vm, out }: Place, changes: object = {}) {
  const publicKeyFile = join(vm, 'key.pub.jwk');
  return { name: 'chrome-vm', role: 'domain' as const, ttlSeconds: 3600, publicKeyFile, out, ...changes };
}

enrolment('enrol, issue, install: the VM has an identity, and its private key was never elsewhere', async () => {
  const place = await newPlace();
  const enrolled = await createIdentityKey(place.vm, 'chrome-vm', 'unsealed');
  assert.is(enrolled.created, true);
  const { credentialFile, authorityFile } = await issueToFiles(place.authority, terms(place));
  await installCredential(place.vm, { credentialFile, authorityFile });
  const identity = await loadIdentity(place.vm);
  assert.is(identity.name, 'chrome-vm');
  assert.is(identity.thumbprint, enrolled.thumbprint);
  const { d }: { d: string } = JSON.parse(await readFile(join(place.vm, 'key.jwk'), 'utf8'));
  for (const path of [enrolled.publicKeyFile, credentialFile, authorityFile, join(place.vm, 'credential.jwt')])
    assert.not.ok((await readFile(path, 'utf8')).includes(d), path);
});

enrolment('the key is 0600, its directory 0700, the public half readable', async () => {
  const { vm } = await newPlace();
  await createIdentityKey(vm, 'chrome-vm', 'unsealed');
  const modes = await Promise.all(
    ['.', 'key.jwk', 'key.pub.jwk'].map(async (name) => (await stat(join(vm, name))).mode),
  );
  assert.equal(
    modes.map((mode) => mode & 0o777),
    [0o700, 0o600, 0o644],
  );
});

enrolment('run again it keeps the key, and makes a public half that is missing', async () => {
  const { vm } = await newPlace();
  const first = await createIdentityKey(vm, 'chrome-vm', 'unsealed');
  const [key, publicHalf] = [await readFile(join(vm, 'key.jwk')), await readFile(first.publicKeyFile)];
  await rm(first.publicKeyFile);
  const second = await createIdentityKey(vm, 'chrome-vm', 'unsealed');
  assert.is(second.created, false);
  assert.is(second.thumbprint, first.thumbprint);
  assert.equal(await readFile(join(vm, 'key.jwk')), key);
  assert.equal(await readFile(first.publicKeyFile), publicHalf);
});

enrolment('a directory that holds the key of another name is left alone', async () => {
  const { vm } = await newPlace();
  await createIdentityKey(vm, 'chrome-vm', 'unsealed');
  const key = await readFile(join(vm, 'key.jwk'));
  assert.is(await codeOf(() => createIdentityKey(vm, 'audio-vm', 'unsealed')), 'ERR_KEY_EXISTS');
  assert.equal(await readFile(join(vm, 'key.jwk')), key);
});

enrolment('a name that is none is refused before anything is made', async () => {
  const { vm } = await newPlace();
  for (const name of ['', 'Chrome', '-x', '@mic', 'a b', 'a'.repeat(64)])
    assert.is(await codeOf(() => createIdentityKey(vm, name, 'unsealed')), 'ERR_KEY_NAME', name);
  assert.is(await codeOf(() => stat(vm)), 'ENOENT');
});

enrolment('a directory that others can write to gets no key', async () => {
  const { vm } = await newPlace();
  await mkdir(vm);
  await chmod(vm, 0o777);
  assert.is(await codeOf(() => createIdentityKey(vm, 'chrome-vm', 'unsealed')), 'ERR_KEY_FILE_MODE');
  assert.is(await codeOf(() => stat(join(vm, 'key.jwk'))), 'ENOENT');
});

enrolment('a renewal replaces the credential and needs no authority file', async () => {
  const place = await newPlace();
  await createIdentityKey(place.vm, 'chrome-vm', 'unsealed');
  const first = await issueToFiles(place.authority, terms(place));
  await installCredential(place.vm, first);
  const second = await issueToFiles(place.authority, terms(place, { out: `${place.out}-2` }));
  await installCredential(place.vm, { credentialFile: second.credentialFile });
  assert.is((await loadIdentity(place.vm)).credential.jti, second.credential.jti);
});

enrolment('without a key, or without an authority to check against, nothing is installed', async () => {
  const place = await newPlace();
  await createIdentityKey(place.vm, 'chrome-vm', 'unsealed');
  const { credentialFile, authorityFile } = await issueToFiles(place.authority, terms(place));
  assert.is(await codeOf(() => installCredential(place.vm, { credentialFile })), 'ERR_KEY_FILE_MISSING');
  const empty = temporaryDirectory();
  assert.is(await codeOf(() => installCredential(empty, { credentialFile, authorityFile })), 'ERR_KEY_FILE_MISSING');
  assert.is(await codeOf(() => stat(join(place.vm, 'credential.jwt'))), 'ENOENT');
});

enrolment('the trust anchor is set once: another authority is refused, and the old credential stays', async () => {
  const [place, other] = [await newPlace(), await newPlace()];
  await createIdentityKey(place.vm, 'chrome-vm', 'unsealed');
  await installCredential(place.vm, await issueToFiles(place.authority, terms(place)));
  const before = await loadIdentity(place.vm);
  const foreign = await issueToFiles(other.authority, terms(place, { out: other.out }));
  assert.is(await codeOf(() => installCredential(place.vm, foreign)), 'ERR_KEY_AUTHORITY_CHANGED');
  const { credentialFile } = foreign;
  assert.is(await codeOf(() => installCredential(place.vm, { credentialFile })), 'ERR_KEY_CREDENTIAL_FOREIGN');
  assert.equal((await loadIdentity(place.vm)).credential, before.credential);
});

enrolment('a credential for another key, or for another name, is not installed', async () => {
  const [place, other] = [await newPlace(), await newPlace()];
  await createIdentityKey(place.vm, 'chrome-vm', 'unsealed');
  await createIdentityKey(other.vm, 'chrome-vm', 'unsealed');
  const forOther = await issueToFiles(place.authority, terms(other));
  assert.is(await codeOf(() => installCredential(place.vm, forOther)), 'ERR_KEY_MISMATCH');
  const { publicJwk } = await createIdentityKey(place.vm, 'chrome-vm', 'unsealed');
  const { credentialJwt } = await place.authority.issue({ ...terms(place), name: 'audio-vm', publicJwk });
  const credentialFile = join(other.out, 'wrong-name.jwt');
  await writeFile(credentialFile, credentialJwt);
  const given = { credentialFile, authorityFile: forOther.authorityFile };
  assert.is(await codeOf(() => installCredential(place.vm, given)), 'ERR_KEY_MISMATCH');
  assert.is(await codeOf(() => stat(join(place.vm, 'authority.jwk'))), 'ENOENT');
});

enrolment('an expired credential or a file that is none is not installed', async () => {
  const place = await newPlace();
  await createIdentityKey(place.vm, 'chrome-vm', 'unsealed');
  const given = await issueToFiles(place.authority, terms(place));
  const later = Date.now() + 2 * 3_600_000;
  const install = (options = {}) => installCredential(place.vm, given, options);
  assert.is(await codeOf(() => install({ now: later })), 'ERR_KEY_CREDENTIAL_EXPIRED');
  await writeFile(given.credentialFile, 'not a token');
  assert.is(await codeOf(() => install()), 'ERR_KEY_CREDENTIAL_INVALID');
});

enrolment('a private key is refused where a public one belongs: to issue for, and as trust anchor', async () => {
  const place = await newPlace();
  await createIdentityKey(place.vm, 'chrome-vm', 'unsealed');
  const issuing = issueToFiles(place.authority, terms(place, { publicKeyFile: join(place.vm, 'key.jwk') }));
  assert.is(await codeOf(() => issuing), 'ERR_KEY_PRIVATE_GIVEN');
  const { credentialFile } = await issueToFiles(place.authority, terms(place));
  const authorityFile = join(place.authorityDir, 'authority.jwk');
  const code = await codeOf(() => installCredential(place.vm, { credentialFile, authorityFile }));
  assert.is(code, 'ERR_KEY_PRIVATE_GIVEN');
});

enrolment('issuing refuses another name than the key was made for, and files that are there', async () => {
  const [place, other] = [await newPlace(), await newPlace()];
  await createIdentityKey(place.vm, 'chrome-vm', 'unsealed');
  assert.is(await codeOf(() => issueToFiles(place.authority, terms(place, { name: 'audio-vm' }))), 'ERR_KEY_MISMATCH');
  const { credentialFile } = await issueToFiles(place.authority, terms(place));
  const text = await readFile(credentialFile);
  const register = await readFile(join(place.authorityDir, 'issued.jsonl'));
  assert.is(await codeOf(() => issueToFiles(place.authority, terms(place))), 'ERR_KEY_EXISTS');
  assert.equal(await readFile(credentialFile), text);
  assert.equal(await readFile(join(place.authorityDir, 'issued.jsonl')), register);
  await rm(credentialFile);
  assert.is(await codeOf(() => issueToFiles(other.authority, terms(place))), 'ERR_KEY_AUTHORITY_CHANGED');
});

enrolment('on one host an identity is made in one step, and made again it is renewed', async () => {
  const { authority, vm } = await newPlace();
  const first = await issueIdentity(authority, vm, { name: 'broker', role: 'broker', ttlSeconds: 60 }, 'unsealed');
  const second = await issueIdentity(authority, vm, { name: 'broker', role: 'broker', ttlSeconds: 60 }, 'unsealed');
  assert.is(first.role, 'broker');
  assert.is(second.thumbprint, first.thumbprint);
  assert.is.not(second.credential.jti, first.credential.jti);
  const other = await newPlace();
  const code = await codeOf(() =>
    issueIdentity(other.authority, vm, { name: 'broker', role: 'broker', ttlSeconds: 60 }, 'unsealed'),
  );
  assert.is(code, 'ERR_KEY_AUTHORITY_CHANGED');
});

enrolment.run();
