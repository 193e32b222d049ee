/**
 * Sessions of the broker over carriers in memory: the effects of a peer's frames, and the effects that a peer never
 * has.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { nodeClock } from '../../broker/base/index.ts';
import { PACE_MS } from '../../broker/process/limits.ts';
import { encodeDomainFrame, MAX_RECORD_PLAINTEXT_BYTES, Op, RecordType, Status } from '../../broker/wire/index.ts';
import { OPEN, PORT } from '../support/core/harness.ts';
import { type Client, HANDSHAKE, joined, PeerHarness, turns } from '../support/peer/harness.ts';

const peers = suite('peer');

peers('a message arrives with its sender named, once introduced, and is acknowledged', async () => {
  const bench = await PeerHarness.open('a', 'b');
  const b = await bench.listen('b');
  const a = await bench.connect('a');
  a.send({ to: bench.domid('b'), payload: 'hello' }, { to: bench.domid('b'), payload: 'again' });
  await turns();
  assert.equal(b.read().payloads, ['hello', 'again']);
  assert.equal(
    b.messages.map(({ source }) => source),
    [bench.domid('a'), bench.domid('a')],
  );
  assert.equal(b.of(Op.introduce), [{ op: Op.introduce, domid: bench.domid('a'), name: 'a', labels: [] }]);
  assert.equal(a.read().of(Op.ack), [{ op: Op.ack, through: 2 }]);
  bench.close();
});

peers('refusals come before the acknowledgement that covers them', async () => {
  const bench = await PeerHarness.of({ domains: ['a', 'b', 'c'], rows: [...OPEN, 'p, a, c, argo, send, deny'] });
  await bench.listen('b', 64);
  const a = await bench.connect('a');
  const [b, c] = [bench.domid('b'), bench.domid('c')];
  a.send(
    { to: b, payload: 'x' },
    { to: c },
    { to: b, payload: 'y'.repeat(16) },
    { to: b, port: 9 },
    { to: b, payload: 'z'.repeat(99) },
  );
  await turns();
  const refused = (id: number, status: number, maxMessageSize = 0) => ({ op: Op.refused, id, status, maxMessageSize });
  assert.equal(a.read().frames.slice(1), [
    refused(2, Status.EACCES),
    refused(3, Status.EAGAIN),
    refused(4, Status.ECONNREFUSED),
    refused(5, Status.EMSGSIZE, 32),
    { op: Op.ack, through: 5 },
  ]);
  bench.close();
});

peers('a denial is not answered before its record is durable, and nothing said later overtakes it', async () => {
  const bench = await PeerHarness.of({ domains: ['a', 'b', 'c'], rows: [...OPEN, 'p, a, c, argo, send, deny'] });
  const b = await bench.listen('b');
  const a = await bench.connect('a');
  bench.audit.setHealthy(false);
  // Sends stop while the log cannot be written. Answers to earlier denials wait for it.
  a.say({ op: Op.resolve, id: 4, name: 'nobody' });
  await turns();
  a.say({ op: Op.ping, id: 5 });
  a.send({ to: bench.domid('b') });
  await turns();
  assert.equal(a.read().frames.slice(1), []);
  assert.equal(b.read().messages, []);
  bench.audit.setHealthy(true);
  await turns();
  assert.equal(a.read().frames.slice(1), [
    { op: Op.reply, id: 4, status: Status.EACCES, value: 0 },
    { op: Op.brokerPong, id: 5 },
    { op: Op.refused, id: 1, status: Status.EIO, maxMessageSize: 0 },
    { op: Op.ack, through: 1 },
  ]);
  bench.close();
});

const WAITING: readonly (readonly [what: string, say: (sender: Client, stranger: number) => void, op: number])[] = [
  [
    'a denied notify',
    (sender, stranger) =>
      sender.say({ op: Op.notify, id: 9, queries: [{ domid: stranger, pad: 0, port: PORT, spaceRequired: 0 }] }),
    Op.notified,
  ],
  ['a registration', (sender) => sender.register(PORT), Op.reply],
];
for (const [what, say, op] of WAITING) {
  peers(`${what} is answered only once its record is durable`, async () => {
    const rows = [...OPEN, 'p, sender, stranger, argo, send, deny'];
    const harness = await PeerHarness.of({ domains: ['sender', 'stranger'], rows });
    const sender = await harness.connect('sender');
    sender.read().frames.length = 0;
    harness.audit.setHealthy(false);
    say(sender, harness.domid('stranger'));
    await turns();
    assert.equal(sender.read().frames, []);
    harness.audit.setHealthy(true);
    await turns();
    assert.equal(
      sender.read().frames.map((frame) => frame.op),
      [op],
    );
    harness.close();
  });
}

peers('a denied sender waits for the log, its receivers do not', async () => {
  const bench = await PeerHarness.of({ domains: ['a', 'b', 'c'], rows: [...OPEN, 'p, a, c, argo, send, deny'] });
  const b = await bench.listen('b');
  const a = await bench.connect('a');
  a.send({ to: bench.domid('b'), payload: 'one' }, { to: bench.domid('c') }, { to: bench.domid('b'), payload: 'two' });
  bench.audit.setHealthy(false);
  await turns();
  assert.equal(b.read().payloads, ['one', 'two']);
  assert.equal(a.read().of(Op.ack), []);
  bench.audit.setHealthy(true);
  await turns();
  assert.equal(a.read().of(Op.ack), [{ op: Op.ack, through: 3 }]);
  bench.close();
});

peers('control operations answer with the id of their request', async () => {
  const bench = await PeerHarness.open('a', 'b');
  const a = await bench.connect('a');
  a.say(
    { op: Op.registerRing, id: 11, port: PORT, partner: bench.domid('b'), pad: 0, length: 48, flags: 0, unread: 0 },
    { op: Op.unregisterRing, id: 12, port: PORT, partner: 0x7ff4, pad: 0 },
    { op: Op.notify, id: 13, queries: [{ domid: bench.domid('a'), pad: 0, port: PORT, spaceRequired: 0 }] },
    { op: Op.notify, id: 14, queries: null },
    { op: Op.resolve, id: 15, name: 'b' },
    { op: Op.pong, id: 16 },
    { op: Op.unregisterRing, id: 17, port: PORT, partner: bench.domid('b'), pad: 0 },
  );
  await turns();
  assert.equal(a.read().frames.slice(1), [
    { op: Op.reply, id: 11, status: Status.OK, value: 1 },
    { op: Op.reply, id: 12, status: Status.ENOENT, value: 0 },
    { op: Op.notified, id: 13, status: Status.OK, answers: [{ flags: 0, maxMessageSize: 0 }] },
    { op: Op.notified, id: 14, status: Status.OK, answers: [] },
    { op: Op.reply, id: 15, status: Status.OK, value: bench.domid('b') },
    { op: Op.reply, id: 17, status: Status.OK, value: 0 },
  ]);
  bench.close();
});

const ping = encodeDomainFrame({ op: Op.ping, id: 1 });
const truncated = ping.subarray(0, 11);
const declaring = (length: number): Uint8Array => {
  const frame = ping.slice();
  new DataView(frame.buffer).setUint32(0, length, true);
  return frame;
};

const FAULTS: readonly [label: string, fault: string, plaintext: Uint8Array][] = [
  ['a frame of length 0', 'BAD_FRAME', declaring(0)],
  ['a frame shorter than its header', 'BAD_FRAME', declaring(11)],
  ['a frame longer than the record', 'BAD_FRAME', declaring(13)],
  ['a frame of the largest length', 'BAD_FRAME', declaring(0xffffffff)],
  ['a header cut short', 'BAD_FRAME', truncated],
  ['trailing bytes', 'BAD_FRAME', joined(ping, Uint8Array.of(0))],
  ['an unknown operation', 'BAD_FRAME', Uint8Array.of(12, 0, 0, 0, 0x7f, 0, 0, 0, 0, 0, 0, 0)],
  ['an operation of the broker', 'BAD_FRAME', Uint8Array.of(12, 0, 0, 0, Op.deliver, 0, 0, 0, 0, 0, 0, 0)],
  ['flags on a control frame', 'BAD_FRAME', Uint8Array.of(12, 0, 0, 0, Op.ping, 1, 0, 0, 0, 0, 0, 0)],
  ['reserved bits', 'BAD_FRAME', Uint8Array.of(12, 0, 0, 0, Op.ping, 0, 1, 0, 0, 0, 0, 0)],
  ['a send shorter than its header', 'BAD_FRAME', Uint8Array.of(12, 0, 0, 0, Op.sendv, 0, 0, 0, 1, 0, 0, 0)],
  ['a second proof', 'UNEXPECTED_FRAME', encodeDomainFrame({ op: Op.ready, commitment: new Uint8Array(32) })],
  ['a credit for no ring', 'BAD_CREDIT', encodeDomainFrame({ op: Op.credit, ring: 77, bytes: 16 })],
];
for (const [label, fault, plaintext] of FAULTS) {
  peers(`${label} ends the session, with the fault in the log and not in the answer`, async () => {
    const bench = await PeerHarness.open('a');
    const a = await bench.connect('a');
    a.sayFrames(plaintext);
    await turns();
    assert.equal(bench.sessionLog, ['session.open', `peer.fault ${fault}`, 'session.close fault']);
    assert.equal(a.read().records.at(-1), RecordType.close);
    assert.ok(a.carrier.isClosed);
    assert.is(bench.argo.domain('a')?.sink, null);
  });
}

for (const [label, ids] of [
  ['beginning at 0', [0]],
  ['beginning at 2', [2]],
  ['twice the same', [1, 1]],
  ['with a gap', [1, 3]],
  ['going back', [1, 2, 1]],
] as const) {
  peers(`send ids ${label} end the session, because acknowledgements rest on them`, async () => {
    const bench = await PeerHarness.open('a');
    const a = await bench.connect('a');
    a.send(...ids.map((id) => ({ to: 1, id })));
    await turns();
    assert.ok(bench.sessionLog.includes('peer.fault BAD_SEND_ID'));
    assert.equal(bench.argo.counters.refused, ids.length === 1 ? {} : { [Status.ECONNREFUSED]: ids.length - 1 });
  });
}

peers('what came before the fault in its record was done, what comes after is not', async () => {
  const bench = await PeerHarness.open('a', 'b');
  const b = await bench.listen('b');
  const a = await bench.connect('a');
  const to = bench.domid('b');
  a.sayFrames(a.sendFrame({ to, payload: 'before' }), declaring(11), a.sendFrame({ to, payload: 'after' }));
  await turns();
  assert.equal(b.read().payloads, ['before']);
  bench.close();
});

peers('a cut message is no message, and the next one on a new session is whole', async () => {
  const bench = await PeerHarness.open('a', 'b');
  const b = await bench.listen('b');
  const a = await bench.connect('a');
  a.sayFrames(a.sendFrame({ to: bench.domid('b'), payload: 'x'.repeat(100) }).subarray(0, 60));
  await turns();
  const again = await bench.connect('a');
  again.send({ to: bench.domid('b'), payload: 'whole' });
  await turns();
  assert.equal(b.read().payloads, ['whole']);
  bench.close();
});

peers('the bytes are copied: what becomes of the carrier’s buffer afterwards changes nothing', async () => {
  const bench = await PeerHarness.open('a', 'b');
  const b = await bench.listen('b');
  const a = await bench.connect('a');
  const record = a.seal(a.sendFrame({ to: bench.domid('b'), payload: 'precious' }));
  a.carrier.feed(record);
  record.fill(0);
  await turns();
  assert.equal(b.read().payloads, ['precious']);
  bench.close();
});

peers('a record above the common size may hold one large message, not many small frames', async () => {
  const bench = await PeerHarness.open('a', 'b');
  const b = await bench.listen('b', 1_048_576);
  const a = await bench.connect('a');
  a.send({ to: bench.domid('b'), payload: new Uint8Array(200_000).fill(65) });
  await turns();
  assert.equal(
    b.read().messages.map(({ payload }) => payload.length),
    [200_000],
  );
  a.sayFrames(...Array.from({ length: MAX_RECORD_PLAINTEXT_BYTES / 12 }, () => ping));
  await bench.settled();
  assert.is(a.read().of(Op.brokerPong).length, Math.floor(MAX_RECORD_PLAINTEXT_BYTES / 12));
  a.sayFrames(...Array.from({ length: MAX_RECORD_PLAINTEXT_BYTES / 12 + 1 }, () => ping));
  await turns();
  assert.ok(bench.sessionLog.includes('peer.fault BAD_FRAME'));
  bench.close();
});

peers('a message above the longest ends the session', async () => {
  const bench = await PeerHarness.open('a');
  const a = await bench.connect('a');
  a.send({ to: 1, payload: new Uint8Array(16_777_121) });
  await turns();
  assert.equal(bench.sessionLog.slice(1), ['peer.fault TOO_LONG', 'session.close fault']);
});

peers('a domain that does not read is not read from, and what it is told stays bounded', async () => {
  const bench = await PeerHarness.open('a');
  const a = await bench.connect('a');
  a.carrier.hasRoom = false;
  for (let i = 0; i < 200 && !a.carrier.isPaused; i++) {
    a.sayFrames(...Array.from({ length: 1_000 }, () => ping));
    await turns(1);
  }
  assert.ok(a.carrier.isPaused);
  assert.ok(bench.peer('a').controlBytes < 400_000);
  a.carrier.drain();
  await bench.settled();
  assert.not(a.carrier.isPaused);
  bench.close();
});

peers('it is also not read from when others cause what it is told', async () => {
  const bench = await PeerHarness.open('a');
  const a = await bench.connect('a');
  a.carrier.hasRoom = false;
  a.say({ op: Op.ping, id: 1 });
  await turns();
  for (let i = 0; i < 10_000; i++) bench.peer('a').event({ op: Op.peerGone, domid: 1, port: 1, messages: 0, bytes: 0 });
  a.say({ op: Op.pong, id: 1 });
  await turns();
  assert.ok(a.carrier.isPaused);
  a.carrier.drain();
  await turns();
  assert.not(a.carrier.isPaused);
  bench.close();
});

peers('denials one by one, each behind a gate, do not cost a record buffer each', async () => {
  const bench = await PeerHarness.of({ domains: ['a'], rows: OPEN.slice(0, 1) });
  const a = await bench.connect('a');
  a.carrier.hasRoom = false;
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 2_000; i++) a.send({ to: 1 });
  assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 1024 * 1024);
  bench.close();
});

peers(
  'a receiver cannot give back what was not sent to it yet, and so make the broker hold more than its ring',
  async () => {
    const bench = await PeerHarness.open('a', 'b');
    const b = await bench.listen('b', 4_096);
    const a = await bench.connect('a');
    a.send({ to: bench.domid('b'), payload: 'x' });
    // Before the turn's end nothing has left the broker.
    b.say({ op: Op.credit, ring: 1, bytes: 32 });
    await turns();
    assert.ok(bench.sessionLog.includes('peer.fault BAD_CREDIT'));
    assert.equal(a.read().of(Op.peerGone), [
      { op: Op.peerGone, domid: bench.domid('b'), port: PORT, messages: 1, bytes: 32 },
    ]);
    bench.close();
  },
);

peers('credit after delivery makes room, and the waiting sender is told', async () => {
  const bench = await PeerHarness.open('a', 'b');
  const b = await bench.listen('b', 64);
  const a = await bench.connect('a');
  a.send({ to: bench.domid('b'), payload: 'x'.repeat(32) }, { to: bench.domid('b'), payload: 'y' });
  await turns();
  b.say({ op: Op.credit, ring: 1, bytes: 48 });
  await turns();
  assert.equal(a.read().of(Op.space), [{ op: Op.space, domid: bench.domid('b'), port: PORT }]);
  bench.close();
});

peers('a paced stream gets fewer acknowledgements than it has records, but after a refusal at once', async () => {
  let now = 0;
  const paced = { ...nodeClock, mono: () => now };
  const text = { domains: ['a', 'b', 'c'], rows: [...OPEN, 'p, a, c, argo, send, deny'] };
  const bench = await PeerHarness.of(text, HANDSHAKE, paced);
  await bench.listen('b');
  const a = await bench.connect('a');
  const records = 100;
  for (let count = 0; count < records; count++) {
    now += PACE_MS;
    a.send({ to: bench.domid('b') });
    await turns(2);
  }
  assert.ok(a.read().of(Op.ack).length < records);
  a.send({ to: bench.domid('c') });
  await turns();
  assert.equal(a.read().frames.slice(-2), [
    { op: Op.refused, id: records + 1, status: Status.EACCES, maxMessageSize: 0 },
    { op: Op.ack, through: records + 1 },
  ]);
  now += PACE_MS;
  a.send({ to: bench.domid('b') });
  await turns();
  assert.equal(a.read().frames.at(-1), { op: Op.ack, through: records + 2 });
  bench.close();
});

peers('an acknowledgement waits for a congested carrier', async () => {
  const bench = await PeerHarness.open('a', 'b');
  await bench.listen('b');
  const a = await bench.connect('a');
  a.carrier.hasRoom = false;
  for (let count = 0; count < 3; count++) {
    a.send({ to: bench.domid('b') });
    await turns();
  }
  assert.equal(a.read().of(Op.ack), [{ op: Op.ack, through: 1 }]);
  a.carrier.drain();
  assert.equal(a.read().of(Op.ack).slice(1), [{ op: Op.ack, through: 3 }]);
  bench.close();
});

peers('a congested carrier holds back, and goes on when it drains', async () => {
  const bench = await PeerHarness.open('a', 'b');
  const b = await bench.listen('b');
  const a = await bench.connect('a');
  b.carrier.hasRoom = false;
  for (const payload of ['1', '2', '3']) {
    a.send({ to: bench.domid('b'), payload });
    await turns();
  }
  assert.equal(b.read().payloads, ['1']);
  b.carrier.drain();
  await turns();
  assert.equal(b.read().payloads, ['1', '2', '3']);
  bench.close();
});

peers(
  'policy reaches what still lies in the broker: denied messages never go out, their room is back, senders are told',
  async () => {
    const bench = await PeerHarness.open('a', 'b', 'c');
    const b = await bench.listen('b', 112);
    const a = await bench.connect('a');
    const c = await bench.connect('c');
    b.carrier.hasRoom = false;
    b.say({ op: Op.ping, id: 1 });
    await turns();
    const to = bench.domid('b');
    a.send({ to, payload: 'a'.repeat(16) });
    c.send({ to, payload: 'c' });
    c.send({ to, payload: 'c'.repeat(32) });
    await turns();
    assert.equal(
      c
        .read()
        .of(Op.refused)
        .map(({ status }) => status),
      [Status.EAGAIN],
    );
    await bench.adopt({ domains: ['a', 'b', 'c'], rows: [...OPEN, 'p, a, b, argo, send, deny'] });
    b.carrier.drain();
    await turns();
    assert.equal(b.read().payloads, ['c']);
    assert.equal(a.read().of(Op.revoked), [{ op: Op.revoked, domid: to, port: PORT, messages: 1, bytes: 16 }]);
    assert.equal(c.read().of(Op.space), [{ op: Op.space, domid: to, port: PORT }], 'no credit would have told it');
    const revoked = bench.audit.records.filter(({ event }) => event === 'send.revoked');
    assert.equal(
      revoked.map(({ src, messages, bytes }) => [src?.domain, messages, bytes]),
      [['a', 1, 16]],
    );
    b.say({ op: Op.credit, ring: 1, bytes: 32 });
    await turns();
    assert.not(b.carrier.isClosed, 'the account is right');
    bench.close();
  },
);

peers('a message of a domain that left is not delivered in the name of the next one with its domid', async () => {
  const bench = await PeerHarness.open('a', 'b');
  const b = await bench.listen('b');
  const a = await bench.connect('a');
  b.carrier.hasRoom = false;
  b.say({ op: Op.ping, id: 1 });
  await turns();
  a.send({ to: bench.domid('b'), payload: 'from a' });
  await turns();
  await bench.adopt({ domains: ['new:1', 'b:2'], rows: OPEN });
  b.carrier.drain();
  await turns();
  assert.equal(b.read().payloads, []);
  assert.ok(a.carrier.isClosed);
  const revoked = bench.audit.records.filter(({ event }) => event === 'send.revoked');
  assert.equal(
    revoked.map(({ src, reason }) => [src?.domain, reason]),
    [['a', 'UNKNOWN_SOURCE']],
  );
  bench.close();
});

peers('a session that ends tells the others, and leaves nothing behind', async () => {
  const bench = await PeerHarness.open('a', 'b');
  const b = await bench.listen('b');
  const a = await bench.connect('a');
  a.register(PORT, bench.domid('b'));
  a.send({ to: bench.domid('b'), payload: 'x' });
  await turns();
  b.carrier.lose();
  await turns();
  assert.equal(a.read().of(Op.peerGone), [
    { op: Op.peerGone, domid: bench.domid('b'), port: PORT, messages: 1, bytes: 32 },
    { op: Op.peerGone, domid: bench.domid('b'), port: 0xffffffff, messages: 0, bytes: 0 },
  ]);
  const state = bench.argo.domain('b');
  assert.equal([state?.ports.size, state?.ringsByHandle.size, state?.ringBytes, state?.sink], [0, 0, 0, null]);
  assert.equal(bench.sessionLog.slice(-1), ['session.close lost']);
  bench.close();
});

peers.run();
