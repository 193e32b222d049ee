/** The handshake, both roles: who gets keys, who gets none, and that nothing a third party does gives it any. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { answerHello, type HandshakeFault, type HandshakeResult } from '../../broker/channel/handshake.ts';
import { encodeRecordHeader, RecordType } from '../../broker/wire/index.ts';
import { AEAD_SUITES, type AeadSuite, CLONE_SAFE_SUITES, FAST_SUITES, type Identity } from '../../keys/index.ts';
import { fuzzUntil } from '../support/seed.ts';
import {
  answer,
  BROKER,
  CONTEXT,
  DOMAIN,
  foreignIdentityOf,
  hello,
  identityOf,
  recordFrom,
  shake,
  type Terms,
} from './pair.ts';

const handshakes = suite('handshake');

const faultOf = (result: HandshakeResult<unknown>): HandshakeFault | 'let in' => (result.ok ? 'let in' : result.fault);
const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** A statement with these claims in place of its own, signed by the same holder. */
async function restated(identity: Identity, record: Uint8Array, typ: string, changes: object): Promise<Uint8Array> {
  const [, payload = ''] = Buffer.from(record.subarray(24)).toString('latin1').split('.');
  const claims: object = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const body = Buffer.from(await identity.signStatement(typ, { ...claims, ...changes }), 'latin1');
  const type = record[3] === RecordType.hello ? RecordType.hello : RecordType.welcome;
  return joined(encodeRecordHeader(type, 0, 0, body.length), body);
}

const HELLO = 'argus-hello+jws';
const WELCOME = 'argus-welcome+jws';

handshakes('both ends have the same keys, know each other, and what the other must prove', async () => {
  const { atDomain, atBroker } = await shake();
  assert.is(atDomain.id, atBroker.id);
  assert.is(atDomain.peer.name, 'the-broker');
  assert.is(atBroker.peer.name, 'a');
  assert.equal(Buffer.from(atDomain.ourCommitment), Buffer.from(atBroker.peerCommitment));
  assert.equal(Buffer.from(atBroker.ourCommitment), Buffer.from(atDomain.peerCommitment));
  assert.not.equal(Buffer.from(atBroker.ourCommitment), Buffer.from(atDomain.ourCommitment));
  for (const [from, to] of [
    [atDomain, atBroker],
    [atBroker, atDomain],
  ] as const) {
    const sealed = from.seal(Buffer.from('hello'));
    const opened = to.open(recordFrom(sealed), 'owned');
    assert.is(Buffer.from(opened ?? []).toString(), 'hello');
  }
});

handshakes('two handshakes of the same two share nothing', async () => {
  const [first, second] = [await shake(), await shake()];
  assert.is.not(first.atDomain.id, second.atDomain.id);
  assert.not.equal(Buffer.from(first.atDomain.ourCommitment), Buffer.from(second.atDomain.ourCommitment));
  const sealed = first.atDomain.seal(Buffer.from('x'));
  assert.is(second.atBroker.open(recordFrom(sealed), 'owned'), null);
});

for (const [offered, accepted, chosen] of [
  [['A256GCM', 'C20P'], ['A256GCM', 'C20P'], 'A256GCM'],
  [['C20P', 'A256GCM'], ['A256GCM', 'C20P'], 'C20P'],
  [['A256GCM', 'C20P'], ['C20P'], 'C20P'],
  [['C20P'], ['A256GCM', 'C20P'], 'C20P'],
  [['A256GCM', 'C20P', 'A256GCMSIV'], ['A256GCMSIV'], 'A256GCMSIV'],
  [['A256GCMSIV'], ['A256GCM', 'A256GCMSIV'], 'A256GCMSIV'],
] as const satisfies readonly (readonly [AeadSuite[], AeadSuite[], AeadSuite])[]) {
  handshakes(`offered ${offered}, accepted ${accepted}: ${chosen}`, async () => {
    const { atDomain, atBroker } = await shake({ offered, accepted });
    assert.equal([atDomain.suite, atBroker.suite], [chosen, chosen]);
  });
}

/** The broker's row for domain "a" says that it must be clone-safe. */
const CLONED = { ...CONTEXT, suitesOf: (name: string) => (name === 'a' ? CLONE_SAFE_SUITES : null) };

handshakes(
  'a domain that must be clone-safe gets that suite whatever else it offers, and no session without',
  async () => {
    const { atDomain, atBroker } = await shake({ offered: AEAD_SUITES, context: CLONED });
    assert.equal([atDomain.suite, atBroker.suite], ['A256GCMSIV', 'A256GCMSIV']);
    const sealed = atDomain.seal(Buffer.from('hello'));
    assert.is(Buffer.from(atBroker.open(recordFrom(sealed), 'owned') ?? []).toString(), 'hello');
    const fast = await hello({ offered: FAST_SUITES });
    assert.is(faultOf(await answer(fast.record, { context: CLONED, accepted: AEAD_SUITES })), 'NO_COMMON_SUITE');
    const other = await shake({ domain: await identityOf('b'), offered: AEAD_SUITES, context: CLONED });
    assert.is(other.atBroker.suite, 'A256GCM', 'another domain');
  },
);

handshakes('a broker has the suites of its own broker, although a domain of its name must be clone-safe', async () => {
  const said = await hello({ domain: await identityOf('a', 'broker') });
  const result = await answerHello(BROKER, recordFrom(said.record), null, FAST_SUITES, CLONED, 'broker');
  assert.is(result.ok && result.value.session.suite, 'A256GCM');
});

const AT_BROKER: readonly [label: string, fault: HandshakeFault, terms: () => Promise<Terms & { now?: number }>][] = [
  [
    'a domain of another authority',
    'FOREIGN_AUTHORITY',
    async () => ({ domain: await foreignIdentityOf('a', 'domain') }),
  ],
  ['a broker in the place of a domain', 'WRONG_ROLE', async () => ({ domain: BROKER })],
  ['another domain than the carrier’s', 'WRONG_PEER', async () => ({ expected: 'b' })],
  ['a domain that means another broker', 'WRONG_BROKER', async () => ({ meant: 'other' })],
  ['an expired credential', 'EXPIRED', async () => ({ now: 2 * 3_600_000 })],
  ['a credential of the future', 'NOT_YET_VALID', async () => ({ now: -3_600_000 })],
  ['suites of which we have none', 'NO_COMMON_SUITE', async () => ({ offered: ['C20P'], accepted: ['A256GCM'] })],
];
for (const [label, fault, arrange] of AT_BROKER) {
  handshakes(`the broker refuses ${label}`, async () => {
    const terms = await arrange();
    const said = await hello(terms);
    const context = { ...CONTEXT, wallClock: () => Date.now() + (terms.now ?? 0) };
    assert.is(faultOf(await answer(said.record, { ...terms, context })), fault);
  });
}

handshakes(
  'a suite that this version does not know is passed over, so a later version can offer it beside ours',
  async () => {
    const said = await hello();
    const altered = await restated(DOMAIN, said.record, HELLO, { suites: ['KYBER-GCM', 'C20P', 'A256GCM'] });
    const result = await answer(altered);
    assert.ok(result.ok);
    if (result.ok) assert.is(result.value.session.suite, 'C20P');
  },
);

handshakes('clocks may differ by the tolerance', async () => {
  const said = await hello();
  const { notBefore, expiresAt } = DOMAIN.credential;
  const at = (seconds: number) => ({ ...CONTEXT, wallClock: () => seconds * 1_000 });
  assert.is(faultOf(await answer(said.record, { context: at(notBefore - 55) })), 'let in');
  assert.is(faultOf(await answer(said.record, { context: at(expiresAt + 55) })), 'let in');
  assert.is(faultOf(await answer(said.record, { context: at(notBefore - 70) })), 'NOT_YET_VALID');
});

for (const [label, fault, changes] of [
  ['without a claim', 'MALFORMED_STATEMENT', { nonce: undefined }],
  ['with a surplus claim', 'MALFORMED_STATEMENT', { admin: true }],
  ['of another version', 'NO_COMMON_VERSION', { v: 3 }],
  ['of another version, with members that this one does not know', 'NO_COMMON_VERSION', { v: 3, kem: 'x', epk: 7 }],
  ['of no version', 'MALFORMED_STATEMENT', { v: 'one' }],
  ['with a short nonce', 'MALFORMED_STATEMENT', { nonce: 'AAAA' }],
  ['with no suite', 'MALFORMED_STATEMENT', { suites: [] }],
  ['with a suite that nobody knows', 'NO_COMMON_SUITE', { suites: ['NULL'] }],
  ['with too many suites', 'MALFORMED_STATEMENT', { suites: new Array(17).fill('A256GCM') }],
  ['with a suite of a long name', 'MALFORMED_STATEMENT', { suites: ['A256GCM', 'x'.repeat(33)] }],
  ['with a suite that is no name', 'MALFORMED_STATEMENT', { suites: ['A256GCM', 7] }],
  ['with a key of low order', 'BAD_KEY', { epk: 'A'.repeat(43) }],
  ['with a key of order 1', 'BAD_KEY', { epk: `AQ${'A'.repeat(41)}` }],
  ['with the credential of somebody else', 'BAD_SIGNATURE', { credential: 'other' }],
  ['with a credential that is none', 'MALFORMED', { credential: 'x.y.z' }],
] as const) {
  handshakes(`the broker refuses a hello ${label}`, async () => {
    const said = await hello();
    const other = (await identityOf('b')).credentialJwt;
    const given = 'credential' in changes && changes.credential === 'other' ? { credential: other } : changes;
    assert.is(faultOf(await answer(await restated(DOMAIN, said.record, HELLO, given))), fault);
  });
}

handshakes('the broker refuses a statement of another purpose', async () => {
  const said = await hello();
  assert.is(faultOf(await answer(await restated(DOMAIN, said.record, WELCOME, {}))), 'BAD_SIGNATURE');
});

handshakes('a suite that was struck out on the way spoils the signature', async () => {
  const said = await hello();
  const text = Buffer.from(said.record.subarray(24)).toString('latin1');
  const [header = '', payload = '', signature = ''] = text.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const weaker = Buffer.from(JSON.stringify({ ...claims, suites: ['C20P'] })).toString('base64url');
  const body = Buffer.from([header, weaker, signature].join('.'));
  assert.is(
    faultOf(await answer(joined(encodeRecordHeader(RecordType.hello, 0, 0, body.length), body))),
    'BAD_SIGNATURE',
  );
});

handshakes('a replayed hello gives the replayer nothing: keys need the private half', async () => {
  const said = await hello();
  const [first, second] = [await answer(said.record), await answer(said.record)];
  assert.ok(first.ok && second.ok);
  if (!first.ok || !second.ok) return;
  assert.not.equal(Buffer.from(first.value.session.peerCommitment), Buffer.from(second.value.session.peerCommitment));
});

handshakes('the header of the hello is part of what is agreed', async () => {
  const said = await hello();
  const altered = new Uint8Array(said.record);
  altered[4] = 1;
  const welcome = await answer(altered);
  assert.ok(welcome.ok);
  if (welcome.ok) assert.is(faultOf(await said.accept(recordFrom(welcome.value.record))), 'WRONG_HELLO');
});

handshakes('the domain refuses the welcome to another hello', async () => {
  const [mine, other] = [await hello(), await hello()];
  const welcome = await answer(other.record);
  assert.ok(welcome.ok);
  if (welcome.ok) assert.is(faultOf(await mine.accept(recordFrom(welcome.value.record))), 'WRONG_HELLO');
});

const AT_DOMAIN: readonly [
  label: string,
  fault: HandshakeFault,
  terms: () => Promise<{ broker?: Identity; meant?: string }>,
][] = [
  ['another broker than meant', 'WRONG_PEER', async () => ({ broker: await identityOf('other', 'broker') })],
  ['a domain in the place of a broker', 'WRONG_ROLE', async () => ({ broker: await identityOf('the-broker') })],
];
for (const [label, fault, arrange] of AT_DOMAIN) {
  handshakes(`the domain refuses ${label}`, async () => {
    const { broker = BROKER } = await arrange();
    const said = await hello({ meant: 'the-broker' });
    // A dishonest broker answers hellos that are not meant for it as well.
    const honest = await answer(said.record);
    assert.ok(honest.ok);
    if (!honest.ok) return;
    const forged = await restated(broker, honest.value.record, WELCOME, { credential: broker.credentialJwt });
    assert.is(faultOf(await said.accept(recordFrom(forged))), fault);
  });
}

handshakes('the domain refuses a broker of another authority', async () => {
  const foreign = await foreignIdentityOf('the-broker', 'broker');
  const said = await hello();
  const honest = await answer(said.record);
  assert.ok(honest.ok);
  if (!honest.ok) return;
  const forged = await restated(foreign, honest.value.record, WELCOME, { credential: foreign.credentialJwt });
  assert.is(faultOf(await said.accept(recordFrom(forged))), 'FOREIGN_AUTHORITY');
});

for (const [label, fault, changes] of [
  ['for another domain', 'WRONG_PEER', { domain: 'b' }],
  ['with a key of low order', 'BAD_KEY', { epk: 'A'.repeat(43) }],
  ['with a surplus claim', 'MALFORMED_STATEMENT', { extra: 1 }],
  ['with a suite that was not offered', 'NO_COMMON_SUITE', { suite: 'C20P' }],
] as const) {
  handshakes(`the domain refuses a welcome ${label}`, async () => {
    const said = await hello({ offered: ['A256GCM'] });
    const honest = await answer(said.record);
    assert.ok(honest.ok);
    if (!honest.ok) return;
    const forged = await restated(BROKER, honest.value.record, WELCOME, changes);
    assert.is(faultOf(await said.accept(recordFrom(forged))), fault);
  });
}

handshakes('a welcome with another key of the broker’s leads to keys that do not fit', async () => {
  const said = await hello();
  const [one, two] = [await answer(said.record), await answer(said.record)];
  assert.ok(one.ok && two.ok);
  if (!one.ok || !two.ok) return;
  const accepted = await said.accept(recordFrom(two.value.record));
  assert.ok(accepted.ok);
  if (!accepted.ok) return;
  assert.is(one.value.session.open(recordFrom(accepted.value.seal(Buffer.from('x'))), 'owned'), null);
});

handshakes(
  'any bytes in the place of a hello or a welcome are an answer, never a throw, and never a way in',
  async () => {
    const said = await hello();
    const honest = await answer(said.record);
    assert.ok(honest.ok);
    const welcome = honest.ok ? honest.value.record : new Uint8Array(0);
    await fuzzUntil(async (random) => {
      for (const [original, take] of [
        [said.record, (record: Uint8Array) => answer(record)],
        [welcome, (record: Uint8Array) => said.accept(recordFrom(record))],
      ] as const) {
        const body = new Uint8Array(original.subarray(24));
        const mutant = random.oneIn(5) ? random.bytes(random.below(300)) : random.mutate(body);
        const type = original === welcome ? RecordType.welcome : RecordType.hello;
        const result = await take(joined(encodeRecordHeader(type, 0, 0, mutant.length), mutant));
        if (Buffer.compare(mutant, body) !== 0) assert.is(result.ok, false);
      }
    });
  },
);

handshakes.run();
