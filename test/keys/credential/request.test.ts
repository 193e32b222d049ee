/** Signed requests: proof of possession, shown before anything is issued, and issued to the compared key only. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { verifyRequest } from '../../../keys/credential/request.ts';
import { type Authority, createAuthority } from '../../../keys/files/authority.ts';
import { createIdentityKey, installCredential, writeRequest } from '../../../keys/files/enrolment.ts';
import { approveToFiles, readRequest } from '../../../keys/files/hand-back.ts';
import { loadIdentity } from '../../../keys/files/identity.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { codeOf, makeTestKey } from '../forge.ts';

const requests = suite('credential request');
const TYP = 'argus-request+jws';

async function makePlace(): Promise<{ authority: Authority; vm: string; out: string; requestFile: string }> {
  const base = temporaryDirectory();
  const vm = join(base, 'vm');
  await createIdentityKey(vm, 'chrome-vm', 'unsealed');
  const { requestFile } = await writeRequest(vm, 'chrome-vm', 'domain');
  return {
    authority: await createAuthority(join(base, 'authority'), 'unsealed'),
    vm,
    out: join(base, 'out'),
    requestFile,
  };
}

requests('a request that is approved becomes a credential that fits, and its file holds no secret', async () => {
  const { authority, vm, out, requestFile } = await makePlace();
  const { d }: { d: string } = JSON.parse(await readFile(join(vm, 'key.jwk'), 'utf8'));
  assert.not.ok((await readFile(requestFile, 'utf8')).includes(d));
  const request = await readRequest(requestFile);
  assert.equal([request.name, request.role], ['chrome-vm', 'domain']);
  const terms = { ttlSeconds: 60, thumbprint: request.thumbprint, out };
  const { credentialFile, authorityFile } = await approveToFiles(authority, request, terms);
  await installCredential(vm, { credentialFile, authorityFile });
  assert.is((await loadIdentity(vm)).thumbprint, request.thumbprint);
});

requests('another thumbprint than the request’s issues nothing', async () => {
  const { authority, out, requestFile } = await makePlace();
  const request = await readRequest(requestFile);
  const other = (await makeTestKey()).thumbprint;
  for (const thumbprint of [other, '', request.thumbprint.slice(0, 42)])
    assert.is(
      await codeOf(() => approveToFiles(authority, request, { ttlSeconds: 60, thumbprint, out })),
      'ERR_KEY_MISMATCH',
    );
  assert.equal(await authority.issued(), []);
});

requests('what its key has not signed is none', async () => {
  const [key, other] = [await makeTestKey(), await makeTestKey()];
  const claims = { name: 'chrome-vm', role: 'domain', iat: 1_800_000_000 };
  const header = { typ: TYP, jwk: key.publicJwk };
  const genuine = await key.sign(header, claims);
  const refused: readonly (readonly [string, string])[] = [
    ['no token', 'x'],
    ['signed by another key', await other.sign(header, claims)],
    ['another type', await key.sign({ ...header, typ: 'argus-hello+jws' }, claims)],
    ['no key', await key.sign({ typ: TYP }, claims)],
    [
      'a private key in the header',
      await key.sign({ typ: TYP, jwk: { ...key.publicJwk, d: key.publicJwk.x } }, claims),
    ],
    ['a key for encryption', await key.sign({ typ: TYP, jwk: { ...key.publicJwk, use: 'enc' } }, claims)],
    ['a name that is none', await key.sign(header, { ...claims, name: '@mic' })],
    ['a role that is none', await key.sign(header, { ...claims, role: 'root' })],
    ['a claim too many', await key.sign(header, { ...claims, exp: 1 })],
    ['a claim too few', await key.sign(header, { name: 'chrome-vm', role: 'domain' })],
  ];
  assert.is((await verifyRequest(genuine))?.thumbprint, key.thumbprint);
  for (const [label, jws] of refused) assert.is(await verifyRequest(jws), null, label);
});

requests('a key file that an editor began with a byte order mark is read all the same', async () => {
  const { vm } = await makePlace();
  const path = join(vm, 'key.jwk');
  await writeFile(path, `\uFEFF${await readFile(path, 'utf8')}`);
  assert.is((await writeRequest(vm, 'chrome-vm', 'broker')).requestFile, join(vm, 'request.jws'));
});

requests('a file that is no request, and a key of another name, are errors', async () => {
  const { vm, requestFile } = await makePlace();
  await writeFile(requestFile, 'no request');
  assert.is(await codeOf(() => readRequest(requestFile)), 'ERR_KEY_REQUEST');
  assert.is(await codeOf(() => readRequest(`${requestFile}.not`)), 'ERR_KEY_FILE_MISSING');
  assert.is(await codeOf(() => writeRequest(vm, 'mail-vm', 'domain')), 'ERR_KEY_MISMATCH');
  assert.is(await codeOf(() => writeRequest(temporaryDirectory(), 'mail-vm', 'domain')), 'ERR_KEY_FILE_MISSING');
});

requests.run();
