/** The revocation list: signed, strict, and which credentials an entry hits when. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Credential } from '../../../keys/credential/credential.ts';
import {
  emptyRevocationList,
  findRevocation,
  type Revocation,
  signRevocationList,
  verifyRevocationList,
} from '../../../keys/credential/revocation-list.ts';
import { generatePrivateJwk, SigningKey } from '../../../keys/credential/signing-key.ts';
import { importTrustAnchor, type TrustAnchor } from '../../../keys/credential/trust-anchor.ts';
import { assemble, makeTestKey } from '../forge.ts';

const lists = suite('revocation list');
const NOW = 1_800_000_000;
const TYP = { typ: 'argus-revocations+jws' };
const KEY = 'k'.repeat(43);
const forever = { reason: 'stolen', at: NOW, until: null };
const keyEntry: Revocation = { target: 'key', thumbprint: KEY, ...forever };
const holderEntry: Revocation = { target: 'holder', role: 'domain', name: 'chrome-vm', generation: 2, ...forever };

const authority = await makeTestKey();
const claims = (changes: object = {}): object => ({
  iss: authority.thumbprint,
  iat: NOW,
  serial: 3,
  entries: [keyEntry, holderEntry],
  ...changes,
});

function credentialOf(changes: Partial<Credential> = {}): Credential {
  const times = { issuedAt: NOW - 10, notBefore: NOW - 10, expiresAt: NOW + 1000 };
  const who = { name: 'chrome-vm', role: 'domain', thumbprint: 'x'.repeat(43), generation: 2 } as const;
  return { jti: 'a', issuer: authority.thumbprint, revocationSerial: 0, ...who, ...times, ...changes };
}

async function authorityKey(): Promise<{ readonly key: SigningKey; readonly anchor: TrustAnchor }> {
  const key = await SigningKey.fromPrivateJwk(await generatePrivateJwk());
  const anchor = key === null ? null : await importTrustAnchor(key.publicJwk);
  if (key === null || anchor === null) throw new Error('a generated key does not fit itself');
  return { key, anchor };
}

lists('what an authority signs is read back, with every entry', async () => {
  const { key, anchor } = await authorityKey();
  const list = { ...emptyRevocationList(key.thumbprint), serial: 7, issuedAt: NOW, entries: [keyEntry, holderEntry] };
  assert.equal(await verifyRevocationList(await signRevocationList(key, list), anchor), list);
});

lists('a list that is forged, foreign, of another type or not understood is none', async () => {
  const other = await makeTestKey();
  const genuine = await authority.sign(TYP, claims());
  const [head, body, signature = ''] = genuine.split('.');
  const refused: readonly (readonly [string, string])[] = [
    ['no token', ''],
    ['signed by another key', await other.sign(TYP, claims())],
    ['in the name of another authority', await authority.sign(TYP, claims({ iss: other.thumbprint }))],
    ['of the type of a credential', await authority.sign({ typ: 'argus-credential+jwt' }, claims())],
    ['without a type', await authority.sign({}, claims())],
    ['edited', assemble(TYP, claims({ entries: [] }), signature)],
    ['with blanks', `${head}.${body}.${signature} `],
    ['serial 0', await authority.sign(TYP, claims({ serial: 0 }))],
    ['serial of a fraction', await authority.sign(TYP, claims({ serial: 1.5 }))],
    ['no entries', await authority.sign(TYP, claims({ entries: undefined }))],
    ['an unknown target', await authority.sign(TYP, claims({ entries: [{ ...keyEntry, target: 'role' }] }))],
    ['an unknown member', await authority.sign(TYP, claims({ entries: [{ ...keyEntry, unless: 'x' }] }))],
    ['an unknown claim', await authority.sign(TYP, claims({ except: [] }))],
    ['an entry without an end', await authority.sign(TYP, claims({ entries: [{ ...keyEntry, until: undefined }] }))],
    ['a name that is none', await authority.sign(TYP, claims({ entries: [{ ...holderEntry, name: '@mic' }] }))],
  ];
  assert.is.not(await verifyRevocationList(genuine, authority.anchor), null);
  for (const [label, jws] of refused) assert.is(await verifyRevocationList(jws, authority.anchor), null, label);
});

const list = { ...emptyRevocationList('y'), serial: 1, entries: [holderEntry, keyEntry] };

lists('an entry about a holder hits its keys up to a generation, and no other holder', () => {
  const hits: readonly (readonly [boolean, Partial<Credential>])[] = [
    [true, {}],
    [true, { generation: 1 }],
    [true, { generation: 0 }],
    [false, { generation: 3 }],
    [false, { name: 'mail-vm' }],
    [false, { role: 'broker' }],
    [true, { name: 'mail-vm', thumbprint: KEY }],
    [true, { role: 'admin', generation: 9, thumbprint: KEY }],
  ];
  for (const [isHit, changes] of hits)
    assert.is(findRevocation(list, credentialOf(changes), NOW) !== null, isHit, JSON.stringify(changes));
});

lists('an entry counts from its beginning until its end', () => {
  const entry: Revocation = { ...holderEntry, at: NOW, until: NOW + 100 };
  const at = (now: number) => findRevocation({ ...list, entries: [entry] }, credentialOf(), now);
  assert.is(at(NOW - 1), null);
  assert.is(at(NOW), entry);
  assert.is(at(NOW + 99), entry);
  assert.is(at(NOW + 100), null);
});

lists.run();
