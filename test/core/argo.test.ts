/**
 * The order of sendv's checks, one test per check: each fails when only that check is deleted. Then quotas, routes,
 * order gates, and the state after rings and sessions have ended.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Op, SendFlag, Status } from '../../broker/wire/index.ts';
import { CoreHarness, OPEN, PORT } from '../support/core/harness.ts';

const core = suite('argo');
const bytes = (length: number): Uint8Array => new Uint8Array(length);

/** Asserts that no message arrived, and that no bytes were charged. */
function untouched(stage: CoreHarness, name = 'b'): void {
  assert.equal(stage.at(name).messages, []);
  for (const ring of stage.state(name).ringsByHandle.values()) assert.is(ring.used, 0);
  assert.is(stage.argo.counters.messages, 0);
}

core('log writable: nothing is accepted while denials and sends cannot be recorded', async () => {
  const stage = await CoreHarness.open('a', 'b');
  stage.register('b', 'ANY');
  stage.audit.setHealthy(false);
  assert.is(stage.send('a', 'b'), Status.EIO);
  assert.is(stage.send('a', 'b', { source: 99 }), Status.EIO);
  untouched(stage);
  stage.audit.setHealthy(true);
  assert.is(stage.send('a', 'b'), Status.OK);
});

core(
  'enable: a domain that may not use the broker sends nothing, although it may send by every other rule',
  async () => {
    const rows = ['p, b, broker, argo, *, allow', ...OPEN.slice(1)];
    const stage = await CoreHarness.of({ domains: ['a', 'b'], rows });
    stage.register('b', 'ANY');
    assert.is(stage.send('a', 'b'), Status.EACCES);
    assert.equal(stage.denials(), ['session.refused NO_RULE a>broker enable']);
    untouched(stage);
  },
);

for (const [label, options] of [
  ['an unknown flag', { flags: 4 }],
  ['all flags', { flags: 0xff }],
  ['reserved bits', { reserved: 1 }],
] as const) {
  core(`shape: ${label} is EINVAL`, async () => {
    const stage = await CoreHarness.open('a', 'b');
    stage.register('b', 'ANY');
    assert.is(stage.send('a', 'b', options), Status.EINVAL);
    untouched(stage);
  });
}

core('source: nobody sends in the name of another', async () => {
  const stage = await CoreHarness.open('a', 'b', 'c');
  stage.register('b', 'ANY');
  stage.register('b', 'c');
  assert.is(stage.send('a', 'b', { source: stage.domid('c') }), Status.EPERM);
  untouched(stage);
});

core('source port: nobody names a port of another, nor one that it has closed', async () => {
  const stage = await CoreHarness.open('a', 'b');
  stage.register('b', 'ANY');
  assert.is(stage.send('a', 'b', { sourcePort: PORT }), Status.EPERM);
  untouched(stage);
});

core('destination: one that nobody has is a denial, with a record and no route', async () => {
  const stage = await CoreHarness.open('a', 'b');
  assert.is(stage.send('a', 'b', { destination: 77 }), Status.EACCES);
  assert.equal(stage.denials(), ['send.denied UNKNOWN_DESTINATION a>broker send']);
});

core('hook argo:send: the class of the port does not help without it', async () => {
  const stage = await CoreHarness.of({ domains: ['a', 'b'], rows: [...OPEN, 'p, a, b, argo, send, deny'] });
  stage.register('b', 'ANY');
  assert.is(stage.send('a', 'b'), Status.EACCES);
  untouched(stage);
});

core('hook of the class: argo:send does not help without it, nor on a port that no class claims', async () => {
  const stage = await CoreHarness.of({ domains: ['a', 'b'], rows: [...OPEN, 'p, a, b, data, send, deny'] });
  stage.register('b', 'ANY');
  stage.register('b', 'ANY', { port: 4000 });
  assert.is(stage.send('a', 'b'), Status.EACCES);
  assert.is(stage.send('a', 'b', { port: 4000 }), Status.EACCES);
  assert.equal(
    stage.audit.records.slice(-2).map((record) => record.class),
    ['data', 'unclassified'],
  );
  untouched(stage);
});

core('inspector: the permission is that of the message, not of the port', async () => {
  const stage = await CoreHarness.of({ domains: ['a', 'b'], rows: [...OPEN, 'p, a, b, control, sink-cork, allow'] });
  stage.register('b', 'ANY', { port: 4714 });
  const say = (...code: number[]): number => stage.send('a', 'b', { port: 4714, payload: Uint8Array.from(code) });
  assert.is(say(0, 0, 2, 0), Status.OK);
  assert.is(say(1, 0, 1, 0), Status.EACCES);
  assert.is(say(1, 2, 3, 4), Status.EACCES);
  assert.equal(stage.denials(), ['send.denied NO_RULE a>b source-start', 'send.denied NO_RULE a>b other']);
});

core('inspector: what is no message of the class is EINVAL, with a record, whatever policy says', async () => {
  const stage = await CoreHarness.of({ domains: ['a', 'b'], rows: [...OPEN, 'p, a, b, pcm, *, allow'] });
  stage.register('b', 'ANY', { port: 4713 });
  assert.is(stage.send('a', 'b', { port: 4713, payload: bytes(5) }), Status.EINVAL);
  assert.match(stage.denials()[0] ?? '', /^send\.denied MALFORMED a>b/);
  assert.ok(stage.lastSend.recorded);
  untouched(stage);
});

core('ring: without one it is ECONNREFUSED, and nothing is counted as a flow', async () => {
  const stage = await CoreHarness.open('a', 'b');
  for (let port = 1; port <= 200; port++) assert.is(stage.send('a', 'b', { port }), Status.ECONNREFUSED);
  stage.audit.flushFlows();
  assert.equal(stage.log, []);
});

core('size: larger than the ring could ever take is EMSGSIZE with the size that it takes', async () => {
  const stage = await CoreHarness.open('a', 'b');
  stage.register('b', 'ANY', { length: 48 });
  assert.is(stage.send('a', 'b', { payload: bytes(17) }), Status.EMSGSIZE);
  assert.equal(stage.lastSend, { status: Status.EMSGSIZE, recorded: false, maxMessageSize: 16 });
  assert.is(stage.send('a', 'b', { payload: bytes(16) }), Status.OK);
  assert.is(stage.send('a', 'b', { payload: bytes(16) }), Status.EAGAIN);
  assert.equal(stage.lastSend, { status: Status.EAGAIN, recorded: false, maxMessageSize: 0 });
});

core('quota: one sender cannot keep the others out of a wildcard ring', async () => {
  const stage = await CoreHarness.open('a', 'b', 'c');
  const { value } = stage.register('b', 'ANY', { length: 1024 });
  while (stage.send('a', 'b', { payload: bytes(48) }) === Status.OK);
  assert.is(stage.send('c', 'b', { payload: bytes(48) }), Status.EAGAIN);
  for (let i = 0; i < 8; i++) {
    stage.consume('b', value, 48);
    // The flooder is always first, but c still gets its part.
    stage.send('a', 'b', { payload: bytes(48) });
    stage.send('c', 'b', { payload: bytes(48) });
  }
  const shares = [...(stage.state('b').ringsByHandle.get(value)?.activeShares() ?? [])];
  assert.ok(
    shares.every((share) => share.bytes <= 512),
    shares.map(({ bytes }) => bytes).join(),
  );
  assert.is(shares.length, 2);
});

core('quota: the rings of a domain together have a limit', async () => {
  const stage = await CoreHarness.of({ domains: ['a'], rows: OPEN }, { ringBytesPerDomain: 128 });
  assert.is(stage.register('a', 'ANY', { port: 1, length: 64 }).status, Status.OK);
  assert.is(stage.register('a', 'ANY', { port: 2, length: 80 }).status, Status.ENOMEM);
  assert.is(stage.register('a', 'ANY', { port: 2, length: 64 }).status, Status.OK);
  assert.is(stage.register('a', 'ANY', { port: 3, length: 48 }).status, Status.ENOMEM);
  stage.unregister('a', 'ANY', 1);
  assert.is(stage.register('a', 'ANY', { port: 3, length: 48 }).status, Status.OK);
});

core('audit: what was allowed is counted for its flow, message by message and byte by byte', async () => {
  const stage = await CoreHarness.open('a', 'b');
  stage.register('b', 'ANY');
  for (const length of [0, 10, 20]) stage.send('a', 'b', { payload: bytes(length) });
  stage.unregister('b', 'ANY');
  const flow = stage.audit.records.find(({ event }) => event === 'flow');
  assert.equal([flow?.messages, flow?.bytes, flow?.port, flow?.class], [3, 30, PORT, 'data']);
  assert.equal([stage.argo.counters.messages, stage.argo.counters.bytes], [3, 30]);
});

core('refusals are counted under the status that was answered', async () => {
  const stage = await CoreHarness.open('a', 'b');
  stage.send('a', 'b', { source: 99 });
  stage.send('a', 'b', { destination: 99 });
  stage.send('a', 'b');
  assert.equal(stage.argo.counters.refused, { [Status.EPERM]: 1, [Status.EACCES]: 1, [Status.ECONNREFUSED]: 1 });
});

// Ordered sends

core('after an EAGAIN ordered sends to that ring are refused until one resumes, so that none overtakes', async () => {
  const stage = await CoreHarness.open('a', 'b');
  const { value } = stage.register('b', 'ANY', { length: 64 });
  const { ordered, resume } = SendFlag;
  const say = (payload: string, flags: number): number => stage.send('a', 'b', { payload, flags });
  assert.is(say('1'.repeat(32), ordered), Status.OK);
  assert.is(say('2'.repeat(32), ordered), Status.EAGAIN);
  stage.consume('b', value, 32);
  assert.is(say('3', ordered), Status.EAGAIN, 'although there is room');
  assert.is(say('free', 0), Status.OK, 'who did not ask for order is not held back');
  stage.consume('b', value, 4);
  assert.is(say('2'.repeat(32), ordered | resume), Status.OK);
  stage.consume('b', value, 32);
  assert.is(say('3', ordered), Status.OK);
});

core('what a sender asks of the broker is not passed on to the receiver', async () => {
  const stage = await CoreHarness.open('a', 'b');
  stage.register('b', 'ANY');
  stage.send('a', 'b', { flags: SendFlag.ordered | SendFlag.resume });
  assert.is(stage.at('b').messages[0]?.flags, 0);
});

core('a gate is of the session in which it closed', async () => {
  const stage = await CoreHarness.open('a', 'b');
  const { value } = stage.register('b', 'ANY', { length: 48 });
  stage.send('a', 'b', { payload: bytes(16), flags: SendFlag.ordered });
  assert.is(stage.send('a', 'b', { payload: bytes(16), flags: SendFlag.ordered }), Status.EAGAIN);
  stage.consume('b', value, 16);
  stage.disconnect('a');
  stage.connect('a');
  assert.is(stage.send('a', 'b', { payload: bytes(16), flags: SendFlag.ordered }), Status.OK);
});

// Routes

core('a route does not outlive what it was looked up in', async () => {
  const stage = await CoreHarness.open('a', 'b');
  assert.is(stage.send('a', 'b'), Status.ECONNREFUSED);
  stage.register('b', 'ANY');
  assert.is(stage.send('a', 'b'), Status.OK);
  stage.register('b', 'a');
  stage.send('a', 'b');
  assert.equal(
    stage.at('b').messages.map(({ id }) => id),
    [1, 2],
  );
  stage.disconnect('b');
  assert.is(stage.send('a', 'b'), Status.ECONNREFUSED);
});

core('look-ups of a sender are kept for a limited number of destinations', async () => {
  const stage = await CoreHarness.of({ domains: ['a', 'b'], rows: OPEN }, { routesPerDomain: 8 });
  for (let port = 1; port <= 100; port++) {
    stage.send('a', 'b', { port });
    stage.send('a', 'b', { destination: 500 + port });
    assert.ok(stage.state('a').routeCount <= 8);
  }
});

core('a receiver is told who a sender is before its first message, once', async () => {
  const stage = await CoreHarness.open('a', 'b', 'c');
  stage.register('b', 'ANY');
  stage.send('a', 'b');
  stage.send('c', 'b');
  stage.send('a', 'b');
  assert.equal(new Set(stage.at('b').introduced), new Set([stage.domid('a'), stage.domid('c')]));
});

// Names

for (const [label, rows, status] of [
  ['who may send to it', ['p, a, b, argo, send, allow'], Status.OK],
  ['who may take its messages', ['p, a, b, argo, register_single_source, allow'], Status.OK],
  ['nobody else', [], Status.EACCES],
] as const) {
  core(`a name is told to ${label}`, async () => {
    const stage = await CoreHarness.of({ domains: ['a', 'b'], rows: ['p, @any, broker, argo, *, allow', ...rows] });
    const answer = stage.argo.resolve(stage.state('a'), 'b');
    assert.is(answer.status, status);
    assert.is(answer.value, status === Status.OK ? stage.domid('b') : 0);
    const unknown = stage.argo.resolve(stage.state('a'), 'toString');
    assert.equal(unknown, { status: Status.EACCES, value: 0, recorded: true });
  });
}

// Handles, ends

core('handles tell nothing about the rings of others', async () => {
  const stage = await CoreHarness.open('a', 'b');
  for (let port = 1; port <= 20; port++) stage.register('a', 'ANY', { port });
  assert.is(stage.register('b', 'ANY').value, 1);
  assert.is(stage.argo.credit(stage.state('b'), 2, 0), false, 'a ring of somebody else is no ring');
});

core('a credit that crosses the end of its ring is no fault', async () => {
  const stage = await CoreHarness.open('a', 'b');
  const { value } = stage.register('b', 'ANY');
  stage.send('a', 'b');
  stage.unregister('b', 'ANY');
  assert.is(stage.argo.credit(stage.state('b'), value, 16), true);
});

core(
  'a ring that policy no longer permits is closed: the owner is told, senders learn what was not consumed',
  async () => {
    const stage = await CoreHarness.of({ domains: ['a', 'b'], rows: OPEN });
    const { value } = stage.register('b', 'ANY');
    stage.send('a', 'b', { payload: 'x' });
    await stage.adopt({ domains: ['a', 'b'], rows: [...OPEN, 'p, b, broker, argo, register_any_source, deny'] });
    assert.equal(stage.at('b').of(Op.ringClosed), [{ op: Op.ringClosed, ring: value, status: Status.EACCES }]);
    assert.equal(stage.at('a').of(Op.peerGone), [
      { op: Op.peerGone, domid: stage.domid('b'), port: PORT, messages: 1, bytes: 32 },
    ]);
    assert.is(stage.state('b').ports.size, 0);
    assert.ok(stage.log.includes('ring.revoked EXPLICIT_DENY b>broker register_any_source'), stage.log.join('\n'));
    assert.ok(stage.log.some((line) => line.startsWith('send.undelivered PEER_GONE a>b')));
  },
);

core('a domain that changes its domid is another domain', async () => {
  const stage = await CoreHarness.open('a', 'b');
  stage.register('b', 'a');
  assert.equal((await stage.adopt({ domains: ['b:1', 'a:2'], rows: OPEN })).sort(), ['a', 'b']);
  assert.is(stage.state('a').sink, null);
  assert.is(stage.state('b').ports.size, 0);
});

core('after everybody has gone nothing is left', async () => {
  const stage = await CoreHarness.open('a', 'b', 'c');
  for (const owner of ['a', 'b', 'c']) {
    stage.register(owner, 'ANY', { length: 64 });
    stage.register(owner, owner, { port: 5 });
  }
  for (const from of ['a', 'b', 'c']) for (const to of ['a', 'b', 'c']) stage.send(from, to, { payload: bytes(16) });
  for (const name of ['a', 'b', 'c']) stage.disconnect(name);
  for (const state of stage.argo.domains()) {
    assert.equal(
      [state.ports.size, state.ringsByHandle.size, state.ringBytes, state.routeCount, state.sink],
      [0, 0, 0, 0, null],
    );
  }
});

core.run();
