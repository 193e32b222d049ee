/** A52 … A62: notify. */
import * as assert from 'uvu/assert';
import { Op, RingFlag, Status } from '../../broker/wire/index.ts';
import { CoreHarness, OPEN, PORT } from '../support/core/harness.ts';
import { statement } from './harness.ts';

const { exists, shared, empty, sufficient, emsgsize, ebusy } = RingFlag;
const bytes = (length: number): Uint8Array => new Uint8Array(length);

/** b's ring of 112 bytes is full; a waits for room for 16 bytes, c for 64. */
async function fullRing(): Promise<{ harness: CoreHarness; handle: number }> {
  const harness = await CoreHarness.open('a', 'b', 'c', 'd');
  const handle = harness.register('b', 'ANY', { length: 112 }).value;
  for (const payload of [16, 32]) harness.send('d', 'b', { payload: bytes(payload) });
  assert.is(harness.send('a', 'b', { payload: bytes(16) }), Status.EAGAIN);
  assert.is(harness.send('c', 'b', { payload: bytes(64) }), Status.EAGAIN);
  return { harness, handle };
}

const spaceEvents = (harness: CoreHarness, ...names: string[]): number[] =>
  names.map((name) => harness.at(name).of(Op.space).length);

statement('A52', undefined, async () => {
  const { harness, handle } = await fullRing();
  assert.is(harness.notify('b', null).status, Status.OK);
  assert.equal(spaceEvents(harness, 'a', 'c', 'd'), [0, 0, 0]);
  harness.consume('b', handle, 16);
  harness.notify('b', null);
  assert.equal(spaceEvents(harness, 'a', 'c', 'd'), [1, 0, 0], 'only what fits, and once');
  harness.consume('b', handle, 32);
  harness.notify('b', null);
  harness.notify('b', null);
  assert.equal(spaceEvents(harness, 'a', 'c', 'd'), [1, 1, 0]);
});

statement('A53', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b');
  harness.register('b', 'ANY');
  const queries = (count: number): { domid: number }[] =>
    Array.from({ length: count }, () => ({ domid: harness.domid('b') }));
  assert.is(harness.notify('a', queries(256)).answers.length, 256);
  assert.equal(harness.notify('a', queries(257)), { status: Status.EACCES, answers: [] });
});

statement('A53', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b', 'c');
  harness.register('b', 'ANY', { length: 112 });
  harness.send('a', 'b', { payload: bytes(16) });
  assert.is(harness.send('c', 'b', { payload: bytes(80) }), Status.EAGAIN);
  assert.is(harness.send('a', 'b', { payload: bytes(32) }), Status.EAGAIN, 'more than its share while c waits');
  harness.disconnect('c');
  assert.equal(spaceEvents(harness, 'a'), [0]);
  const queries = Array.from({ length: 257 }, () => ({ domid: 1 }));
  assert.is(harness.notify('b', queries).status, Status.EACCES);
  assert.equal(spaceEvents(harness, 'a'), [1]);
});

statement('A54', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b');
  const asked = harness.notify('a', [{ domid: harness.domid('b'), spaceRequired: 5 }]);
  assert.equal(asked, { status: Status.OK, answers: [{ flags: 0, maxMessageSize: 0 }] });
});

statement(
  'A54',
  { deviation: 'an entry for a domain that does not exist ends the call with EACCES, like one that policy denies' },
  async () => {
    const harness = await CoreHarness.of({ domains: ['a', 'b'], rows: ['p, @any, broker, argo, *, allow'] });
    const answers = [999, 0x7ff4, harness.domid('b')].map((domid) => harness.notify('a', [{ domid }]));
    assert.equal(
      answers,
      answers.map(() => ({ status: Status.EACCES, answers: [] })),
    );
  },
);

statement('A55', undefined, async () => {
  const harness = await CoreHarness.of({ domains: ['a', 'b', 'c'], rows: [...OPEN, 'p, a, c, argo, send, deny'] });
  harness.register('b', 'ANY', { length: 48 });
  harness.send('b', 'b', { payload: bytes(16) });
  const b = harness.domid('b');
  const asked = harness.notify('a', [{ domid: b }, { domid: harness.domid('c') }, { domid: b, spaceRequired: 16 }]);
  assert.is(asked.status, Status.EACCES);
  assert.equal(asked.answers, [{ flags: exists | shared, maxMessageSize: 16 }]);
  assert.equal(harness.denials(), ['send.denied EXPLICIT_DENY a>c send']);
});

statement('A56', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b');
  for (const [index, length] of [48, 64, 4096, 16_777_152].entries()) {
    const port = index + 1;
    harness.register('b', 'ANY', { port, length });
    const [answer] = harness.notify('a', [{ domid: harness.domid('b'), port }]).answers;
    assert.is((answer?.flags ?? 0) & exists, exists);
    assert.is(answer?.maxMessageSize, length - 32);
  }
});

statement('A57', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b', 'c');
  harness.register('b', 'ANY');
  harness.register('b', 'a');
  const flagsFor = (name: string): number =>
    harness.notify(name, [{ domid: harness.domid('b') }]).answers[0]?.flags ?? 0;
  assert.equal([flagsFor('a') & shared, flagsFor('c') & shared], [0, shared]);
});

statement('A58', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b');
  const { value } = harness.register('b', 'ANY');
  const flags = (): number => (harness.notify('a', [{ domid: harness.domid('b') }]).answers[0]?.flags ?? 0) & empty;
  assert.is(flags(), empty);
  harness.send('a', 'b');
  assert.is(flags(), 0, 'an empty message fills a slot');
  harness.consume('b', value, 0);
  assert.is(flags(), empty);
});

statement('A59', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b');
  const { value } = harness.register('b', 'ANY', { length: 64 });
  harness.send('a', 'b', { payload: bytes(32) });
  for (const spaceRequired of [33, 64, 0xffffffff]) {
    const [answer] = harness.notify('a', [{ domid: harness.domid('b'), spaceRequired }]).answers;
    assert.equal(answer, { flags: exists | shared | emsgsize, maxMessageSize: 32 });
  }
  harness.consume('b', value, 32);
  harness.notify('b', null);
  assert.equal(harness.at('a').events, []);
});

statement('A60', undefined, async () => {
  const { harness, handle } = await fullRing();
  // What is asked for is there: the wait of `a` ends, although it had waited for more.
  harness.send('a', 'b', { payload: bytes(64) });
  harness.consume('b', handle, 16);
  const [answer] = harness.notify('a', [{ domid: harness.domid('b'), spaceRequired: 16 }]).answers;
  assert.is((answer?.flags ?? 0) & sufficient, sufficient);
  harness.consume('b', handle, 32);
  harness.notify('b', null);
  assert.equal(spaceEvents(harness, 'a', 'c'), [0, 1]);
});

statement('A61', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b');
  const { value } = harness.register('b', 'a', { length: 112 });
  harness.send('a', 'b', { payload: bytes(32) });
  const [answer] = harness.notify('a', [{ domid: harness.domid('b'), spaceRequired: 80 }]).answers;
  assert.equal(answer, { flags: exists, maxMessageSize: 80 });
  harness.notify('b', null);
  assert.equal(spaceEvents(harness, 'a'), [0]);
  harness.consume('b', value, 32);
  harness.notify('b', null);
  assert.equal(harness.at('a').of(Op.space), [{ op: Op.space, domid: harness.domid('b'), port: PORT }]);
});

statement('A62', undefined, async () => {
  const senders = Array.from({ length: 34 }, (_, index) => `s${index}`);
  const harness = await CoreHarness.open('b', ...senders);
  harness.register('b', 'ANY', { length: 48 });
  for (const name of senders.slice(0, 33)) harness.send(name, 'b', { payload: bytes(16) });
  const domid = harness.domid('b');
  const asked = harness.notify('s33', [
    { domid, spaceRequired: 16 },
    { domid, port: PORT + 1 },
  ]);
  assert.equal(asked, {
    status: Status.OK,
    answers: [
      { flags: exists | shared | ebusy, maxMessageSize: 16 },
      { flags: 0, maxMessageSize: 0 },
    ],
  });
});

statement.run();
