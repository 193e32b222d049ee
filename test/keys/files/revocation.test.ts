/** Generations and revocations from the authority to the store of a broker. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { verifyRevocationList } from '../../../keys/credential/revocation-list.ts';
import { type Authority, createAuthority, openAuthority } from '../../../keys/files/authority.ts';
import { listHolders } from '../../../keys/files/holders.ts';
import { RevocationStore } from '../../../keys/files/revocation-store.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { codeOf, makeTestKey, type TestKey } from '../forge.ts';

const revocation = suite('revocation');
const NOW = 1_800_000_000_000;
const SECONDS = NOW / 1000;
const HOUR = 3600;
const [first, second, third] = [await makeTestKey(), await makeTestKey(), await makeTestKey()];

interface Site {
  readonly dir: string;
  readonly authority: Authority;
  /** Of a broker. */
  readonly brokerDir: string;
}

async function makeSite(): Promise<Site> {
  const dir = join(temporaryDirectory(), 'authority');
  return { dir, authority: await createAuthority(dir, 'unsealed'), brokerDir: temporaryDirectory() };
}

async function issue(authority: Authority, key: TestKey, name = 'chrome-vm', ttlSeconds = HOUR) {
  const terms = { name, role: 'domain', ttlSeconds, publicJwk: key.publicJwk, now: NOW } as const;
  return (await authority.issue(terms)).credential;
}

async function storeOf({ authority, brokerDir }: Site): Promise<RevocationStore> {
  return RevocationStore.open(brokerDir, authority.public, await issue(authority, third, 'broker'));
}

async function jwsOf(authority: Authority): Promise<string> {
  const { jws } = await authority.revocations(NOW);
  if (jws === null) throw new Error('there is no list');
  return jws;
}

revocation('a new key starts a generation and retires the older ones; the same key keeps its own', async () => {
  const { dir, authority } = await makeSite();
  assert.is((await issue(authority, first)).generation, 1);
  assert.is((await issue(authority, first)).generation, 1);
  assert.is((await authority.revocations(NOW)).jws, null, 'nothing is revoked yet');
  const newer = await issue(authority, second);
  assert.equal([newer.generation, newer.revocationSerial], [2, 1]);
  assert.is((await issue(authority, third, 'mail-vm')).generation, 1, 'another holder counts by itself');
  const list = await verifyRevocationList(
    (await readFile(join(dir, 'revocations.jws'), 'utf8')).trim(),
    authority.public,
  );
  assert.equal(
    list?.entries.map((entry) => entry.target === 'holder' && [entry.name, entry.generation]),
    [['chrome-vm', 1]],
  );
  assert.is(await codeOf(() => issue(authority, first)), 'ERR_KEY_REVOKED', 'a retired key gets no credential');
});

revocation('revoking a holder hits all its keys; a new key is accepted again, the old ones never', async () => {
  const { authority } = await makeSite();
  await issue(authority, first);
  const target = { role: 'domain', name: 'chrome-vm' } as const;
  const list = await authority.revoke({ target, reason: 'stolen', until: null, now: NOW });
  assert.equal([list.serial, list.entries.length], [1, 1]);
  assert.is(await codeOf(() => issue(authority, first)), 'ERR_KEY_REVOKED');
  assert.is((await issue(authority, second)).generation, 2);
});

revocation('a mislaid device is back after the end of its revocation', async () => {
  const { authority } = await makeSite();
  await issue(authority, first);
  const target = { thumbprint: first.thumbprint };
  await authority.revoke({ target, reason: 'mislaid', until: SECONDS + 60, now: NOW });
  assert.is(await codeOf(() => issue(authority, first)), 'ERR_KEY_REVOKED');
  const later = { name: 'chrome-vm', role: 'domain', ttlSeconds: HOUR, publicJwk: first.publicJwk } as const;
  assert.is((await authority.issue({ ...later, now: NOW + 61_000 })).credential.generation, 1);
});

revocation('what was never issued cannot be revoked, and an end lies in the future', async () => {
  const { authority } = await makeSite();
  await issue(authority, first);
  const bad: readonly (readonly [Parameters<Authority['revoke']>[0]['target'], number | null, string])[] = [
    [{ role: 'domain', name: 'mail-vm' }, null, 'ERR_KEY_NAME'],
    [{ role: 'broker', name: 'chrome-vm' }, null, 'ERR_KEY_NAME'],
    [{ thumbprint: second.thumbprint }, null, 'ERR_KEY_NAME'],
    [{ role: 'domain', name: 'chrome-vm' }, SECONDS, 'ERR_KEY_TTL'],
  ];
  for (const [target, until, code] of bad)
    assert.is(await codeOf(() => authority.revoke({ target, reason: '', until, now: NOW })), code);
  assert.is((await authority.revocations(NOW)).list.serial, 0);
});

revocation('the register is the truth: a list that was lost or put back is whole again', async () => {
  const { dir, authority } = await makeSite();
  await issue(authority, first);
  await issue(authority, second);
  const old = await readFile(join(dir, 'revocations.jws'), 'utf8');
  await authority.revoke({ target: { thumbprint: second.thumbprint }, reason: 'stolen', until: null, now: NOW });
  for (const spoil of [() => rm(join(dir, 'revocations.jws')), () => writeFile(join(dir, 'revocations.jws'), old)]) {
    await spoil();
    assert.is((await (await openAuthority(dir)).revocations(NOW)).list.serial, 2);
    const restored = (await readFile(join(dir, 'revocations.jws'), 'utf8')).trim();
    assert.is((await verifyRevocationList(restored, authority.public))?.serial, 2);
  }
});

revocation('an entry goes once everything that it hits has expired', async () => {
  const { authority } = await makeSite();
  await issue(authority, first);
  await authority.revoke({ target: { role: 'domain', name: 'chrome-vm' }, reason: '', until: null, now: NOW });
  assert.is((await authority.revocations(NOW + HOUR * 1000)).list.entries.length, 1);
  const { list } = await authority.revocations(NOW + (HOUR + 120) * 1000);
  assert.equal([list.serial, list.entries.length], [1, 0]);
});

revocation('a register line that a crash cut short is passed over', async () => {
  const { dir, authority } = await makeSite();
  await issue(authority, first);
  await writeFile(join(dir, 'issued.jsonl'), '{"jti":"half', { flag: 'a', mode: 0o600 });
  assert.is((await issue(authority, second)).generation, 2);
  assert.is((await authority.issued()).length, 2);
});

revocation('the inventory of keys says who has what until when, and why not', async () => {
  const { authority } = await makeSite();
  await issue(authority, first, 'chrome-vm', 10);
  await issue(authority, first, 'chrome-vm', 20);
  await issue(authority, second, 'mail-vm');
  await authority.revoke({ target: { thumbprint: second.thumbprint }, reason: 'stolen', until: null, now: NOW });
  const rows = (await listHolders(authority, NOW + 30_000)).map((key) => [
    key.name,
    key.credentials,
    key.state,
    key.revocation?.reason ?? null,
  ]);
  assert.equal(rows, [
    ['chrome-vm', 2, 'expired', null],
    ['mail-vm', 1, 'revoked', 'stolen'],
  ]);
});

revocation('a store takes a newer list only, keeps it over a restart, and judges by it', async () => {
  const site = await makeSite();
  const { authority } = site;
  const credential = await issue(authority, first);
  const store = await storeOf(site);
  assert.is(store.judge(credential, NOW), null);
  await authority.revoke({ target: { thumbprint: first.thumbprint }, reason: 'a', until: null, now: NOW });
  const older = await jwsOf(authority);
  assert.equal(await install(store, older), ['INSTALLED', 1]);
  assert.is(store.judge(credential, NOW), 'REVOKED');
  await issue(authority, second);
  const newer = await jwsOf(authority);
  assert.equal(await install(store, newer), ['INSTALLED', 2]);
  assert.equal(await install(store, newer), ['UNCHANGED', 2]);
  assert.equal(await install(store, older), ['OLDER', 2]);
  assert.equal(await install(store, 'not a list'), ['NOT_A_LIST', 2]);
  const again = await storeOf(site);
  assert.is(again.list.serial, 2);
  assert.is(again.judge(credential, NOW), 'REVOKED');
});

revocation('of two lists that come at once the newer one stays', async () => {
  const site = await makeSite();
  const store = await storeOf(site);
  await issue(site.authority, first);
  await issue(site.authority, second);
  const older = await jwsOf(site.authority);
  await site.authority.revoke({ target: { thumbprint: second.thumbprint }, reason: '', until: null, now: NOW });
  const newer = await jwsOf(site.authority);
  await Promise.all([install(store, newer), install(store, older)]);
  assert.is(store.list.serial, 2);
  assert.is((await storeOf(site)).list.serial, 2);
});

revocation('a list that cannot be written down is in force all the same, and a restart does not miss it', async () => {
  const site = await makeSite();
  const store = await storeOf(site);
  const credential = await issue(site.authority, first);
  await site.authority.revoke({ target: { thumbprint: first.thumbprint }, reason: '', until: null, now: NOW });
  const path = join(site.brokerDir, 'revocations.jws');
  await mkdir(path);
  const result = await store.install(await jwsOf(site.authority));
  assert.ok(result.ok && result.isNew);
  assert.is(store.judge(credential, NOW), 'REVOKED');
  assert.is(await codeOf(() => (result.ok ? result.written : Promise.resolve())), 'ERR_KEY_FILE_IO');
  await store.noteProven(await issue(site.authority, second, 'mail-vm'));
  const seen = JSON.parse(await readFile(join(site.brokerDir, 'seen.json'), 'utf8'));
  assert.is(seen.serial, 0, 'what was seen never names a list that is not on disk');
});

async function install(store: RevocationStore, jws: string): Promise<readonly [string, number]> {
  const result = await store.install(jws);
  if (result.ok) await result.written;
  const installed = result.ok && result.isNew ? 'INSTALLED' : 'UNCHANGED';
  return [result.ok ? installed : result.reason, store.list.serial];
}

revocation('a list that is missing, put back or not the authority’s keeps a broker from starting', async () => {
  const site = await makeSite();
  await issue(site.authority, first);
  await issue(site.authority, second);
  const store = await storeOf({ ...site, brokerDir: site.brokerDir }).catch((error: unknown) => error);
  assert.is(store instanceof Error && 'code' in store && store.code, 'ERR_KEY_REVOCATIONS', 'its credential is newer');
  const path = join(site.brokerDir, 'revocations.jws');
  const oldList = await jwsOf(site.authority);
  await writeFile(path, oldList, { mode: 0o644 });
  const opened = await storeOf(site);
  await site.authority.revoke({ target: { thumbprint: second.thumbprint }, reason: '', until: null, now: NOW });
  await install(opened, await jwsOf(site.authority));
  const newList = await readFile(path, 'utf8');
  const foreign = await makeSite();
  await issue(foreign.authority, first);
  await issue(foreign.authority, second);
  for (const [label, text] of [
    ['put back', oldList],
    ['another authority’s', await jwsOf(foreign.authority)],
    ['cut short', newList.slice(0, 100)],
    ['empty', ''],
  ] as const) {
    await writeFile(path, text);
    assert.is(await codeOf(() => storeOf(site)), 'ERR_KEY_REVOCATIONS', label);
  }
  await rm(path);
  assert.is(await codeOf(() => storeOf(site)), 'ERR_KEY_REVOCATIONS', 'missing');
  await writeFile(path, newList, { mode: 0o644 });
  assert.is((await storeOf(site)).list.serial, 2);
});

revocation('once a newer key has had a session the older one is refused, list or no list', async () => {
  const site = await makeSite();
  const store = await storeOf(site);
  const older = await issue(site.authority, first);
  await store.noteProven(older);
  const newer = await issue(site.authority, second);
  assert.is(store.judge(older, NOW), null, 'not before the newer key was seen');
  assert.ok(store.isStale || (store.judge(newer, NOW) === null && store.isStale), 'the newer credential names a list');
  await store.noteProven(newer);
  assert.is(store.judge(older, NOW), 'OLD_KEY');
  assert.is(store.judge({ ...newer, thumbprint: third.thumbprint }, NOW), 'SECOND_KEY');
  assert.is(store.judge({ ...older, name: 'mail-vm' }, NOW), null);
  assert.is(store.judge({ ...older, role: 'broker' }, NOW), null);
  await site.authority.revocations(NOW);
  await writeFile(join(site.brokerDir, 'revocations.jws'), await jwsOf(site.authority), { mode: 0o644 });
  const again = await storeOf(site);
  assert.is(again.judge({ ...older, issuer: 'x' }, NOW), 'REVOKED');
  assert.is(again.judge({ ...newer, thumbprint: third.thumbprint }, NOW), 'SECOND_KEY', 'after a restart as well');
});

revocation('many holders that come at once are written down in a few writes', async () => {
  const site = await makeSite();
  const store = await storeOf(site);
  const credential = await issue(site.authority, first);
  const names = Array.from({ length: 200 }, (_, at) => `vm-${at}`);
  await Promise.all(names.map((name) => store.noteProven({ ...credential, name })));
  const { holders } = JSON.parse(await readFile(join(site.brokerDir, 'seen.json'), 'utf8'));
  assert.is(Object.keys(holders).length, names.length);
});

revocation('what was seen and cannot be read is an error, not a clean slate', async () => {
  const site = await makeSite();
  await (await storeOf(site)).noteProven(await issue(site.authority, first));
  await writeFile(join(site.brokerDir, 'seen.json'), '{"issuer"');
  assert.is(await codeOf(() => storeOf(site)), 'ERR_KEY_REVOCATIONS');
});

revocation.run();
