/** The session machine: when the other side is authenticated, and how little a stranger can cause. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ChannelRole } from '../../broker/channel/index.ts';
import {
  encodeBrokerFrame,
  encodeDomainFrame,
  encodeRecordHeader,
  MAX_HANDSHAKE_BODY_BYTES,
  MAX_RECORD_BODY_BYTES,
  Op,
  RecordType,
} from '../../broker/wire/index.ts';
import type { Identity } from '../../keys/index.ts';
import { End, greet, pair, welcomeOf } from './end.ts';
import { BROKER, CONTEXT, DOMAIN, foreignIdentityOf, identityOf } from './pair.ts';

const channels = suite('channel');
const REMOTE = await identityOf('remote', 'broker');

channels('a domain and a broker prove themselves, and frames pass in both directions', async () => {
  const [domain, broker] = [new End('domain', DOMAIN), new End('broker', BROKER)];
  await pair(domain, broker);
  broker.hear(Buffer.concat([domain.say('one'), domain.say('two')]));
  domain.hear(broker.say('three'));
  assert.equal([broker.frames, domain.frames], [['one', 'two'], ['three']]);
  assert.is(domain.channel.session?.id, broker.channel.session?.id);
});

channels('any chunking gives the same events', async () => {
  const [domain, broker] = [new End('domain', DOMAIN), new End('broker', BROKER)];
  await pair(domain, broker);
  for (const byte of domain.say('one')) broker.hear(Uint8Array.of(byte));
  assert.equal(broker.frames, ['one']);
});

channels('two brokers prove themselves, the dialler first', async () => {
  const [dialler, listener] = [new End('remote-dialler', REMOTE), new End('remote-listener', BROKER)];
  const proof = await greet(dialler, listener);
  assert.is(dialler.channel.session, null);
  assert.is(listener.hear(proof), 'more');
  assert.is(listener.channel.session?.peer.name, 'remote');
  assert.is(dialler.hear(listener.take()), 'more');
  assert.is(dialler.channel.session?.peer.name, 'the-broker');
  listener.hear(dialler.say('x'));
  assert.equal(listener.frames, ['x']);
});

channels('frames behind the welcome in its record are handed out after the proof', async () => {
  const [domain, broker] = [new End('domain', DOMAIN), new End('broker', BROKER)];
  broker.hear(await greet(domain, broker));
  const session = broker.channel.admit();
  const facts = { domid: 1, revision: 2, name: 'a', broker: 'the-broker' };
  const welcome = encodeBrokerFrame({ op: Op.welcome, commitment: session.ourCommitment, ...facts });
  domain.hear(session.seal(Buffer.concat([welcome, Buffer.from('more')])));
  assert.equal(domain.events, ['handshake', 'proven', 'frames']);
  assert.equal(domain.frames, ['more']);
});

/** The limit of a record's body before the other side is authenticated. */
for (const [role, identity] of [
  ['broker', BROKER],
  ['remote-listener', BROKER],
  ['domain', DOMAIN],
  ['remote-dialler', REMOTE],
] as const) {
  channels(`${role}: before the proof a record declares at most 16 KiB, also after a signed statement`, async () => {
    const other: readonly [ChannelRole, Identity] =
      role === 'broker'
        ? ['domain', DOMAIN]
        : role === 'domain'
          ? ['broker', BROKER]
          : role === 'remote-listener'
            ? ['remote-dialler', REMOTE]
            : ['remote-listener', BROKER];
    for (const greeted of [false, true]) {
      const [end, remote] = [new End(role, identity), new End(...other)];
      const isInitiator = role === 'domain' || role === 'remote-dialler';
      if (greeted) await (isInitiator ? greet(end, remote) : greet(remote, end));
      assert.is(end.hear(encodeRecordHeader(RecordType.data, 0, 0, MAX_HANDSHAKE_BODY_BYTES)), 'more');
      const fresh = new End(role, identity);
      if (greeted) await (isInitiator ? greet(fresh, new End(...other)) : greet(new End(...other), fresh));
      assert.is(fresh.hear(encodeRecordHeader(RecordType.data, 0, 0, MAX_HANDSHAKE_BODY_BYTES + 1)), 'fault');
      assert.is(fresh.channel.fault, 'TOO_LONG');
    }
  });
}

channels('after the proof a record declares as much as the largest message needs, and no more', async () => {
  for (const [length, event] of [
    [MAX_RECORD_BODY_BYTES, 'more'],
    [MAX_RECORD_BODY_BYTES + 1, 'fault'],
  ] as const) {
    const [domain, broker] = [new End('domain', DOMAIN), new End('broker', BROKER)];
    await pair(domain, broker);
    assert.is(broker.hear(encodeRecordHeader(RecordType.data, 0, 1, length)), event);
    assert.is(domain.hear(encodeRecordHeader(RecordType.data, 0, 1, length)), event);
  }
});

const NO_PROOFS: readonly [label: string, plaintext: (commitment: Uint8Array) => Uint8Array][] = [
  ['another commitment', () => encodeDomainFrame({ op: Op.ready, commitment: new Uint8Array(32) })],
  ['another frame', () => encodeDomainFrame({ op: Op.ping, id: 1 })],
  ['nothing', () => new Uint8Array(0)],
  [
    'the proof and another frame',
    (commitment) =>
      Buffer.concat([encodeDomainFrame({ op: Op.ready, commitment }), encodeDomainFrame({ op: Op.ping, id: 1 })]),
  ],
];
for (const [label, plaintext] of NO_PROOFS) {
  channels(`a first record that holds ${label} proves nothing`, async () => {
    const [domain, broker] = [new End('domain', DOMAIN), new End('broker', BROKER)];
    const { session, record } = await hostile(domain, broker);
    assert.is(broker.hear(record(plaintext(session.ourCommitment))), 'fault');
    assert.is(broker.channel.fault, 'BAD_COMMITMENT');
    assert.is(broker.channel.candidate, null);
  });
}

/** A domain with the right keys. The test chooses its first record. */
async function hostile(
  domain: End,
  broker: End,
): Promise<{
  session: { readonly ourCommitment: Uint8Array };
  record: (plaintext: Uint8Array) => Uint8Array;
}> {
  const { beginHello } = await import('../../broker/channel/handshake.ts');
  const { recordFrom } = await import('./pair.ts');
  const said = await beginHello(DOMAIN, null, ['A256GCM'], CONTEXT);
  assert.is(broker.hear(said.record), 'handshake');
  assert.is(await broker.channel.verify(), 'answered');
  const accepted = await said.accept(recordFrom(broker.take()));
  if (!accepted.ok) throw new Error(accepted.fault);
  domain.channel.free();
  return { session: accepted.value, record: (plaintext) => accepted.value.seal(plaintext) };
}

channels('a hello beside a running session changes nothing until it is proved, then replaces it', async () => {
  const [domain, broker] = [new End('domain', DOMAIN), new End('broker', BROKER)];
  await pair(domain, broker);
  const before = broker.channel.session;
  const again = new End('domain', DOMAIN);
  const proof = await greet(again, broker);
  broker.hear(domain.say('the old one goes on'));
  assert.equal(broker.frames, ['the old one goes on']);
  assert.is(broker.channel.session, before);
  assert.is(broker.hear(proof), 'proven');
  assert.is(broker.channel.session, before);
  assert.is(broker.channel.admit(), broker.channel.session);
  assert.is.not(broker.channel.session, before);
  again.hear(welcomeOf(broker));
  broker.hear(again.say('new'));
  assert.equal(broker.frames, ['the old one goes on', 'new']);
  assert.is(broker.hear(domain.say('old')), 'fault');
});

channels('a refused hello, and one that is turned away, leave the running session as it was', async () => {
  const [domain, broker] = [new End('domain', DOMAIN), new End('broker', BROKER)];
  await pair(domain, broker);
  const stranger = new End('domain', await foreignIdentityOf('a', 'domain'));
  await stranger.channel.begin();
  assert.is(broker.hear(stranger.take()), 'handshake');
  assert.is(await broker.channel.verify(), 'refused');
  assert.is(broker.channel.fault, 'FOREIGN_AUTHORITY');
  const other = new End('domain', await identityOf('b'));
  assert.is(broker.hear(await greet(other, broker)), 'proven');
  assert.is(broker.channel.turnAway(), 'refused');
  broker.hear(domain.say('undisturbed'));
  assert.equal(broker.frames, ['undisturbed']);
});

channels('nothing is read while signatures are checked, and what came meanwhile follows in order', async () => {
  const [domain, broker] = [new End('domain', DOMAIN), new End('broker', BROKER)];
  const proof = await greet(domain, broker);
  const again = new End('broker', BROKER);
  await domain.channel.begin();
  const hello = domain.take();
  assert.is(again.hear(hello), 'handshake');
  assert.is(again.hear(hello), 'waiting');
  assert.is(await again.channel.verify(), 'answered');
  // The second hello is next: one at a time.
  assert.is(again.read(), 'handshake');
  assert.is(broker.hear(proof), 'proven');
});

channels('a fault is final: whatever follows is not read', async () => {
  const [domain, broker] = [new End('domain', DOMAIN), new End('broker', BROKER)];
  await pair(domain, broker);
  const good = domain.say('good');
  assert.is(broker.hear(new Uint8Array(24)), 'fault');
  assert.is(broker.channel.fault, 'BAD_MAGIC');
  assert.is(broker.hear(good), 'fault');
  assert.equal(broker.frames, []);
});

const UNEXPECTED: readonly [role: ChannelRole, type: RecordType, fault: string][] = [
  ['broker', RecordType.welcome, 'UNEXPECTED_RECORD'],
  ['broker', RecordType.data, 'OPEN_FAILED'],
  ['broker', RecordType.close, 'CLOSED_EARLY'],
  ['remote-listener', RecordType.welcome, 'UNEXPECTED_RECORD'],
  ['domain', RecordType.hello, 'UNEXPECTED_RECORD'],
  ['domain', RecordType.welcome, 'UNEXPECTED_RECORD'],
  ['domain', RecordType.data, 'UNEXPECTED_RECORD'],
  ['remote-dialler', RecordType.hello, 'UNEXPECTED_RECORD'],
];
for (const [role, type, fault] of UNEXPECTED) {
  channels(`${role}: a record of type ${type} as the first one is ${fault}`, () => {
    const identity = role === 'domain' ? DOMAIN : BROKER;
    const end = new End(role, identity);
    assert.is(end.hear(Buffer.concat([encodeRecordHeader(type, 0, 0, 16), new Uint8Array(16)])), 'fault');
    assert.is(end.channel.fault, fault);
  });
}

channels('between brokers a second hello is a fault, before the proof and after', async () => {
  for (const isProved of [false, true]) {
    const [dialler, listener] = [new End('remote-dialler', REMOTE), new End('remote-listener', BROKER)];
    const proof = await greet(dialler, listener);
    if (isProved) listener.hear(proof);
    const again = new End('remote-dialler', REMOTE);
    await again.channel.begin();
    assert.is(listener.hear(again.take()), 'fault');
    assert.is(listener.channel.fault, 'UNEXPECTED_RECORD');
  }
});

channels('a goodbye is sealed for a side that has proved itself, and in the clear for a stranger', async () => {
  const [domain, broker] = [new End('domain', DOMAIN), new End('broker', BROKER)];
  await pair(domain, broker);
  assert.is(domain.hear(Buffer.concat(broker.channel.close('shutdown'))), 'closed');
  assert.equal(domain.channel.goodbye, { code: 1, isSealed: true });
  const [stranger, other] = [new End('domain', DOMAIN), new End('broker', BROKER)];
  await stranger.channel.begin();
  assert.is(stranger.hear(Buffer.concat(other.channel.close('refused'))), 'closed');
  assert.equal(stranger.channel.goodbye, { code: 2, isSealed: false });
});

channels('an unsealed goodbye cannot end a session that runs', async () => {
  const [domain, broker] = [new End('domain', DOMAIN), new End('broker', BROKER)];
  await pair(domain, broker);
  const goodbye = Buffer.concat([encodeRecordHeader(RecordType.close, 0, 0, 1), Uint8Array.of(1)]);
  assert.is(domain.hear(goodbye), 'fault');
  assert.is(domain.channel.goodbye, null);
});

channels('one that has proved itself and is turned away hears why under its keys', async () => {
  const [domain, broker] = [new End('domain', DOMAIN), new End('broker', BROKER)];
  broker.hear(await greet(domain, broker));
  assert.is(broker.channel.turnAway(), 'fault');
  assert.is(domain.hear(Buffer.concat(broker.channel.close('removed'))), 'closed');
  assert.equal(domain.channel.goodbye, { code: 10, isSealed: true });
});

channels('a domain on a carrier that does not tell of restarts skips what an earlier session left', async () => {
  const [old, oldBroker] = [new End('domain', DOMAIN), new End('broker', BROKER)];
  await pair(old, oldBroker);
  const left = Buffer.concat([oldBroker.say('x'.repeat(70_000)), ...oldBroker.channel.close('done')]);
  const domain = new End('domain', DOMAIN, { resynchronises: true });
  const broker = new End('broker', BROKER, { resynchronises: true });
  await domain.channel.begin();
  assert.is(domain.hear(left.subarray(5)), 'more');
  broker.hear(Buffer.concat([Buffer.from('noise'), domain.take()]));
  assert.is(await broker.channel.verify(), 'answered');
  const late = oldBroker.channel.session?.seal(Buffer.from('late'));
  assert.is(domain.hear(broker.take()), 'handshake');
  assert.is(await domain.channel.verify(), 'answered');
  if (late !== undefined) assert.is(domain.hear(late), 'more');
  assert.is(broker.hear(domain.take()), 'proven');
  broker.channel.admit();
  domain.hear(welcomeOf(broker));
  assert.is(domain.channel.session?.peer.name, 'the-broker');
});

channels('after `abandon` nothing is read, and a verification under way comes to nothing', async () => {
  const [domain, broker] = [new End('domain', DOMAIN), new End('broker', BROKER)];
  await domain.channel.begin();
  broker.hear(domain.take());
  const verifying = broker.channel.verify();
  broker.channel.free();
  assert.is(await verifying, 'fault');
  assert.equal(broker.channel.session, null);
});

channels.run();
