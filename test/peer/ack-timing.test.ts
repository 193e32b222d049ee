import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AckTiming } from '../../broker/peer/ack-timing.ts';
import { FIRST_PACE_TRIAL, MAX_PACE_TRIAL, PACE_MS, PACED_ACK_DELAY_MS } from '../../broker/process/limits.ts';
import { FakeClock } from '../support/clock.ts';

const timing = suite('acknowledgements that may wait for company');

/** A peer whose records come `PACE_MS` apart unless told otherwise. */
class Sender {
  readonly acks: AckTiming;
  dues = 0;
  readonly #timers = new FakeClock();
  lastId = 0;
  #now = 0;

  constructor() {
    this.acks = new AckTiming(() => void this.dues++, this.#timers.after);
  }

  /** True when the acknowledgement is sent at once. */
  sends(apartMs = PACE_MS): boolean {
    this.#now += apartMs;
    this.acks.sent(++this.lastId, this.#now);
    if (!this.acks.isDue) return false;
    assert.is(this.acks.take(), this.lastId);
    return true;
  }

  /** What is kept becomes due. */
  overdue(): void {
    this.#timers.advance(PACED_ACK_DELAY_MS);
  }

  /** Sends until one is kept: how many were not. */
  untilKept(): number {
    for (let count = 0; count <= MAX_PACE_TRIAL; count++) if (!this.sends()) return count;
    throw new Error('none was kept');
  }

  /** A peer that has shown that it sends `records` without an answer. */
  static stream(records = 2): Sender {
    const sender = new Sender();
    for (let known = 1; known < records; known++) {
      for (let occasion = 1; occasion < FIRST_PACE_TRIAL; occasion++) sender.sendsUntilAnswered();
      assert.is(sender.sendsUntilAnswered(), known + 1);
    }
    return sender;
  }

  sendsUntilAnswered(): number {
    let records = 1;
    while (!this.sends()) records++;
    return records;
  }
}

timing('the first one does not wait', () => {
  const sender = new Sender();
  assert.is(sender.sends(), true);
  assert.is(sender.dues, 1);
  assert.is(sender.acks.take(), null);
});

timing('who sends on as soon as it is answered never waits', () => {
  const sender = new Sender();
  for (let count = 0; count < 2 * MAX_PACE_TRIAL; count++) assert.ok(sender.sends(PACE_MS / 2));
});

timing('in a conversation one is kept, and taken once', () => {
  const { acks } = new Sender();
  acks.delivered();
  acks.sent(7, 0);
  assert.not(acks.isDue);
  assert.is(acks.take(), 7);
  assert.is(acks.take(), null);
  acks.cancel();
});

timing('a later one replaces an earlier one: they are cumulative', () => {
  const { acks } = new Sender();
  acks.delivered();
  acks.sent(7, 0);
  acks.delivered();
  acks.sent(9, 0);
  assert.not(acks.isDue);
  assert.is(acks.take(), 9);
  acks.cancel();
});

timing('a conversation ends with the first record that no delivery preceded', () => {
  const sender = new Sender();
  sender.acks.delivered();
  assert.not(sender.sends());
  assert.ok(sender.sends());
  sender.acks.cancel();
});

timing('what nothing came to carry is due after a while, and still there to be taken', () => {
  const sender = new Sender();
  sender.acks.delivered();
  sender.sends();
  sender.overdue();
  assert.ok(sender.acks.isDue);
  assert.is(sender.acks.take(), 1);
});

timing('what was taken or cancelled is never due', () => {
  const [taken, cancelled, last] = [new Sender(), new Sender(), new Sender()];
  for (const sender of [taken, cancelled, last]) {
    sender.acks.delivered();
    sender.sends();
  }
  taken.acks.take();
  cancelled.acks.cancel();
  for (const sender of [taken, cancelled, last]) sender.overdue();
  assert.is(taken.dues, 0);
  assert.is(cancelled.dues, 0);
});

timing(
  'a paced stream is acknowledged every so many records as it has sent without an answer, and one is tried more',
  () => {
    const sender = Sender.stream(3);
    const runs = Array.from({ length: 2 * FIRST_PACE_TRIAL }, () => sender.sendsUntilAnswered());
    assert.equal(runs, [
      ...new Array<number>(FIRST_PACE_TRIAL - 1).fill(3),
      ...new Array<number>(FIRST_PACE_TRIAL).fill(4),
      5,
    ]);
    sender.acks.cancel();
  },
);

timing('what came before it was overdue is what is known', () => {
  const sender = Sender.stream(4);
  for (let count = 0; count < 3; count++) assert.not(sender.sends());
  sender.overdue();
  assert.is(sender.acks.take(), sender.lastId);
  assert.is(sender.sendsUntilAnswered(), 3);
  sender.acks.cancel();
});

timing('a lone record of a paced stream is acknowledged after a while', () => {
  const sender = Sender.stream();
  assert.not(sender.sends());
  sender.overdue();
  assert.ok(sender.acks.isDue);
});

timing('a stream’s record that comes at once after another is acknowledged at once', () => {
  const sender = Sender.stream(3);
  assert.not(sender.sends());
  for (let count = 0; count < 10; count++) assert.ok(sender.sends(PACE_MS / 2));
});

timing('who pauses but waits is tried out ever more rarely', () => {
  const sender = new Sender();
  const between: number[] = [];
  for (let trial = 0; trial < 3; trial++) {
    between.push(sender.untilKept());
    sender.overdue();
    sender.acks.take();
  }
  assert.equal(
    between,
    [1, 2, 4].map((factor) => factor * FIRST_PACE_TRIAL - 1),
  );
});

timing('what is due stays due when another record comes before it is taken', () => {
  const { acks } = Sender.stream();
  acks.sent(1, 1_000);
  acks.sent(2, 2_000);
  assert.ok(acks.isDue);
  acks.sent(3, 3_000);
  assert.ok(acks.isDue);
  assert.is(acks.take(), 3);
});

timing('what rides on something else ends a trial neither way', () => {
  const sender = new Sender();
  sender.untilKept();
  assert.type(sender.acks.take(), 'number');
  assert.is(sender.untilKept(), 0);
  sender.acks.cancel();
});

timing('a refusal ends the trust in a stream', () => {
  const sender = Sender.stream();
  sender.acks.refused();
  assert.is(sender.untilKept(), FIRST_PACE_TRIAL - 1);
  sender.acks.cancel();
});

timing.run();
