/**
 * The order of sendv's checks, one test per check: each fails when only that check is deleted. Then quotas, routes,
 * order gates, and the state after rings and sessions have ended.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Op, PORT_ALL, SendFlag, Status } from '../../broker/wire/index.ts';
import { CoreHarness, OPEN, PORT } from '../support/core/harness.ts';

const core = suite('argo');
const bytes = (length: number): Uint8Array => new Uint8Array(length);

/** Asserts that no message arrived, and that no bytes were charged. */
function untouched(harness: CoreHarness, name = 'b'): void {
  assert.equal(harness.at(name).messages, []);
  for (const ring of harness.state(name).ringsByHandle.values()) assert.is(ring.used, 0);
  assert.is(harness.argo.counters.messages, 0);
}

core('log writable: nothing is accepted while denials and sends cannot be recorded', async () => {
  const harness = await CoreHarness.open('a', 'b');
  harness.register('b', 'ANY');
  harness.audit.setHealthy(false);
  assert.is(harness.send('a', 'b'), Status.EIO);
  assert.is(harness.send('a', 'b', { source: 99 }), Status.EIO);
  untouched(harness);
  harness.audit.setHealthy(true);
  assert.is(harness.send('a', 'b'), Status.OK);
});

core(
  'enable: a domain that may not use the broker sends nothing, although it may send by every other rule',
  async () => {
    const rows = ['p, b, broker, argo, *, allow', ...OPEN.slice(1)];
    const harness = await CoreHarness.of({ domains: ['a', 'b'], rows });
    harness.register('b', 'ANY');
    assert.is(harness.send('a', 'b'), Status.EACCES);
    assert.equal(harness.denials(), ['session.refused NO_RULE a>broker enable']);
    untouched(harness);
  },
);

for (const [label, options] of [
  ['an unknown flag', { flags: 4 }],
  ['all flags', { flags: 0xff }],
  ['reserved bits', { reserved: 1 }],
] as const) {
  core(`shape: ${label} is EINVAL`, async () => {
    const harness = await CoreHarness.open('a', 'b');
    harness.register('b', 'ANY');
    assert.is(harness.send('a', 'b', options), Status.EINVAL);
    untouched(harness);
  });
}

core('source: nobody sends in the name of another', async () => {
  const harness = await CoreHarness.open('a', 'b', 'c');
  harness.register('b', 'ANY');
  harness.register('b', 'c');
  assert.is(harness.send('a', 'b', { source: harness.domid('c') }), Status.EPERM);
  untouched(harness);
});

core('source port: nobody names a port of another, nor one that it has closed', async () => {
  const harness = await CoreHarness.open('a', 'b');
  harness.register('b', 'ANY');
  assert.is(harness.send('a', 'b', { sourcePort: PORT }), Status.EPERM);
  untouched(harness);
});

core('destination: one that nobody has is a denial, with a record and no route', async () => {
  const harness = await CoreHarness.open('a', 'b');
  assert.is(harness.send('a', 'b', { destination: 77 }), Status.EACCES);
  assert.equal(harness.denials(), ['send.denied UNKNOWN_DESTINATION a>broker send']);
});

core('hook argo:send: the class of the port does not help without it', async () => {
  const harness = await CoreHarness.of({ domains: ['a', 'b'], rows: [...OPEN, 'p, a, b, argo, send, deny'] });
  harness.register('b', 'ANY');
  assert.is(harness.send('a', 'b'), Status.EACCES);
  untouched(harness);
});

core('hook of the class: argo:send does not help without it, nor on a port that no class claims', async () => {
  const harness = await CoreHarness.of({ domains: ['a', 'b'], rows: [...OPEN, 'p, a, b, data, send, deny'] });
  harness.register('b', 'ANY');
  harness.register('b', 'ANY', { port: 4000 });
  assert.is(harness.send('a', 'b'), Status.EACCES);
  assert.is(harness.send('a', 'b', { port: 4000 }), Status.EACCES);
  assert.equal(
    harness.audit.records.slice(-2).map((record) => record.class),
    ['data', 'unclassified'],
  );
  untouched(harness);
});

core('inspector: the permission is that of the message, not of the port', async () => {
  const harness = await CoreHarness.of({ domains: ['a', 'b'], rows: [...OPEN, 'p, a, b, control, sink-cork, allow'] });
  harness.register('b', 'ANY', { port: 4714 });
  const say = (...code: number[]): number => harness.send('a', 'b', { port: 4714, payload: Uint8Array.from(code) });
  assert.is(say(0, 0, 2, 0), Status.OK);
  assert.is(say(1, 0, 1, 0), Status.EACCES);
  assert.is(say(1, 2, 3, 4), Status.EACCES);
  assert.equal(harness.denials(), ['send.denied NO_RULE a>b source-start', 'send.denied NO_RULE a>b other']);
});

core('inspector: what is no message of the class is EINVAL, with a record, whatever policy says', async () => {
  const harness = await CoreHarness.of({ domains: ['a', 'b'], rows: [...OPEN, 'p, a, b, pcm, *, allow'] });
  harness.register('b', 'ANY', { port: 4713 });
  assert.is(harness.send('a', 'b', { port: 4713, payload: bytes(5) }), Status.EINVAL);
  assert.match(harness.denials()[0] ?? '', /^send\.denied MALFORMED a>b/);
  assert.ok(harness.lastSend.recorded);
  untouched(harness);
});

core('ring: without one it is ECONNREFUSED, and nothing is counted as a flow', async () => {
  const harness = await CoreHarness.open('a', 'b');
  for (let port = 1; port <= 200; port++) assert.is(harness.send('a', 'b', { port }), Status.ECONNREFUSED);
  harness.audit.flushFlows();
  assert.equal(harness.log, []);
});

core('size: larger than the ring could ever take is EMSGSIZE with the size that it takes', async () => {
  const harness = await CoreHarness.open('a', 'b');
  harness.register('b', 'ANY', { length: 48 });
  assert.is(harness.send('a', 'b', { payload: bytes(17) }), Status.EMSGSIZE);
  assert.equal(harness.lastSend, { status: Status.EMSGSIZE, recorded: false, maxMessageSize: 16 });
  assert.is(harness.send('a', 'b', { payload: bytes(16) }), Status.OK);
  assert.is(harness.send('a', 'b', { payload: bytes(16) }), Status.EAGAIN);
  assert.equal(harness.lastSend, { status: Status.EAGAIN, recorded: false, maxMessageSize: 0 });
});

core('quota: one sender cannot keep the others out of a wildcard ring', async () => {
  const harness = await CoreHarness.open('a', 'b', 'c');
  const { value } = harness.register('b', 'ANY', { length: 1024 });
  while (harness.send('a', 'b', { payload: bytes(48) }) === Status.OK);
  assert.is(harness.send('c', 'b', { payload: bytes(48) }), Status.EAGAIN);
  for (let i = 0; i < 8; i++) {
    harness.consume('b', value, 48);
    // The flooder is always first, but c still gets its part.
    harness.send('a', 'b', { payload: bytes(48) });
    harness.send('c', 'b', { payload: bytes(48) });
  }
  const shares = [...(harness.state('b').ringsByHandle.get(value)?.activeShares() ?? [])];
  assert.ok(
    shares.every((share) => share.bytes <= 512),
    shares.map(({ bytes }) => bytes).join(),
  );
  assert.is(shares.length, 2);
});

core('quota: the rings of a domain together have a limit', async () => {
  const harness = await CoreHarness.of({ domains: ['a'], rows: OPEN }, { ringBytesPerDomain: 128 });
  assert.is(harness.register('a', 'ANY', { port: 1, length: 64 }).status, Status.OK);
  assert.is(harness.register('a', 'ANY', { port: 2, length: 80 }).status, Status.ENOMEM);
  assert.is(harness.register('a', 'ANY', { port: 2, length: 64 }).status, Status.OK);
  assert.is(harness.register('a', 'ANY', { port: 3, length: 48 }).status, Status.ENOMEM);
  harness.unregister('a', 'ANY', 1);
  assert.is(harness.register('a', 'ANY', { port: 3, length: 48 }).status, Status.OK);
});

core('audit: what was allowed is counted for its flow, message by message and byte by byte', async () => {
  const harness = await CoreHarness.open('a', 'b');
  harness.register('b', 'ANY');
  for (const length of [0, 10, 20]) harness.send('a', 'b', { payload: bytes(length) });
  harness.unregister('b', 'ANY');
  const flow = harness.audit.records.find(({ event }) => event === 'flow');
  assert.equal([flow?.messages, flow?.bytes, flow?.port, flow?.class], [3, 30, PORT, 'data']);
  assert.equal([harness.argo.counters.messages, harness.argo.counters.bytes], [3, 30]);
});

core('refusals are counted under the status that was answered', async () => {
  const harness = await CoreHarness.open('a', 'b');
  harness.send('a', 'b', { source: 99 });
  harness.send('a', 'b', { destination: 99 });
  harness.send('a', 'b');
  assert.equal(harness.argo.counters.refused, { [Status.EPERM]: 1, [Status.EACCES]: 1, [Status.ECONNREFUSED]: 1 });
});

// Ordered sends

core('after an EAGAIN ordered sends to that ring are refused until one resumes, so that none overtakes', async () => {
  const harness = await CoreHarness.open('a', 'b');
  const { value } = harness.register('b', 'ANY', { length: 64 });
  const { ordered, resume } = SendFlag;
  const say = (payload: string, flags: number): number => harness.send('a', 'b', { payload, flags });
  assert.is(say('1'.repeat(32), ordered), Status.OK);
  assert.is(say('2'.repeat(32), ordered), Status.EAGAIN);
  harness.consume('b', value, 32);
  assert.is(say('3', ordered), Status.EAGAIN, 'although there is room');
  assert.is(say('free', 0), Status.OK, 'who did not ask for order is not held back');
  harness.consume('b', value, 4);
  assert.is(say('2'.repeat(32), ordered | resume), Status.OK);
  harness.consume('b', value, 32);
  assert.is(say('3', ordered), Status.OK);
});

core('what a sender asks of the broker is not passed on to the receiver', async () => {
  const harness = await CoreHarness.open('a', 'b');
  harness.register('b', 'ANY');
  harness.send('a', 'b', { flags: SendFlag.ordered | SendFlag.resume });
  assert.is(harness.at('b').messages[0]?.flags, 0);
});

core('a gate is of the session in which it closed', async () => {
  const harness = await CoreHarness.open('a', 'b');
  const { value } = harness.register('b', 'ANY', { length: 48 });
  harness.send('a', 'b', { payload: bytes(16), flags: SendFlag.ordered });
  assert.is(harness.send('a', 'b', { payload: bytes(16), flags: SendFlag.ordered }), Status.EAGAIN);
  harness.consume('b', value, 16);
  harness.disconnect('a');
  harness.connect('a');
  assert.is(harness.send('a', 'b', { payload: bytes(16), flags: SendFlag.ordered }), Status.OK);
});

// Routes

core('a route does not outlive what it was looked up in', async () => {
  const harness = await CoreHarness.open('a', 'b');
  assert.is(harness.send('a', 'b'), Status.ECONNREFUSED);
  harness.register('b', 'ANY');
  assert.is(harness.send('a', 'b'), Status.OK);
  harness.register('b', 'a');
  harness.send('a', 'b');
  assert.equal(
    harness.at('b').messages.map(({ id }) => id),
    [1, 2],
  );
  harness.disconnect('b');
  assert.is(harness.send('a', 'b'), Status.ECONNREFUSED);
});

core('look-ups of a sender are kept for a limited number of destinations', async () => {
  const harness = await CoreHarness.of({ domains: ['a', 'b'], rows: OPEN }, { routesPerDomain: 8 });
  for (let port = 1; port <= 100; port++) {
    harness.send('a', 'b', { port });
    harness.send('a', 'b', { destination: 500 + port });
    assert.ok(harness.state('a').routeCount <= 8);
  }
});

core('a receiver is told who a sender is before its first message, once', async () => {
  const harness = await CoreHarness.open('a', 'b', 'c');
  harness.register('b', 'ANY');
  harness.send('a', 'b');
  harness.send('c', 'b');
  harness.send('a', 'b');
  assert.equal(new Set(harness.at('b').introduced), new Set([harness.domid('a'), harness.domid('c')]));
});

// Names

for (const [label, rows, status] of [
  ['who may send to it', ['p, a, b, argo, send, allow'], Status.OK],
  ['who may take its messages', ['p, a, b, argo, register_single_source, allow'], Status.OK],
  ['nobody else', [], Status.EACCES],
] as const) {
  core(`a name is told to ${label}`, async () => {
    const harness = await CoreHarness.of({ domains: ['a', 'b'], rows: ['p, @any, broker, argo, *, allow', ...rows] });
    const answer = harness.argo.resolve(harness.state('a'), 'b');
    assert.is(answer.status, status);
    assert.is(answer.value, status === Status.OK ? harness.domid('b') : 0);
    const unknown = harness.argo.resolve(harness.state('a'), 'toString');
    assert.equal(unknown, { status: Status.EACCES, value: 0, recorded: true });
  });
}

// Handles, ends

core('handles tell nothing about the rings of others', async () => {
  const harness = await CoreHarness.open('a', 'b');
  for (let port = 1; port <= 20; port++) harness.register('a', 'ANY', { port });
  assert.is(harness.register('b', 'ANY').value, 1);
  assert.is(harness.argo.credit(harness.state('b'), 2, 0), false, 'a ring of somebody else is no ring');
});

core('a credit that crosses the end of its ring is no fault', async () => {
  const harness = await CoreHarness.open('a', 'b');
  const { value } = harness.register('b', 'ANY');
  harness.send('a', 'b');
  harness.unregister('b', 'ANY');
  assert.is(harness.argo.credit(harness.state('b'), value, 16), true);
});

core(
  'a ring that policy no longer permits is closed: the owner is told, senders learn what was not consumed',
  async () => {
    const harness = await CoreHarness.of({ domains: ['a', 'b'], rows: OPEN });
    const { value } = harness.register('b', 'ANY');
    harness.send('a', 'b', { payload: 'x' });
    await harness.adopt({ domains: ['a', 'b'], rows: [...OPEN, 'p, b, broker, argo, register_any_source, deny'] });
    assert.equal(harness.at('b').of(Op.ringClosed), [{ op: Op.ringClosed, ring: value, status: Status.EACCES }]);
    assert.equal(harness.at('a').of(Op.peerGone), [
      { op: Op.peerGone, domid: harness.domid('b'), port: PORT, messages: 1, bytes: 32 },
    ]);
    assert.is(harness.state('b').ports.size, 0);
    assert.ok(harness.log.includes('ring.revoked EXPLICIT_DENY b>broker register_any_source'), harness.log.join('\n'));
    assert.ok(harness.log.some((line) => line.startsWith('send.undelivered PEER_GONE a>b')));
  },
);

core('a domain that changes its domid is another domain', async () => {
  const harness = await CoreHarness.open('a', 'b');
  harness.register('b', 'a');
  assert.equal((await harness.adopt({ domains: ['b:1', 'a:2'], rows: OPEN })).sort(), ['a', 'b']);
  assert.is(harness.state('a').sink, null);
  assert.is(harness.state('b').ports.size, 0);
});

core('the end of a session is told once to owners that expect the domain, if it may send to them', async () => {
  const harness = await CoreHarness.of({
    domains: ['a', 'b', 'c', 'd'],
    rows: [...OPEN, 'p, a, c, argo, send, deny'],
  });
  for (const owner of ['b', 'c']) for (const port of [1, 2]) harness.register(owner, 'a', { port });
  harness.register('d', 'ANY');
  harness.disconnect('a');
  assert.equal(harness.at('b').of(Op.peerGone), [
    { op: Op.peerGone, domid: harness.domid('a'), port: PORT_ALL, messages: 0, bytes: 0 },
  ]);
  assert.equal(harness.at('c').of(Op.peerGone), [], 'policy keeps them apart: c learns nothing about a');
  assert.equal(harness.at('d').of(Op.peerGone), []);
});

core('after everybody has gone nothing is left', async () => {
  const harness = await CoreHarness.open('a', 'b', 'c');
  for (const owner of ['a', 'b', 'c']) {
    harness.register(owner, 'ANY', { length: 64 });
    harness.register(owner, owner, { port: 5 });
  }
  for (const from of ['a', 'b', 'c']) for (const to of ['a', 'b', 'c']) harness.send(from, to, { payload: bytes(16) });
  for (const name of ['a', 'b', 'c']) harness.disconnect(name);
  for (const state of harness.argo.domains()) {
    assert.equal(
      [state.ports.size, state.ringsByHandle.size, state.ringBytes, state.routeCount, state.sink],
      [0, 0, 0, 0, null],
    );
  }
});

const STRICT_ROWS = [...OPEN, 'p, @any, @any, strict, *, allow'];
const STRICT_PORT = 1001;

core('strict: a message is recorded by itself, and the receiver is held before it is delivered', async () => {
  const harness = await CoreHarness.of({ domains: ['a', 'b'], rows: STRICT_ROWS });
  harness.register('b', 'ANY', { port: STRICT_PORT });
  assert.is(harness.send('a', 'b', { port: STRICT_PORT, payload: 'first' }), Status.OK);
  assert.is(harness.send('a', 'b', { port: STRICT_PORT, payload: 'second' }), Status.OK);
  assert.equal(harness.at('b').holds, [0, 1]);
  const recorded = harness.audit.records.filter(({ event }) => event === 'send.allowed');
  assert.equal(
    recorded.map(({ class: name, bytes: size, detail }) => [name, size, detail]),
    [
      ['strict', 5, { strict: true }],
      ['strict', 6, { strict: true }],
    ],
  );
});

core('strict: what the log does not admit is refused before the ring, and may be sent again', async () => {
  const harness = await CoreHarness.of({ domains: ['a', 'b'], rows: STRICT_ROWS });
  harness.register('b', 'ANY', { port: STRICT_PORT });
  harness.audit.admits = false;
  assert.is(harness.send('a', 'b', { port: STRICT_PORT, flags: SendFlag.ordered }), Status.EBUSY);
  untouched(harness);
  harness.audit.admits = true;
  assert.is(
    harness.send('a', 'b', { port: STRICT_PORT, flags: SendFlag.ordered }),
    Status.EAGAIN,
    'a later message must not overtake the refused one',
  );
  assert.is(harness.send('a', 'b', { port: STRICT_PORT, flags: SendFlag.ordered | SendFlag.resume }), Status.OK);
});

core.run();
