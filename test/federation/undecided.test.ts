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
import { type DecidedSends, Undecided } from '../../broker/federation/undecided.ts';
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
const pushTo = (waiting: Undecided, id: number, { by = account, bytes = 10, since = id } = {}): number | null =>
  waiting.push(OUTLET, by, id, bytes, since);
/** The ids of these sends in their session. */
const idsOf = (sends: readonly DecidedSends[] | null): number[] =>
  (sends ?? []).flatMap(({ id, count }) => Array.from({ length: count }, (_, i) => id + i));

const undecided = suite('undecided sends');

undecided('an acknowledgement takes out all before it, oldest first; a refusal one, at any place', () => {
  const waiting = new Undecided();
  assert.equal(
    [7, 8, 9, 10].map((id) => pushTo(waiting, id)),
    [1, 2, 3, 4],
  );
  assert.equal(idsOf([waiting.refuse(2)].flatMap((one) => one ?? [])), [8]);
  assert.is(waiting.refuse(2), null);
  assert.equal(idsOf(waiting.acceptThrough(3)), [7, 9]);
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
    for (let id = 1; id < half; id++) pushTo(waiting, id);
    assert.not(waiting.isFull(account, 10));
    pushTo(waiting, half);
    assert.ok(waiting.isFull(account, 10));
    assert.not(waiting.isFull(other, MAX_UNDECIDED_BYTES));
    waiting.acceptThrough(1);
    assert.not(waiting.isFull(account, 10));
    waiting.drain();
    pushTo(waiting, 1, { bytes: MAX_UNDECIDED_BYTES / 2 });
    assert.ok(waiting.isFull(account, 1));
    pushTo(waiting, 2, { by: other, bytes: MAX_UNDECIDED_BYTES / 12 });
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
      pushTo(waiting, users, { by: sender, bytes: MESSAGE_BYTES });
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
  const pushOf = (id: number, by = poor) => pushTo(waiting, id, { by, bytes: 1_000 });
  for (const id of [1, 2, 3]) assert.is(pushOf(id), id);
  assert.is(pushOf(4), null);
  assert.is(poor.held, 3 * held);
  assert.is(waiting.bytes, 3_000);
  assert.is(pushOf(4, other), 4);
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
  pushTo(waiting, 1);
  assert.is(waiting.acceptThrough(2), null);
  assert.is(waiting.refuse(2), null);
  assert.is(waiting.refuse(0), null);
});

undecided('sends of one time are a run; each finds its outcome once, whatever the runs and the answers', () => {
  const random = seededRandom();
  const sinks = [{ ...OUTLET }, { ...OUTLET }];
  for (let round = 0; round < 200; round++) {
    const waiting = new Undecided();
    const accounts = sinks.map((_, i) => ACCOUNTS.open(`sender ${i}`));
    /** Undecided, by the id between the brokers. */
    const naive = new Map<number, { readonly sender: number; readonly id: number; readonly since: number }>();
    const lastIds = [0, 0];
    let [sent, since] = [0, 0];
    const settle = (places: readonly number[], outcome: readonly DecidedSends[] | null): void => {
      const expected = places.flatMap((place) => naive.get(place) ?? []).map(({ sender, id }) => ({ sender, id }));
      for (const place of places) naive.delete(place);
      const found = (outcome ?? []).flatMap((sends) =>
        idsOf([sends]).map((id) => ({ sender: sinks.indexOf(sends.sink), id })),
      );
      assert.equal(found, expected);
    };
    for (let step = 0; step < 60; step++) {
      const turn = random.below(8);
      if (turn === 0) since++;
      if (turn < 5) {
        const sender = random.below(4) === 0 ? 1 : 0;
        // Not all sends of a session go to this broker.
        const id = (lastIds[sender] ?? 0) + 1 + (random.below(6) === 0 ? 1 : 0);
        lastIds[sender] = id;
        assert.is(waiting.push(sinks[sender] ?? OUTLET, accounts[sender] ?? account, id, 10, since), ++sent);
        naive.set(sent, { sender, id, since });
      } else if (turn < 7) {
        const place = 1 + random.below(sent + 1);
        const refused = waiting.refuse(place);
        assert.is(refused !== null, naive.has(place));
        settle([place], refused === null ? [] : [refused]);
      } else {
        const through = random.below(sent + 1);
        settle(
          [...naive.keys()].filter((place) => place <= through),
          waiting.acceptThrough(through),
        );
      }
      assert.is(waiting.bytes, naive.size * 10);
      assert.is(waiting.oldest, naive.values().next().value?.since ?? null);
    }
    settle([...naive.keys()], waiting.drain());
    assert.equal([waiting.bytes, waiting.oldest, ...accounts.map(({ held }) => held)], [0, null, 0, 0]);
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
