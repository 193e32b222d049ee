/** Which domains a carrier admits, and the effect of a stranger or a second hello on a running session. */
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { beginHello } from '../../broker/channel/handshake.ts';
import { HANDSHAKE_TIMEOUT_MS, SERIAL_SILENCE_MS } from '../../broker/process/index.ts';
import { REST_MS } from '../../broker/turns/index.ts';
import {
  CloseCode,
  type CloseWord,
  closeWord,
  Deframer,
  encodeDomainFrame,
  encodeRecordHeader,
  Op,
  RecordType,
} from '../../broker/wire/index.ts';
import { createAuthority, type Identity, issueIdentity } from '../../keys/index.ts';
import { FakeClock } from '../support/clock.ts';
import { OPEN } from '../support/core/harness.ts';
import { Client, HANDSHAKE, joined, KEYS, MemoryCarrier, PeerHarness, turns } from '../support/peer/harness.ts';
import { temporaryDirectory } from '../support/temp.ts';

const links = suite('link');

/** The word of an unsealed close record. A stranger gets nothing else. */
function heard(client: Client): CloseWord | undefined {
  const bytes = joined(...client.carrier.written);
  assert.is(bytes.length, 25);
  assert.equal(bytes.subarray(0, 24), encodeRecordHeader(RecordType.close, 0, 0, 1));
  return closeWord(bytes[24]);
}

/** The word of a close record under the keys that the client has proved. */
function heardSealed(client: Client): CloseWord | undefined {
  const deframer = new Deframer(1_024);
  deframer.push(joined(...client.carrier.written));
  const record = deframer.next();
  if (typeof record === 'string' || record.type !== RecordType.close) return undefined;
  return closeWord(client.established?.open(record, 'owned')?.[0]);
}

/** A serial port of domain `a` that the broker has just opened. */
async function serialPort() {
  const clock = new FakeClock(Date.now());
  const bench = await PeerHarness.of({ domains: ['a'], rows: OPEN }, HANDSHAKE, clock);
  const port = new MemoryCarrier('a');
  port.tellsOfRestart = false;
  bench.sessions.accept(port, () => {});
  return { clock, bench, port };
}

async function foreignIdentity(name: string, role: 'domain' | 'broker' = 'domain'): Promise<Identity> {
  const directory = temporaryDirectory();
  const authority = await createAuthority(join(directory, 'authority'), 'unsealed');
  return issueIdentity(authority, join(directory, name), { name, role, ttlSeconds: 3600 }, 'unsealed');
}

links('a domain that proves itself is let in and told who it is', async () => {
  const bench = await PeerHarness.open('a');
  const a = await bench.connect('a');
  const [welcome] = a.of(Op.welcome);
  assert.is(welcome?.domid, bench.domid('a'));
  assert.is(welcome?.name, 'a');
  assert.is(welcome?.broker, 'the-broker');
  assert.equal(Buffer.from(welcome?.commitment ?? []), Buffer.from(a.established?.peerCommitment ?? [1]));
  assert.equal(bench.sessionLog, ['session.open']);
  bench.close();
});

links('nothing is told or heard before the record of the session is durable', async () => {
  const bench = await PeerHarness.open('a');
  const a = await bench.client('a');
  await a.sayHello();
  assert.ok(await a.takeWelcome());
  bench.audit.setHealthy(false);
  a.ready();
  a.say({ op: Op.ping, id: 1 });
  await turns();
  assert.equal(a.read().frames, []);
  assert.ok(a.carrier.isPaused);
  bench.audit.setHealthy(true);
  await turns();
  assert.equal(
    a.read().frames.map(({ op }) => op),
    [Op.welcome, Op.brokerPong],
  );
  bench.close();
});

const day = 24 * 3_600_000;
const STRANGERS: readonly [
  label: string,
  reason: string,
  word: CloseWord,
  arrange: () => Promise<{ identity: Identity; domain?: string; now?: number; broker?: string }>,
][] = [
  [
    'of another authority',
    'FOREIGN_AUTHORITY',
    'credentialForeign',
    async () => ({ identity: await foreignIdentity('a') }),
  ],
  [
    'with an expired credential',
    'EXPIRED',
    'credentialExpired',
    async () => ({ identity: await KEYS.of('a'), now: day }),
  ],
  [
    'from the future',
    'NOT_YET_VALID',
    'credentialNotYetValid',
    async () => ({ identity: await KEYS.of('a'), now: -day }),
  ],
  [
    'on the carrier of somebody else',
    'WRONG_PEER',
    'wrongCarrier',
    async () => ({ identity: await KEYS.of('a'), domain: 'b' }),
  ],
  [
    'that means another broker',
    'WRONG_BROKER',
    'wrongBroker',
    async () => ({ identity: await KEYS.of('a'), broker: 'other' }),
  ],
  ['that is a broker and no domain', 'WRONG_ROLE', 'refused', async () => ({ identity: await KEYS.of('a', 'broker') })],
];
for (const [label, reason, word, arrange] of STRANGERS) {
  links(`one ${label} is refused with no more than it may know`, async () => {
    const { identity, domain = null, now = 0, broker = null } = await arrange();
    const clock = { ...HANDSHAKE, wallClock: () => Date.now() + now };
    const bench = await PeerHarness.of({ domains: ['a', 'b'], rows: OPEN }, clock);
    const stranger = new Client(bench.carrier(domain), identity);
    await stranger.sayHello(broker);
    await stranger.carrier.whenWritten();
    assert.is(heard(stranger), word);
    assert.equal(bench.sessionLog, [`session.refused ${reason}`]);
    bench.close();
  });
}

const VERSION_AT = 2;
const OTHERS: readonly [label: string, reason: string, hello: (identity: Identity) => Promise<Uint8Array>][] = [
  [
    'suites of which the broker has none',
    'NO_COMMON_SUITE',
    async (identity) => (await beginHello(identity, null, ['A256GCMSIV'], HANDSHAKE)).record,
  ],
  [
    'a later version of the handshake',
    'NO_COMMON_VERSION',
    async (identity) => {
      const claims = { v: 3, kem: 'unknown', credential: identity.credentialJwt };
      const statement = Buffer.from(await identity.signStatement('argus-hello+jws', claims));
      return joined(encodeRecordHeader(RecordType.hello, 0, 0, statement.length), statement);
    },
  ],
  [
    'a later version of the records',
    'BAD_VERSION',
    async () => {
      const record = encodeRecordHeader(RecordType.hello, 0, 0, 1);
      record[VERSION_AT] = 9;
      return joined(record, Uint8Array.of(0));
    },
  ],
];
for (const [label, reason, hello] of OTHERS) {
  links(`one that offers ${label} hears that it is about the version`, async () => {
    const bench = await PeerHarness.open('a');
    const identity = await KEYS.of('a');
    const other = new Client(bench.carrier(), identity);
    other.carrier.feed(await hello(identity));
    await other.carrier.whenWritten();
    assert.is(heard(other), 'version');
    assert.equal(bench.sessionLog, [`session.refused ${reason}`]);
    bench.close();
  });
}

links('one who is not in the inventory is refused only after it has proved itself', async () => {
  const bench = await PeerHarness.open('a');
  const stranger = await bench.client('unlisted');
  await stranger.sayHello();
  assert.ok(await stranger.takeWelcome());
  stranger.ready();
  await turns();
  assert.is(heardSealed(stranger), 'removed');
  assert.equal(bench.sessionLog, ['session.refused UNKNOWN_DOMAIN']);
});

links('a replayed hello gets a welcome and nothing else', async () => {
  const bench = await PeerHarness.open('a');
  const a = await bench.client('a');
  const hello = await a.sayHello();
  await a.takeWelcome();
  a.ready();
  await turns();
  const replayer = await bench.client('a');
  replayer.carrier.feed(hello);
  await replayer.carrier.whenWritten();
  replayer.carrier.written = [];
  // An attacker can only guess the proof, or replay it too.
  replayer.carrier.feed(joined(encodeRecordHeader(RecordType.data, 0, 0, 60), new Uint8Array(60)));
  await turns();
  assert.is(heard(replayer), 'refused');
  assert.equal(bench.sessionLog, ['session.open', 'session.refused OPEN_FAILED']);
  assert.not(a.carrier.isClosed);
  bench.close();
});

links('a stolen credential without its key is refused', async () => {
  const bench = await PeerHarness.open('a', 'b');
  const thief = await KEYS.of('b');
  const victim = await KEYS.of('a');
  const stolen = { ...thief, credentialJwt: victim.credentialJwt, authority: thief.authority, name: 'a' };
  const client = new Client(bench.carrier(), {
    ...stolen,
    signStatement: (typ, claims) => thief.signStatement(typ, claims),
  } as Identity);
  await client.sayHello();
  await client.carrier.whenWritten();
  assert.is(heard(client), 'refused');
  assert.equal(bench.sessionLog, ['session.refused BAD_SIGNATURE']);
});

const FIRST_RECORDS: readonly [label: string, reason: string, bytes: Uint8Array][] = [
  ['a data record', 'OPEN_FAILED', joined(encodeRecordHeader(RecordType.data, 0, 0, 16), new Uint8Array(16))],
  ['a close', 'CLOSED_EARLY', joined(encodeRecordHeader(RecordType.close, 0, 0, 1), new Uint8Array(1))],
  ['a welcome', 'UNEXPECTED_RECORD', joined(encodeRecordHeader(RecordType.welcome, 0, 0, 1), new Uint8Array(1))],
  ['an empty hello', 'MALFORMED_STATEMENT', encodeRecordHeader(RecordType.hello, 0, 0, 0)],
  [
    'a hello that is no statement',
    'MALFORMED_STATEMENT',
    joined(encodeRecordHeader(RecordType.hello, 0, 0, 3), Buffer.from('a.b')),
  ],
  ['a hello above 16 KiB', 'TOO_LONG', encodeRecordHeader(RecordType.hello, 0, 0, 16_385)],
  ['another magic', 'BAD_MAGIC', new Uint8Array(24)],
];
for (const [label, reason, bytes] of FIRST_RECORDS) {
  links(`${label} as the first record is refused`, async () => {
    const bench = await PeerHarness.open('a');
    const carrier = bench.carrier();
    carrier.feed(bytes);
    await carrier.whenWritten();
    await turns();
    assert.ok(carrier.isClosed);
    assert.equal(bench.sessionLog, [`session.refused ${reason}`]);
  });
}

links('a first record with the right keys but another frame, or another commitment, proves nothing', async () => {
  for (const frame of [
    encodeDomainFrame({ op: Op.ping, id: 1 }),
    encodeDomainFrame({ op: Op.ready, commitment: new Uint8Array(32) }),
    new Uint8Array(0),
  ]) {
    const bench = await PeerHarness.open('a');
    const a = await bench.client('a');
    await a.sayHello();
    await a.takeWelcome();
    a.sayFrames(frame);
    await turns();
    assert.is(heard(a), 'refused');
    assert.equal(bench.sessionLog, ['session.refused BAD_COMMITMENT']);
  }
});

links('a second hello beside a running session changes nothing until it is proved, then takes over', async () => {
  const bench = await PeerHarness.open('a', 'b');
  const b = await bench.listen('b');
  const a = await bench.connect('a');
  const to = bench.domid('b');
  // The same guest after a reboot: the carrier has not noticed.
  const reborn = new Client(a.carrier, await KEYS.of('a'));
  await reborn.sayHello();
  assert.ok(await reborn.takeWelcome());
  a.send({ to, payload: 'the old session goes on' });
  await turns();
  assert.equal(b.read().payloads, ['the old session goes on']);
  a.read();
  reborn.ready();
  await turns();
  assert.is(reborn.read().of(Op.welcome).length, 1);
  assert.equal(bench.sessionLog.slice(2), ['session.close superseded', 'session.open']);
  reborn.send({ to, payload: 'new' });
  await turns();
  assert.equal(b.read().payloads.at(-1), 'new');
  bench.close();
});

links('a second hello that is refused leaves the running session as it was', async () => {
  const bench = await PeerHarness.open('a', 'b');
  const b = await bench.listen('b');
  const a = await bench.connect('a');
  const intruder = new Client(a.carrier, await foreignIdentity('a'));
  await intruder.sayHello();
  while (bench.sessions.refusals.size === 0) await turns(1);
  a.send({ to: bench.domid('b'), payload: 'undisturbed' });
  await turns();
  assert.equal(b.read().payloads, ['undisturbed']);
  assert.not(a.carrier.isClosed);
  bench.close();
});

links('a hello beside a running session may not be longer than one of a stranger', async () => {
  const bench = await PeerHarness.open('a');
  const a = await bench.connect('a');
  a.carrier.feed(joined(encodeRecordHeader(RecordType.hello, 0, 0, 16_385), new Uint8Array(16_385)));
  await turns();
  assert.equal(bench.sessionLog, ['session.open', 'peer.fault TOO_LONG', 'session.close fault']);
});

links('a newer session of a domain on another carrier takes over, and the old one is told', async () => {
  const bench = await PeerHarness.open('a');
  const old = await bench.connect('a');
  await bench.connect('a');
  old.read();
  assert.is(old.records.at(-1), RecordType.close);
  assert.ok(old.carrier.isClosed);
  assert.is(bench.sessions.count, 1);
  assert.equal(bench.sessionLog, ['session.open', 'session.close superseded', 'session.open']);
  bench.close();
});

links('a proof that was held back on its way does not take over from a newer session', async () => {
  const bench = await PeerHarness.open('a');
  const old = await bench.client('a');
  await old.sayHello();
  assert.ok(await old.takeWelcome());
  // The domain was restarted, and connected over another carrier.
  const newer = await bench.connect('a');
  old.ready();
  await turns();
  assert.is(heardSealed(old), 'superseded');
  assert.ok(old.carrier.isClosed);
  assert.not(newer.carrier.isClosed);
  assert.equal(bench.sessionLog, ['session.open', 'session.refused OUTDATED']);
  assert.is(bench.sessions.count, 1);
  bench.close();
});

links('records that arrive while signatures are checked are worked on after them, in order', async () => {
  const bench = await PeerHarness.open('a');
  const a = await bench.client('a');
  await a.sayHello();
  await a.takeWelcome();
  const ready = a.seal(
    encodeDomainFrame({ op: Op.ready, commitment: a.established?.ourCommitment ?? new Uint8Array(32) }),
  );
  const pings = [1, 2, 3].map((id) => a.seal(encodeDomainFrame({ op: Op.ping, id })));
  a.carrier.feed(joined(ready, ...pings));
  await turns();
  assert.equal(
    a
      .read()
      .of(Op.brokerPong)
      .map(({ id }) => id),
    [1, 2, 3],
  );
  bench.close();
});

links('a hello beside a session is not answered before the peer reads what it was told', async () => {
  const clock = new FakeClock(Date.now());
  const bench = await PeerHarness.of({ domains: ['a'], rows: OPEN }, HANDSHAKE, clock);
  const a = await bench.connect('a');
  a.carrier.hasRoom = false;
  a.say({ op: Op.ping, id: 0 });
  await turns();
  a.read();
  const pings = Array.from({ length: 5_000 }, () => encodeDomainFrame({ op: Op.ping, id: 1 }));
  const records = Array.from({ length: 6 }, () => a.seal(joined(...pings)));
  const hello = await new Client(new MemoryCarrier(), await KEYS.of('a')).sayHello();
  a.carrier.feed(joined(...records, hello));
  while (!bench.peer('a').isThrottled) {
    clock.advance(20 * REST_MS); // so many pings are idle work
    await turns();
  }
  assert.ok(a.carrier.isPaused);
  assert.equal(a.carrier.written, []);
  a.carrier.drain();
  while (!a.read().records.includes(RecordType.welcome)) {
    clock.advance(REST_MS);
    await turns();
  }
  bench.close();
});

links('a serial port that brings nothing is closed without a record, so that its VMM opens another one', async () => {
  const { clock, bench, port } = await serialPort();
  clock.advance(SERIAL_SILENCE_MS - 1);
  await turns();
  assert.is(port.isEnded, false);
  clock.advance(1);
  await turns();
  assert.ok(port.isClosed);
  assert.equal(port.written, []);
  assert.equal(bench.sessionLog, []);
  assert.equal([...bench.sessions.openCarriers], []);
  bench.close();
});

links(
  'the first byte of a serial port ends its silence: its handshake has the whole time, its session no such limit',
  async () => {
    const { clock, bench, port } = await serialPort();
    clock.advance(SERIAL_SILENCE_MS - 1);
    port.feed(Uint8Array.of(0));
    clock.advance(HANDSHAKE_TIMEOUT_MS - 1);
    assert.is(port.isEnded, false);
    const a = new Client(port, await KEYS.of('a'));
    await a.sayHello();
    assert.ok(await a.takeWelcome());
    a.ready();
    await turns();
    clock.advance(SERIAL_SILENCE_MS);
    await turns();
    assert.is(port.isEnded, false);
    assert.equal(bench.sessionLog, ['session.open']);
    bench.close();
  },
);

links('shutdown says so, sealed, and every table is empty afterwards', async () => {
  const bench = await PeerHarness.open('a', 'b');
  const clients = [await bench.listen('a'), await bench.connect('b')];
  bench.close();
  await turns();
  for (const client of clients) {
    assert.is(client.read().records.at(-1), RecordType.close);
    assert.ok(client.carrier.isClosed);
  }
  assert.is(bench.sessions.count, 0);
  assert.equal([...bench.sessions.openCarriers], []);
  for (const state of bench.argo.domains()) assert.is(state.sink, null);
});

links('a domain that closes is let go without a fault', async () => {
  const bench = await PeerHarness.open('a');
  const a = await bench.connect('a');
  a.carrier.feed(a.seal(Uint8Array.of(CloseCode.done), RecordType.close));
  await turns();
  assert.equal(bench.sessionLog, ['session.open', 'session.close done']);
  assert.ok(a.carrier.isClosed);
});

links.run();
