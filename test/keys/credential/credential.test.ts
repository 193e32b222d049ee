/** Credentials: accepted ones, and a refusal with a reason for each possible problem. */
import { createHmac } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  CREDENTIAL_TYPE,
  type CredentialRefusal,
  type CredentialResult,
  verifyCredential,
} from '../../../keys/credential/credential.ts';
import { fuzzUntil } from '../../support/seed.ts';
import { assemble, FUZZ_SHARE_SECONDS, makeTestKey, type TestKey } from '../forge.ts';

const credential = suite('credential');

const NOW_SECONDS = 1_800_000_000;
const OPTIONS = { now: NOW_SECONDS * 1000, clockToleranceSeconds: 0 } as const;
const HEADER = { typ: CREDENTIAL_TYPE } as const;

const authority = await makeTestKey();
const holder = await makeTestKey();

function goodClaims(): Record<string, unknown> {
  return {
    iss: authority.thumbprint,
    aud: 'argus',
    sub: 'chrome-vm',
    role: 'domain',
    cnf: { jkt: holder.thumbprint },
    iat: NOW_SECONDS - 100,
    nbf: NOW_SECONDS - 100,
    exp: NOW_SECONDS + 100,
    jti: 'credential-1',
  };
}

function reasonOf(result: CredentialResult): CredentialRefusal | 'ok' {
  return result.ok ? 'ok' : result.reason;
}

async function verdictOn(
  changes: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>> = HEADER,
  key: TestKey = authority,
): Promise<CredentialRefusal | 'ok'> {
  const jwt = await key.sign(header, { ...goodClaims(), ...changes });
  return reasonOf(await verifyCredential(jwt, authority.anchor, OPTIONS));
}

credential('a good one is accepted and read into a frozen record', async () => {
  const result = await verifyCredential(await authority.sign(HEADER, goodClaims()), authority.anchor, OPTIONS);
  assert.equal(result, {
    ok: true,
    credential: {
      jti: 'credential-1',
      issuer: authority.thumbprint,
      name: 'chrome-vm',
      role: 'domain',
      thumbprint: holder.thumbprint,
      issuedAt: NOW_SECONDS - 100,
      notBefore: NOW_SECONDS - 100,
      generation: 0,
      revocationSerial: 0,
      expiresAt: NOW_SECONDS + 100,
    },
  });
  assert.ok(result.ok && Object.isFrozen(result.credential));
});

credential('a claim that a later version adds is ignored (RFC 7519 §4)', async () => {
  assert.is(await verdictOn({ home: 'host-b' }), 'ok');
});

for (const claim of ['iss', 'aud', 'sub', 'role', 'cnf', 'iat', 'nbf', 'exp', 'jti'])
  credential(`without ${claim} it is malformed`, async () => {
    assert.is(await verdictOn({ [claim]: undefined }), 'MALFORMED');
  });

const BAD_CLAIMS: readonly (readonly [string, Record<string, unknown>, CredentialRefusal])[] = [
  ['another authority named', { iss: holder.thumbprint }, 'FOREIGN_AUTHORITY'],
  ['issuer of another shape', { iss: 'https://authority' }, 'MALFORMED'],
  ['another audience', { aud: 'kubernetes' }, 'WRONG_AUDIENCE'],
  ['a list of audiences', { aud: ['argus', 'kubernetes'] }, 'MALFORMED'],
  ['name in upper case', { sub: 'Chrome' }, 'MALFORMED'],
  ['name like a label', { sub: '@mic' }, 'MALFORMED'],
  ['name with a newline', { sub: 'chrome-vm\n' }, 'MALFORMED'],
  ['empty name', { sub: '' }, 'MALFORMED'],
  ['name of 64 characters', { sub: 'a'.repeat(64) }, 'MALFORMED'],
  ['name that is a list', { sub: ['chrome-vm'] }, 'MALFORMED'],
  ['unknown role', { role: 'root' }, 'MALFORMED'],
  ['inherited role', { role: 'constructor' }, 'MALFORMED'],
  ['cnf without jkt', { cnf: {} }, 'MALFORMED'],
  ['cnf with a jwk instead', { cnf: { jwk: holder.publicJwk } }, 'MALFORMED'],
  ['short jkt', { cnf: { jkt: holder.thumbprint.slice(1) } }, 'MALFORMED'],
  ['exp as text', { exp: String(NOW_SECONDS + 100) }, 'MALFORMED'],
  ['exp with a fraction', { exp: NOW_SECONDS + 0.5 }, 'MALFORMED'],
  ['exp beyond integers', { exp: 1e300 }, 'MALFORMED'],
  ['negative nbf', { nbf: -1 }, 'MALFORMED'],
  ['exp before nbf', { nbf: NOW_SECONDS - 10, exp: NOW_SECONDS - 20 }, 'MALFORMED'],
  ['empty jti', { jti: '' }, 'MALFORMED'],
  ['long jti', { jti: 'a'.repeat(65) }, 'MALFORMED'],
  ['expired a second ago', { exp: NOW_SECONDS - 1 }, 'EXPIRED'],
  ['expires this second', { exp: NOW_SECONDS }, 'EXPIRED'],
  ['valid from the next second', { nbf: NOW_SECONDS + 1 }, 'NOT_YET_VALID'],
];

for (const [label, changes, expected] of BAD_CLAIMS)
  credential(`refused: ${label}`, async () => {
    assert.is(await verdictOn(changes), expected);
  });

credential('names of 1 and 63 characters, and validity that begins now or ends next second, are accepted', async () => {
  for (const changes of [{ sub: 'a' }, { sub: '0'.repeat(63) }, { nbf: NOW_SECONDS }, { exp: NOW_SECONDS + 1 }])
    assert.is(await verdictOn(changes), 'ok', JSON.stringify(changes));
});

credential('the clock tolerance stretches both ends by exactly its seconds', async () => {
  const verdict = async (changes: object, clockToleranceSeconds: number): Promise<string> =>
    reasonOf(
      await verifyCredential(await authority.sign(HEADER, { ...goodClaims(), ...changes }), authority.anchor, {
        ...OPTIONS,
        clockToleranceSeconds,
      }),
    );
  assert.is(await verdict({ exp: NOW_SECONDS - 59 }, 60), 'ok');
  assert.is(await verdict({ exp: NOW_SECONDS - 60 }, 60), 'EXPIRED');
  assert.is(await verdict({ nbf: NOW_SECONDS + 60 }, 60), 'ok');
  assert.is(await verdict({ nbf: NOW_SECONDS + 61 }, 60), 'NOT_YET_VALID');
});

credential('signed by another authority it is foreign, whatever it says', async () => {
  const other = await makeTestKey();
  assert.is(await verdictOn({}, HEADER, other), 'FOREIGN_AUTHORITY');
  assert.is(await verdictOn({ iss: other.thumbprint }, HEADER, other), 'FOREIGN_AUTHORITY');
});

for (const typ of [undefined, 'JWT', 'argus-hello+jws', 'ARGUS-CREDENTIAL+JWT', 7])
  credential(`of type ${typ} it is malformed, so no other token of the authority passes for one`, async () => {
    assert.is(await verdictOn({}, typ === undefined ? {} : { typ }), 'MALFORMED');
  });

const good = await authority.sign(HEADER, goodClaims());
const signature = good.split('.')[2] ?? '';

function hmacToken(secret: string | Uint8Array): string {
  const unsigned = assemble({ alg: 'HS256', ...HEADER }, goodClaims(), '');
  return unsigned + createHmac('sha256', secret).update(unsigned.slice(0, -1)).digest('base64url');
}

const FORGED: readonly (readonly [string, string, CredentialRefusal])[] = [
  ['alg none', assemble({ alg: 'none', ...HEADER }, goodClaims(), ''), 'MALFORMED'],
  ['alg None with a signature', assemble({ alg: 'None', ...HEADER }, goodClaims(), signature), 'MALFORMED'],
  ['HS256 under the public key', hmacToken(Buffer.from(authority.publicJwk.x, 'base64url')), 'MALFORMED'],
  ['HS256 under the thumbprint', hmacToken(authority.thumbprint), 'MALFORMED'],
  ['alg of another curve', assemble({ alg: 'ES256', ...HEADER }, goodClaims(), signature), 'MALFORMED'],
  ['no alg', assemble(HEADER, goodClaims(), signature), 'MALFORMED'],
  [
    'a critical header nobody knows',
    assemble({ alg: 'Ed25519', crit: ['x'], x: 1, ...HEADER }, {}, signature),
    'MALFORMED',
  ],
  ['header that is a list', assemble([], goodClaims(), signature), 'MALFORMED'],
  ['no signature', `${good.split('.').slice(0, 2).join('.')}.`, 'MALFORMED'],
  ['a signature of zeros', `${good.split('.').slice(0, 2).join('.')}.${'A'.repeat(86)}`, 'FOREIGN_AUTHORITY'],
  ['a blank that decoders skip', `${good.slice(0, -5)}\f${good.slice(-5)}`, 'MALFORMED'],
  ['a line end', `${good}\n`, 'MALFORMED'],
  [
    'spare bits that decoders skip',
    `${good.slice(0, -1)}${String.fromCharCode(good.charCodeAt(good.length - 1) + 1)}`,
    'MALFORMED',
  ],
  ['padding', `${good}==`, 'MALFORMED'],
  ['two parts', good.split('.').slice(0, 2).join('.'), 'MALFORMED'],
  ['four parts', `${good}.x`, 'MALFORMED'],
  ['empty', '', 'MALFORMED'],
  ['dots', '..', 'MALFORMED'],
  [
    'other claims under the same signature',
    assemble({ alg: 'Ed25519', ...HEADER }, { ...goodClaims(), sub: 'audio-vm' }, signature),
    'FOREIGN_AUTHORITY',
  ],
];

for (const [label, jwt, expected] of FORGED)
  credential(`a forgery is refused: ${label}`, async () => {
    assert.is(reasonOf(await verifyCredential(jwt, authority.anchor, OPTIONS)), expected);
  });

credential('signed rightly but as EdDSA it is malformed: one spelling of the algorithm (RFC 9864)', async () => {
  assert.is(await verdictOn({}, { ...HEADER, alg: 'EdDSA' }), 'MALFORMED');
});

credential('a payload that is no JSON, no object or no UTF-8 is malformed', async () => {
  for (const payload of ['', 'x', '[]', 'null', '"text"', '{"iss":1'])
    assert.is(
      reasonOf(await verifyCredential(await authority.sign(HEADER, payload), authority.anchor, OPTIONS)),
      'MALFORMED',
      payload,
    );
});

credential('of 8192 characters it is read, with one more it is refused unread', async () => {
  const padTo = async (length: number): Promise<string> => {
    // four base64 characters hold three bytes: the header's padding brings the last few characters
    for (let header = 0; header < 4; header += 1)
      for (let claim = 5000; claim < 6200; claim += 1) {
        const size =
          Math.ceil(
            (Buffer.byteLength(JSON.stringify({ alg: 'Ed25519', ...HEADER, pad: 'p'.repeat(header) })) * 4) / 3,
          ) +
          Math.ceil((Buffer.byteLength(JSON.stringify({ ...goodClaims(), pad: 'p'.repeat(claim) })) * 4) / 3) +
          88;
        if (size === length)
          return authority.sign({ ...HEADER, pad: 'p'.repeat(header) }, { ...goodClaims(), pad: 'p'.repeat(claim) });
      }
    throw new Error(`no padding gives ${length}`);
  };
  const [fits, tooLong] = [await padTo(8192), await padTo(8193)];
  assert.equal([fits.length, tooLong.length], [8192, 8193]);
  assert.is(reasonOf(await verifyCredential(fits, authority.anchor, OPTIONS)), 'ok');
  assert.is(reasonOf(await verifyCredential(tooLong, authority.anchor, OPTIONS)), 'MALFORMED');
});

credential('a role that is not asked for is refused, and the log learns whose it was', async () => {
  const jwt = await authority.sign(HEADER, goodClaims());
  const verify = (roles: readonly ('domain' | 'broker')[]) =>
    verifyCredential(jwt, authority.anchor, { ...OPTIONS, roles });
  assert.is(reasonOf(await verify(['broker', 'domain'])), 'ok');
  const refusal = await verify(['broker']);
  assert.is(reasonOf(refusal), 'WRONG_ROLE');
  assert.is(!refusal.ok && refusal.refused?.name, 'chrome-vm');
  assert.is(reasonOf(await verify([])), 'WRONG_ROLE');
});

credential('one that was issued in the future is a wrong clock, like one that is valid from the future', async () => {
  const verify = async (changes: object) =>
    reasonOf(
      await verifyCredential(await authority.sign(HEADER, { ...goodClaims(), ...changes }), authority.anchor, OPTIONS),
    );
  assert.is(await verify({ iat: NOW_SECONDS + 3600 }), 'NOT_YET_VALID');
  assert.is(await verify({ nbf: NOW_SECONDS + 3600, exp: NOW_SECONDS + 7200 }), 'NOT_YET_VALID');
  assert.is(await verify({ iat: NOW_SECONDS + OPTIONS.clockToleranceSeconds }), 'ok');
});

credential('one from before generations has generation 0, and odd generations are malformed', async () => {
  const result = await verifyCredential(await authority.sign(HEADER, goodClaims()), authority.anchor, OPTIONS);
  assert.equal(result.ok && [result.credential.generation, result.credential.revocationSerial], [0, 0]);
  for (const changes of [{ gen: -1 }, { gen: 1.5 }, { gen: '2' }, { rls: -1 }, { rls: null }]) {
    const jwt = await authority.sign(HEADER, { ...goodClaims(), ...changes });
    assert.is(reasonOf(await verifyCredential(jwt, authority.anchor, OPTIONS)), 'MALFORMED', JSON.stringify(changes));
  }
});

credential('of a credential whose signature is bad nothing is reported', async () => {
  const other = await makeTestKey();
  const result = await verifyCredential(await other.sign(HEADER, goodClaims()), authority.anchor, OPTIONS);
  assert.is(!result.ok && result.refused, null);
});

credential('random, mutated and cut tokens never throw and never pass', async () => {
  const rounds = await fuzzUntil(async (random) => {
    const bytes = random.oneIn(4) ? random.bytes(random.below(300)) : random.mutate(new TextEncoder().encode(good));
    const jwt = Buffer.from(bytes).toString(random.oneIn(2) ? 'latin1' : 'utf8');
    const result = await verifyCredential(jwt, authority.anchor, OPTIONS);
    assert.ok(!result.ok || jwt === good, jwt);
  }, FUZZ_SHARE_SECONDS);
  assert.ok(rounds > 0);
});

credential('claims of random shape under a good signature never throw', async () => {
  const values = [null, true, 0, -1, 2 ** 53, '', 'x', [], {}, { jkt: 1 }, [[]], '__proto__', 1e308];
  await fuzzUntil(async (random) => {
    const claims = goodClaims();
    for (const claim of Object.keys(claims)) if (random.oneIn(5)) claims[claim] = random.pick(values);
    const result = await verifyCredential(await authority.sign(HEADER, claims), authority.anchor, OPTIONS);
    assert.is(typeof result.ok, 'boolean');
  }, 0.5);
});

credential.run();
