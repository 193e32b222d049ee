/** What is remembered of verified tokens and keys: it saves time, and never says yes to what would be refused now. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CREDENTIAL_TYPE, type CredentialResult, verifyCredential } from '../../../keys/credential/credential.ts';
import { Remembered } from '../../../keys/credential/remembered.ts';
import { verifyStatement } from '../../../keys/credential/statement.ts';
import type { TrustAnchor } from '../../../keys/credential/trust-anchor.ts';
import { makeTestKey } from '../forge.ts';

const remembered = suite('remembered');

const NOW_SECONDS = 1_800_000_000;
const authority = await makeTestKey();
const holder = await makeTestKey();
const token = await authority.sign(
  { typ: CREDENTIAL_TYPE },
  {
    iss: authority.thumbprint,
    aud: 'argus',
    sub: 'chrome-vm',
    role: 'domain',
    cnf: { jkt: holder.thumbprint },
    iat: NOW_SECONDS,
    nbf: NOW_SECONDS,
    exp: NOW_SECONDS + 100,
    jti: 'credential-1',
  },
);

function verdict(anchor: TrustAnchor, seconds = NOW_SECONDS, roles?: readonly ['broker']): Promise<CredentialResult> {
  const options = { now: seconds * 1000, clockToleranceSeconds: 0 };
  return verifyCredential(token, anchor, roles === undefined ? options : { ...options, roles });
}

async function refusal(...of: Parameters<typeof verdict>): Promise<string> {
  const result = await verdict(...of);
  return result.ok ? 'accepted' : result.reason;
}

remembered('a token that was accepted is refused when its time is over, and for another role', async () => {
  assert.is(await refusal(authority.anchor), 'accepted');
  assert.is(await refusal(authority.anchor, NOW_SECONDS + 100), 'EXPIRED');
  assert.is(await refusal(authority.anchor, NOW_SECONDS - 1), 'NOT_YET_VALID');
  assert.is(await refusal(authority.anchor, NOW_SECONDS, ['broker']), 'WRONG_ROLE');
});

remembered('a token that one authority signed is foreign to another', async () => {
  assert.is(await refusal(authority.anchor), 'accepted');
  assert.is(await refusal((await makeTestKey()).anchor), 'FOREIGN_AUTHORITY');
});

remembered('a token counts by a predecessor until the overlap ends, however often it counted', async () => {
  const { publicKey, thumbprint } = authority.anchor;
  const predecessor = { publicKey, thumbprint, until: NOW_SECONDS + 10 };
  const successor: TrustAnchor = { ...(await makeTestKey()).anchor, predecessor };
  assert.is(await refusal(successor), 'accepted');
  assert.is(await refusal(successor, NOW_SECONDS + 10), 'FOREIGN_AUTHORITY');
});

remembered('one changed character is another token', async () => {
  assert.is(await refusal(authority.anchor), 'accepted');
  const [header = '', payload = '', signature = ''] = token.split('.');
  const forged = `${header}.${payload}.${signature[0] === 'A' ? 'B' : 'A'}${signature.slice(1)}`;
  const result = await verifyCredential(forged, authority.anchor, {
    now: NOW_SECONDS * 1000,
    clockToleranceSeconds: 0,
  });
  assert.is(result.ok, false);
});

remembered('a known key does not vouch for another key, nor for what another key has signed', async () => {
  const result = await verdict(authority.anchor);
  if (!result.ok) throw new Error(result.reason);
  const typ = 'argus-hello+jws';
  const own = await holder.sign({ typ, jwk: holder.publicJwk }, { n: 1 });
  for (let round = 0; round < 2; round++) assert.equal(await verifyStatement(own, typ, result.credential), { n: 1 });
  const thief = await makeTestKey();
  const stolenName = await thief.sign({ typ, jwk: thief.publicJwk }, { n: 1 });
  const forged = await thief.sign({ typ, jwk: holder.publicJwk }, { n: 1 });
  assert.is(await verifyStatement(stolenName, typ, result.credential), null);
  assert.is(await verifyStatement(forged, typ, result.credential), null);
  const borrowedName = await holder.sign({ typ, jwk: thief.publicJwk }, { n: 1 });
  assert.is(await verifyStatement(borrowedName, typ, result.credential), null);
});

remembered('it holds 512 values, and the least recently used one goes', () => {
  const values = new Remembered<number>();
  for (let at = 0; at < 512; at++) values.set(`${at}`, at);
  assert.is(values.get('0'), 0);
  values.set('512', 512);
  assert.is(values.get('0'), 0);
  assert.is(values.get('1'), undefined);
  assert.is(values.get('512'), 512);
});

remembered.run();
