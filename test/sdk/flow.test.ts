import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SendFlag, Status } from '../../broker/wire/index.ts';
import { Flow } from '../../clients/sdk/engine/sending/flow.ts';
import { HeldSend } from '../../clients/sdk/engine/sending/send.ts';
import { SendBuffer } from '../../clients/sdk/engine/sending/send-buffer.ts';
import { EAGAIN_RETRY_MS, EBUSY_RETRY_MS } from '../../clients/sdk/limits.ts';
import { FakeClock } from '../support/clock.ts';
import { Random } from '../support/random.ts';

const test = suite('sdk: the order of sends with a deadline');
const BOTH = SendFlag.ordered | SendFlag.resume;

function send(bytes: number): HeldSend {
  const place = { chunk: new SendBuffer(0), at: 0, isPlaced: false };
  return new HeldSend(bytes, place, {
    name: null,
    port: 1,
    deadlineAt: Number.POSITIVE_INFINITY,
    isOrdered: true,
    signal: null,
  });
}

class Wire {
  readonly clock = new FakeClock();
  /** [which send, flags] in the order written. */
  readonly written: [number, number][] = [];
  readonly inFlight: HeldSend[] = [];
  isUp = true;
  readonly flow = new Flow(2, 1, {
    transmit: (each, _flow, flags) => {
      this.written.push([each.bytes, flags]);
      this.inFlight.push(each);
    },
    wire: this,
    get isUp() {
      return this.wire.isUp;
    },
    schedule: this.clock.schedule,
  } as ConstructorParameters<typeof Flow>[2] & { readonly wire: Wire });

  submit(...ids: number[]): void {
    for (const id of ids) this.flow.submit(send(id));
  }

  accept(): void {
    const each = this.inFlight.shift();
    if (each === undefined) throw new Error('nothing in flight');
    each.phase = 'done';
    this.flow.accepted();
  }

  refuse(status: Status = Status.EAGAIN, isOver = false): boolean {
    const each = this.inFlight.shift();
    if (each === undefined) throw new Error('nothing in flight');
    return this.flow.refused(each, status, isOver);
  }

  /** What was written since the last call. */
  news(): [number, number][] {
    return this.written.splice(0);
  }
}

test('an open flow writes at once; the first send of a flow lifts what an earlier one may have left', () => {
  const wire = new Wire();
  wire.submit(1, 2);
  assert.equal(wire.news(), [
    [1, BOTH],
    [2, SendFlag.ordered],
  ]);
});

test('refused sends go again in their order, the first with resume, after space', () => {
  const wire = new Wire();
  wire.submit(1, 2, 3);
  wire.accept();
  wire.news();
  assert.ok(wire.refuse());
  wire.submit(4);
  assert.ok(wire.refuse());
  assert.equal(wire.news(), []);
  wire.flow.space();
  assert.equal(wire.news(), [
    [2, BOTH],
    [3, SendFlag.ordered],
    [4, SendFlag.ordered],
  ]);
});

test('space that comes before the last refusal waits for it', () => {
  const wire = new Wire();
  wire.submit(1, 2);
  wire.news();
  wire.refuse();
  wire.flow.space();
  assert.equal(wire.news(), []);
  wire.refuse();
  assert.equal(wire.news(), [
    [1, BOTH],
    [2, SendFlag.ordered],
  ]);
});

test('a second refusal puts a send back in front of those that were not written yet', () => {
  const wire = new Wire();
  wire.submit(...Array.from({ length: 20 }, (_, i) => i));
  wire.news();
  for (let i = 0; i < 20; i++) wire.refuse();
  wire.flow.space();
  assert.equal(
    wire.news().map(([id]) => id),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
  wire.accept();
  for (let i = 0; i < 7; i++) wire.refuse();
  wire.flow.space();
  assert.equal(wire.news(), [[1, BOTH]], 'one was taken, so one is tried');
  wire.accept();
  assert.equal(
    wire.news().map(([id]) => id),
    [2, 3],
  );
});

test('without a space event the retry timer tries again', () => {
  const wire = new Wire();
  wire.submit(1);
  wire.news();
  wire.refuse();
  wire.clock.advance(EAGAIN_RETRY_MS - 1);
  assert.equal(wire.news(), []);
  wire.clock.advance(1);
  assert.equal(wire.news(), [[1, BOTH]]);
  wire.refuse(Status.EBUSY);
  wire.clock.advance(EBUSY_RETRY_MS);
  assert.equal(wire.news(), [[1, BOTH]]);
});

test('another refusal than lack of space is the outcome and holds nobody back', () => {
  const wire = new Wire();
  wire.submit(1, 2);
  wire.news();
  assert.not(wire.refuse(Status.EACCES));
  wire.accept();
  wire.submit(3);
  assert.equal(wire.news(), [[3, SendFlag.ordered]]);
});

test('when the one that resumes is refused for another reason, those behind it go again at once', () => {
  const wire = new Wire();
  wire.submit(1, 2, 3);
  wire.news();
  for (let i = 0; i < 3; i++) wire.refuse();
  wire.flow.space();
  wire.news();
  wire.refuse(Status.EINVAL);
  wire.refuse();
  wire.refuse();
  assert.equal(wire.news(), [[2, BOTH]]);
  wire.accept();
  assert.equal(wire.news(), [[3, SendFlag.ordered]]);
});

test('a send whose time is over is not kept, but the flow still lifts the broker’s refusal', () => {
  const wire = new Wire();
  wire.submit(1);
  wire.news();
  assert.not(wire.refuse(Status.EAGAIN, true));
  wire.submit(2);
  assert.equal(wire.news(), [[2, BOTH]]);
  assert.is(wire.clock.pendingTimers, 0);
});

test('sends that are withdrawn while they wait are passed over', () => {
  const wire = new Wire();
  wire.submit(1, 2, 3);
  wire.news();
  for (let i = 0; i < 3; i++) wire.refuse();
  wire.flow.withdraw((each) => each.bytes === 2);
  wire.flow.space();
  assert.equal(
    wire.news().map(([id]) => id),
    [1, 3],
  );
});

test('without a session sends wait for the next one', () => {
  const wire = new Wire();
  wire.isUp = false;
  wire.submit(1, 2);
  assert.equal(wire.news(), []);
  wire.isUp = true;
  wire.flow.revive();
  assert.equal(wire.news(), [
    [1, BOTH],
    [2, SendFlag.ordered],
  ]);
});

test('whatever a full ring refuses, what it accepts is in order', () => {
  const random = new Random(7);
  for (let round = 0; round < 200; round++) {
    const wire = new Wire();
    const accepted: number[] = [];
    let isHeldBack = false;
    let sent = 0;
    for (let step = 0; step < 400 || accepted.length < sent; step++) {
      if (step < 400 && random.oneIn(3)) wire.submit(sent++);
      // The broker's rule: after one EAGAIN every ordered send is refused until one with `resume`.
      else if (wire.inFlight.length > 0) {
        const [id, flags] = wire.written.shift() ?? [0, 0];
        if ((flags & SendFlag.resume) !== 0) isHeldBack = false;
        if (isHeldBack || random.oneIn(4)) {
          isHeldBack = true;
          wire.refuse();
        } else {
          accepted.push(id);
          wire.accept();
        }
      } else if (random.oneIn(2)) wire.flow.space();
      else wire.clock.advance(EAGAIN_RETRY_MS);
    }
    assert.equal(
      accepted,
      Array.from({ length: sent }, (_, i) => i),
    );
    assert.ok(wire.flow.isIdle);
    assert.not(wire.flow.isBlocked);
  }
});

test.run();
