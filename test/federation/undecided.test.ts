/** What waits for another broker's decision, and what that broker's bytes can be. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Accounts } from '../../broker/core/accounts.ts';
import type { FrameSink } from '../../broker/core/index.ts';
import { decodeFederationFrame, encodeFederationFrame, FederationOp } from '../../broker/federation/frames.ts';
import {
  MAX_QUESTIONS,
  MAX_QUESTIONS_PER_DOMAIN,
  MAX_UNDECIDED_BYTES,
  MAX_UNDECIDED_SENDS,
  UNDECIDED_HELD_BYTES,
} from '../../broker/federation/limits.ts';
import { Questions } from '../../broker/federation/remote-questions.ts';
import { decodeReport, encodeReport } from '../../broker/federation/report.ts';
import { Undecided } from '../../broker/federation/undecided.ts';
import { seededRandom } from '../support/seed.ts';

const OUTLET: FrameSink = {
  departed: 0,
  deliver: () => {},
  holdForRecords: () => {},
  event: () => {},
  introduce: () => {},
};
const ACCOUNTS = new Accounts(2 ** 40);
const account = ACCOUNTS.open('sender');
const send = (id: number, since = id) => ({ sink: OUTLET, account, id, bytes: 10, since });

const undecided = suite('undecided sends');

undecided('an acknowledgement takes out all before it, oldest first; a refusal one, at any place', () => {
  const waiting = new Undecided();
  assert.equal(
    [7, 8, 9, 10].map((id) => waiting.push(send(id))),
    [1, 2, 3, 4],
  );
  assert.is(waiting.refuse(2)?.id, 8);
  assert.is(waiting.refuse(2), null);
  assert.equal(
    waiting.acceptThrough(3)?.map(({ id }) => id),
    [7, 9],
  );
  assert.is(waiting.bytes, 10);
  assert.is(waiting.oldest, 10);
  assert.equal(waiting.acceptThrough(2), []);
});

undecided(
  'a sender has a share of the bound, in bytes and in number; a single one of any length may always go out',
  () => {
    const waiting = new Undecided();
    const other = ACCOUNTS.open('other');
    assert.not(waiting.isFull(account, MAX_UNDECIDED_BYTES + 1));
    const half = MAX_UNDECIDED_SENDS / 2;
    for (let id = 1; id < half; id++) waiting.push(send(id));
    assert.not(waiting.isFull(account, 10));
    waiting.push(send(half));
    assert.ok(waiting.isFull(account, 10));
    assert.not(waiting.isFull(other, MAX_UNDECIDED_BYTES));
    waiting.acceptThrough(1);
    assert.not(waiting.isFull(account, 10));
    waiting.drain();
    waiting.push({ ...send(1), bytes: MAX_UNDECIDED_BYTES / 2 });
    assert.ok(waiting.isFull(account, 1));
    waiting.push({ ...send(2), account: other, bytes: MAX_UNDECIDED_BYTES / 12 });
    assert.not(waiting.isFull(other, MAX_UNDECIDED_BYTES / 12));
    waiting.drain();
    assert.not(waiting.isFull(account, MAX_UNDECIDED_BYTES));
  },
);

undecided('whatever n senders have waiting, the next one gets a part of the bound', () => {
  const waiting = new Undecided();
  // Long enough that the bound of bytes comes before the one of sends.
  const MESSAGE_BYTES = 2_000;
  for (let users = 1; users <= 20; users++) {
    const sender = ACCOUNTS.open(`sender ${users}`);
    let sent = 0;
    while (!waiting.isFull(sender, MESSAGE_BYTES)) {
      waiting.push({ ...send(users), account: sender, bytes: MESSAGE_BYTES });
      sent++;
    }
    assert.ok(
      sent * MESSAGE_BYTES >= Math.floor(MAX_UNDECIDED_BYTES / (users * (users + 1))) - MESSAGE_BYTES,
      `${sent} of ${users}`,
    );
  }
  assert.ok(waiting.bytes < MAX_UNDECIDED_BYTES);
});

undecided('the copies are charged to their sender until they are decided, and one without room is not taken', () => {
  const accounts = new Accounts(10_000);
  const [poor, other] = [accounts.open('poor'), accounts.open('other')];
  const waiting = new Undecided();
  const held = 1_000 + UNDECIDED_HELD_BYTES;
  const of = (id: number) => ({ ...send(id), account: poor, bytes: 1_000 });
  for (const id of [1, 2, 3]) assert.is(waiting.push(of(id)), id);
  assert.is(waiting.push(of(4)), null);
  assert.is(poor.held, 3 * held);
  assert.is(waiting.bytes, 3_000);
  assert.is(waiting.push({ ...of(4), account: other }), 4);
  waiting.refuse(2);
  assert.is(poor.held, 2 * held);
  waiting.acceptThrough(3);
  assert.is(poor.held, 0);
  assert.is(other.held, held);
  waiting.drain();
  assert.is(other.held, 0);
});

undecided('what was never sent can be neither acknowledged nor refused', () => {
  const waiting = new Undecided();
  waiting.push(send(1));
  assert.is(waiting.acceptThrough(2), null);
  assert.is(waiting.refuse(2), null);
  assert.is(waiting.refuse(0), null);
});

undecided('every send is answered exactly once, however answers are mixed', () => {
  const random = seededRandom();
  for (let round = 0; round < 200; round++) {
    const waiting = new Undecided();
    const answered: number[] = [];
    let sent = 0;
    for (let step = 0; step < 50; step++) {
      const turn = random.below(4);
      if (turn < 2) waiting.push(send(++sent));
      else if (turn === 2) {
        const one = waiting.refuse(1 + random.below(sent + 1));
        if (one !== null) answered.push(one.id);
      } else for (const one of waiting.acceptThrough(random.below(sent + 1)) ?? []) answered.push(one.id);
    }
    answered.push(...waiting.drain().map(({ id }) => id));
    assert.equal(
      answered.sort((a, b) => a - b),
      Array.from({ length: sent }, (_, i) => i + 1),
    );
    assert.is(waiting.bytes, 0);
  }
});

undecided.run();

const questions = suite('questions to another broker');

questions('each is answered once, by its id; those that are left are given back', () => {
  const open = new Questions();
  const ask = (caller: object, since: number) => open.push({ caller, count: 1, since, answered: () => {} });
  const caller = {};
  assert.equal([ask(caller, 5), ask(caller, 6)], [1, 2]);
  assert.is(open.oldest, 5);
  assert.is(open.take(1)?.since, 5);
  assert.is(open.take(1), null);
  assert.is(open.oldest, 6);
  assert.equal(
    open.drain().map(({ since }) => since),
    [6],
  );
  assert.is(open.oldest, null);
});

questions('no domain can have so many open that others cannot ask', () => {
  const open = new Questions();
  const ask = (caller: object) => open.push({ caller, count: 1, since: 0, answered: () => {} });
  for (let domain = 0; domain < MAX_QUESTIONS / MAX_QUESTIONS_PER_DOMAIN; domain++) {
    const caller = {};
    for (let i = 0; i < MAX_QUESTIONS_PER_DOMAIN; i++) assert.is.not(ask(caller), null);
    assert.is(ask(caller), null);
  }
  assert.is(ask({}), null, 'in all they are bounded too');
});

questions.run();

const frames = suite('frames between brokers');

frames('a frame reads back as it was written; a broken header is none', () => {
  const bytes = encodeFederationFrame(FederationOp.event, 0x7fef, Uint8Array.of(1, 2, 3));
  const read = decodeFederationFrame(bytes, 0, bytes.length);
  assert.equal([read?.op, read?.domid, [...(read?.body ?? [])]], [FederationOp.event, 0x7fef, [1, 2, 3]]);
  for (const [at, value] of [
    [4, 0xef],
    [5, 1],
    [6, 1],
    [7, 1],
  ] as const) {
    assert.is(decodeFederationFrame(bytes.with(at, value), 0, bytes.length), null);
  }
  assert.is(decodeFederationFrame(bytes, 0, 11), null);
});

frames('random bytes are read or refused, never thrown at', () => {
  const random = seededRandom(1);
  const good = encodeReport({
    revision: 1,
    policy: 'p',
    grants: 0,
    sessions: 2,
    auditRecords: 3,
    auditHead: 'h',
    at: 4,
  });
  assert.is(decodeReport(good)?.sessions, 2);
  for (let i = 0; i < 5_000; i++) {
    const noise = random.mutate(random.oneIn(2) ? new Uint8Array(good) : random.bytes(40));
    decodeReport(noise);
    decodeFederationFrame(noise, 0, noise.length);
  }
});

frames.run();
