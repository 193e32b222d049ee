/** The rows that brokers write into the bucket: signed by the broker that they are about, or none. */
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeStanding, encodeStanding, type Standing } from '../../../broker/service/index.ts';
import { createAuthority, type Identity, issueIdentity, loadIdentity, type Role } from '../../../keys/index.ts';
import { temporaryDirectory } from '../../support/temp.ts';

const standings = suite('rows of the bucket');

const NOW = Date.now();
const STANDING: Standing = {
  at: NOW,
  revision: 7,
  policy: 'a'.repeat(64),
  version: 3,
  expiresAt: '2027-01-01T00:00:00.000Z',
  refusal: null,
};

async function identities(...holders: readonly (readonly [string, Role])[]): Promise<readonly Identity[]> {
  const directory = temporaryDirectory();
  const authority = await createAuthority(join(directory, 'authority'), 'unsealed');
  const made: Identity[] = [];
  for (const [name, role] of holders) {
    const at = join(directory, `${role}-${name}`);
    await issueIdentity(authority, at, { name, role, ttlSeconds: 3_600 }, 'unsealed');
    made.push(await loadIdentity(at));
  }
  return made;
}

standings('a row is read back by who trusts the same authority', async () => {
  const [one, admin] = await identities(['one', 'broker'], ['alice', 'admin']);
  assert.ok(one !== undefined && admin !== undefined);
  const text = await encodeStanding(one, STANDING);
  assert.equal(await decodeStanding(text, 'one', admin.authority, NOW), STANDING);
});

standings('a row under another name, by another role or authority, edited, or of another kind is none', async () => {
  const [one, vm] = await identities(['one', 'broker'], ['one', 'domain']);
  const [stranger] = await identities(['one', 'broker']);
  assert.ok(one !== undefined && vm !== undefined && stranger !== undefined);
  const { authority } = one;
  const text = await encodeStanding(one, STANDING);
  const parts = JSON.parse(text) as { readonly credential: string; readonly statement: string };
  const [head = '', , signature = ''] = parts.statement.split('.');
  const claims = Buffer.from(JSON.stringify({ ...STANDING, version: 4 })).toString('base64url');
  const wrong: Readonly<Record<string, string>> = {
    'another role': await encodeStanding(vm, STANDING),
    'another authority': await encodeStanding(stranger, STANDING),
    'signed by another key': JSON.stringify({
      ...JSON.parse(await encodeStanding(stranger, STANDING)),
      credential: parts.credential,
    }),
    edited: JSON.stringify({ ...parts, statement: `${head}.${claims}.${signature}` }),
    'another statement of the same key': JSON.stringify({
      ...parts,
      statement: await one.signStatement('argus-review', STANDING),
    }),
    'a claim too much': await encodeStanding(one, { ...STANDING, more: 1 } as Standing),
    'no row': '{}',
    'no JSON': 'row',
  };
  for (const [label, each] of Object.entries(wrong))
    assert.is(await decodeStanding(each, 'one', authority, NOW), null, label);
  assert.is(await decodeStanding(text, 'two', authority, NOW), null, 'another name');
});

standings('a long refusal is cut', async () => {
  const [one] = await identities(['one', 'broker']);
  assert.ok(one !== undefined);
  const refusal = { code: 'ERR_POLICY_BUCKET', message: 'x'.repeat(5_000) };
  const read = await decodeStanding(await encodeStanding(one, { ...STANDING, refusal }), 'one', one.authority, NOW);
  assert.is(read?.refusal?.message.length, 300);
});

standings.run();
