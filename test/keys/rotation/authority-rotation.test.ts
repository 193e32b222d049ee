/** Rotation of an authority: the two keys vouch for each other, so holders of either accept each other meanwhile. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { verifyCredential } from '../../../keys/credential/credential.ts';
import { verifyRevocationList } from '../../../keys/credential/revocation-list.ts';
import { signSuccession, successorOf } from '../../../keys/credential/succession.ts';
import {
  type Authority,
  createAuthority,
  type Identity,
  installCredential,
  issueIdentity,
  loadIdentity,
  openAuthority,
  RevocationStore,
  rotateAuthority,
} from '../../../keys/index.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { codeOf, makeTestKey, type TestKey } from '../forge.ts';

const rotation = suite('rotation of an authority');
const NOW = 1_800_000_000_000;
const DAY = 86_400;
const OVERLAP = { overlapSeconds: 90 * DAY, now: NOW };
const LATER = NOW + 1000 * DAY;
const AFTER = NOW + 91 * 1000 * DAY;

interface Site {
  readonly path: (name: string) => string;
  readonly authority: Authority;
  readonly holder: (name: string, role: 'domain' | 'broker', now?: number) => Promise<Identity>;
}

async function makeSite(): Promise<Site> {
  const base = temporaryDirectory();
  const path = (name: string): string => join(base, name);
  const authority = await createAuthority(path('authority'), 'unsealed');
  const holder = async (name: string, role: 'domain' | 'broker', now = NOW): Promise<Identity> =>
    issueIdentity(
      await openAuthority(path('authority')),
      path(name),
      { name, role, ttlSeconds: 90 * DAY },
      'unsealed',
      { now },
    );
  return { path, authority, holder };
}

/** What the holder of one identity says of the credential of another. */
async function verdict(verifier: Identity, presenter: Identity, now = LATER): Promise<string> {
  const options = { now, clockToleranceSeconds: 60 };
  const result = await verifyCredential(presenter.credentialJwt, verifier.authority, options);
  return result.ok ? 'ok' : result.reason;
}

rotation('before, during and after: holders of the old key and of the new key accept each other', async () => {
  const { path, authority, holder } = await makeSite();
  const [broker, older] = [await holder('argus', 'broker'), await holder('chrome-vm', 'domain')];
  const { authority: next, retired, until } = await rotateAuthority(path('authority'), OVERLAP);
  assert.is(retired, authority.thumbprint);
  assert.is.not(next.thumbprint, authority.thumbprint);
  assert.is(until, NOW / 1000 + 90 * DAY);
  const newer = await holder('mail-vm', 'domain', LATER);
  assert.is(newer.credential.issuer, next.thumbprint);
  assert.is(await verdict(broker, newer), 'ok', 'an old holder learns the new key from the credential');
  assert.is(await verdict(newer, broker), 'ok', 'a new holder accepts the old key during the overlap');
  assert.is(await verdict(broker, older), 'ok');
  assert.is(await verdict(newer, newer), 'ok');
});

rotation('after the overlap a holder of the new key refuses the old one, valid or not', async () => {
  const { path, holder } = await makeSite();
  await holder('argus', 'broker');
  const terms = { name: 'chrome-vm', role: 'domain', ttlSeconds: 900 * DAY } as const;
  const long = await issueIdentity(await openAuthority(path('authority')), path('chrome-vm'), terms, 'unsealed', {
    now: NOW,
  });
  await rotateAuthority(path('authority'), OVERLAP);
  const newer = await holder('mail-vm', 'domain', LATER);
  assert.is(await verdict(newer, long, NOW + 89 * 1000 * DAY), 'ok');
  assert.is(await verdict(newer, long, AFTER), 'FOREIGN_AUTHORITY');
});

rotation('a renewal moves a holder to the new key, its trust anchor too, also long after the overlap', async () => {
  const { path, holder } = await makeSite();
  const before = await holder('chrome-vm', 'domain');
  const { authority: next } = await rotateAuthority(path('authority'), OVERLAP);
  const anchor = async (): Promise<unknown> => JSON.parse(await readFile(path('chrome-vm/authority.jwk'), 'utf8'));
  assert.equal(await anchor(), before.authority.publicJwk);
  const after = await holder('chrome-vm', 'domain', AFTER);
  assert.equal(await anchor(), next.public.publicJwk);
  assert.equal([after.thumbprint, after.credential.generation], [before.thumbprint, 1], 'the key of the holder stays');
  assert.is((await loadIdentity(path('chrome-vm'), { now: AFTER })).authority.thumbprint, next.thumbprint);
});

rotation('a credential that is carried by hand moves the anchor as well, and a foreign one does not', async () => {
  const { path, holder } = await makeSite();
  await holder('chrome-vm', 'domain');
  const { authority } = await rotateAuthority(path('authority'), OVERLAP);
  const { publicJwk } = await loadIdentity(path('chrome-vm'), { now: NOW });
  const terms = { name: 'chrome-vm', role: 'domain', ttlSeconds: DAY, publicJwk, now: NOW } as const;
  await writeFile(path('credential'), (await authority.issue(terms)).credentialJwt);
  const given = { credentialFile: path('credential'), authorityFile: path('authority/authority.pub.jwk') };
  await installCredential(path('chrome-vm'), given, { now: NOW });
  assert.is((await loadIdentity(path('chrome-vm'), { now: NOW })).authority.thumbprint, authority.thumbprint);

  const foreign = await createAuthority(path('foreign'), 'unsealed');
  await writeFile(path('foreign.jwt'), (await foreign.issue(terms)).credentialJwt);
  const forged = { credentialFile: path('foreign.jwt'), authorityFile: path('foreign/authority.pub.jwk') };
  assert.is(
    await codeOf(() => installCredential(path('chrome-vm'), forged, { now: NOW })),
    'ERR_KEY_AUTHORITY_CHANGED',
  );
});

rotation('the list of the new key is taken by brokers of the old one, and generations go on', async () => {
  const { path, authority, holder } = await makeSite();
  const broker = await holder('argus', 'broker');
  await holder('chrome-vm', 'domain');
  await authority.revoke({ target: { role: 'domain', name: 'chrome-vm' }, reason: 'lost', until: null, now: NOW });
  const store = await RevocationStore.open(path('argus'), broker.authority, broker.credential);
  await store.install(await readFile(path('authority/revocations.jws'), 'utf8'));
  await store.noteProven({ ...broker.credential, role: 'domain', name: 'mail-vm' });
  const { authority: next } = await rotateAuthority(path('authority'), OVERLAP);

  const renewed = await holder('argus', 'broker', LATER);
  const kept = await RevocationStore.open(path('argus'), renewed.authority, broker.credential);
  assert.is(kept.list.serial, 1, 'the list of the old key is still read from the own disk');
  assert.equal(
    kept.holders().map((each) => each.holder),
    ['domain/mail-vm'],
    'and what was seen under it counts',
  );
  const { jws } = await next.revocations(LATER);
  const result = await store.install(jws ?? '');
  assert.is(
    result.ok && result.isNew && result.list.serial,
    2,
    'a broker of the old key takes the list of the new one',
  );
  const key = await makeTestKey();
  const terms = { name: 'chrome-vm', role: 'domain', ttlSeconds: DAY, publicJwk: key.publicJwk, now: LATER } as const;
  assert.is((await next.issue(terms)).credential.generation, 2);
});

rotation('a list that the old key signs after the rotation is taken by no holder of the new key', async () => {
  const { path, authority, holder } = await makeSite();
  await holder('chrome-vm', 'domain');
  const stolen = await authority.revoke({ target: { role: 'domain', name: 'chrome-vm' }, reason: '', until: null });
  const { jws } = await authority.revocations();
  await rotateAuthority(path('authority'), { overlapSeconds: DAY });
  const newer = (await openAuthority(path('authority'))).public;
  assert.is(stolen.serial, 1);
  assert.is(await verifyRevocationList(jws ?? '', newer), null);
});

const signer = ({ publicJwk, sign }: TestKey) => ({
  publicJwk,
  signCompact: (header: { readonly typ: string }, claims: object) => sign(header, claims),
});

rotation('nobody else can name a successor or a predecessor', async () => {
  const { path, holder } = await makeSite();
  const broker = await holder('argus', 'broker');
  const [stranger, thief] = [await makeTestKey(), await makeTestKey()];
  const terms = { at: NOW / 1000, until: AFTER / 1000 };
  const claims = { ...JSON.parse(Buffer.from(broker.credentialJwt.split('.')[1] ?? '', 'base64url').toString()) };
  const forge = async (succession: object): Promise<string> =>
    thief.sign({ typ: 'argus-credential+jwt', succession }, { ...claims, iss: thief.thumbprint });
  const options = { now: LATER, clockToleranceSeconds: 60 };
  const real = await signSuccession(signer(stranger), signer(thief), terms);
  const swapped = { byOld: real.byNew, byNew: real.byOld };
  for (const succession of [real, swapped, { byOld: 'x', byNew: 'x' }, { byOld: 1, byNew: 2 }, []]) {
    const result = await verifyCredential(await forge(succession), broker.authority, options);
    assert.is(result.ok ? 'ok' : result.reason, 'FOREIGN_AUTHORITY', JSON.stringify(succession).slice(0, 40));
  }
  // The other way round: the thief says that the real authority was its predecessor, or that it follows itself.
  const { authority } = await rotateAuthority(path('authority'), OVERLAP);
  const own = await loadIdentity(path('argus'), { now: NOW });
  assert.is(own.authority.predecessor, null, 'a credential of the old key names no predecessor');
  assert.is.not(authority.public.predecessor, null);
});

rotation('a succession that names another key as the old one proves nothing', async () => {
  const [older, newer, other] = [await makeTestKey(), await makeTestKey(), await makeTestKey()];
  const { byOld } = await signSuccession(signer(older), signer(newer), { at: 1, until: 2 });
  const crossed = await older.sign(
    { typ: 'argus-succession+jws' },
    { old: other.publicJwk, new: newer.publicJwk, iat: 1, until: 2 },
  );
  assert.is((await successorOf(older.anchor, { byOld, byNew: '' }))?.thumbprint, newer.thumbprint);
  assert.is(await successorOf(older.anchor, { byOld: crossed, byNew: '' }), null);
  assert.is(await successorOf(newer.anchor, { byOld, byNew: '' }), null, 'signed by another key');
});

rotation('an authority is rotated once per overlap, and the overlap is a time', async () => {
  const { path } = await makeSite();
  for (const overlapSeconds of [0, -1, 1.5, Number.NaN, 20 * 365 * DAY])
    assert.is(await codeOf(() => rotateAuthority(path('authority'), { overlapSeconds, now: NOW })), 'ERR_KEY_TTL');
  await rotateAuthority(path('authority'), OVERLAP);
  assert.is(await codeOf(() => rotateAuthority(path('authority'), { ...OVERLAP, now: LATER })), 'ERR_KEY_ROTATION');
  await rotateAuthority(path('authority'), { ...OVERLAP, now: AFTER });
});

rotation(
  'interrupted before the new private key: the old one goes on; after it: the next start completes it',
  async () => {
    const { path, authority, holder } = await makeSite();
    const files = ['authority.jwk', 'authority.pub.jwk'].map((name) => path(`authority/${name}`));
    const [privateFile = '', publicFile = ''] = files;
    const [oldPrivate, oldPublic] = await Promise.all(files.map((file) => readFile(file, 'utf8')));
    const { authority: next } = await rotateAuthority(path('authority'), OVERLAP);
    const newPrivate = await readFile(privateFile, 'utf8');

    await writeFile(privateFile, oldPrivate ?? '');
    await writeFile(publicFile, oldPublic ?? '');
    assert.is((await openAuthority(path('authority'))).thumbprint, authority.thumbprint);
    assert.is((await holder('chrome-vm', 'domain', LATER)).credential.issuer, authority.thumbprint);

    await writeFile(privateFile, newPrivate);
    const completed = await openAuthority(path('authority'));
    assert.is(completed.thumbprint, next.thumbprint);
    assert.is.not(await readFile(publicFile, 'utf8'), oldPublic);
    assert.is(completed.public.predecessor?.thumbprint, authority.thumbprint);
  },
);

rotation.run();
