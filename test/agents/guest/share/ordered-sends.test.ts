import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DataField, encodeDataFrame, Op, SendFlag, Status } from '../../../../broker/wire/index.ts';
import { type OrderedSend, OrderedSends } from '../../../../clients/agents/guest/share/ordered-sends.ts';
import { Random } from '../../../support/random.ts';
import { SEED } from '../../../support/seed.ts';

const test = suite('agent: ordered sends of several programs');

type Outcome = (status: Status, maxMessageSize: number) => void;

/** A ring of a broker that holds back ordered sends of the session after an EAGAIN, as broker/core/sending.ts does. */
class Ring {
  readonly accepted: string[] = [];
  room = 0;
  readonly #underWay: { readonly send: OrderedSend<string>; readonly flags: number; readonly onOutcome: Outcome }[] =
    [];
  #isHeldBack = false;

  readonly transmit = (send: OrderedSend<string>, onOutcome: Outcome): boolean => {
    this.#underWay.push({ send, flags: send.frame[DataField.flags] ?? 0, onOutcome });
    return true;
  };

  get underWay(): number {
    return this.#underWay.length;
  }

  /** Answers the oldest send. */
  answer(): void {
    const next = this.#underWay.shift();
    if (next === undefined) return;
    const { send, flags, onOutcome } = next;
    if ((flags & SendFlag.resume) !== 0) this.#isHeldBack = false;
    if (this.#isHeldBack || this.room === 0) {
      this.#isHeldBack = true;
      onOutcome(Status.EAGAIN, 0);
      return;
    }
    this.room--;
    this.accepted.push(`${send.program}${send.frame[DataField.payload]}`);
    onOutcome(Status.OK, 0);
  }
}

function frame(mark: number, flags: number): Uint8Array {
  const bytes = new Uint8Array(DataField.payload + 1);
  encodeDataFrame(new DataView(bytes.buffer), 0, {
    op: Op.sendv,
    flags,
    id: 1,
    source: 0,
    destination: 42,
    sourcePort: 0,
    destinationPort: 5,
    messageType: 0,
    payload: Uint8Array.of(mark),
  });
  return bytes;
}

/**
 * What an SDK does: it sends ahead, and hears of outcomes later. After a refusal it waits for all answers, then sends again
 * from the first refused message on, with `resume`.
 */
class Sender {
  readonly #name: string;
  readonly #sends: OrderedSends<string>;
  readonly #queue: { readonly mark: number; state: 'waiting' | 'under way' | 'done' }[];
  readonly #news: (() => void)[] = [];
  #underWay = 0;
  #needsResume = true;
  #isRefused = false;

  constructor(name: string, sends: OrderedSends<string>, count: number) {
    this.#name = name;
    this.#sends = sends;
    this.#queue = Array.from({ length: count }, (_, mark) => ({ mark, state: 'waiting' }));
  }

  get isDone(): boolean {
    return this.#queue.length === 0;
  }

  /** Hears of the oldest outcome. */
  hear(): void {
    this.#news.shift()?.();
    while (this.#queue[0]?.state === 'done') this.#queue.shift();
    if (this.#underWay === 0) this.#isRefused = false;
  }

  /** Sends up to `window` messages, unless a refusal is known and answers are missing. */
  go(window: number): void {
    if (this.#isRefused) return;
    for (const message of this.#queue.filter(({ state }) => state === 'waiting').slice(0, window)) {
      const flags = this.#needsResume ? SendFlag.ordered | SendFlag.resume : SendFlag.ordered;
      this.#needsResume = false;
      this.#underWay++;
      message.state = 'under way';
      const hearOf = (status: Status): void => {
        this.#underWay--;
        message.state = status === Status.OK ? 'done' : 'waiting';
        if (status === Status.OK) return;
        this.#needsResume = true;
        this.#isRefused = true;
      };
      const onOutcome = (status: Status): void => void this.#news.push(() => hearOf(status));
      this.#sends.submit({ program: this.#name, frame: frame(message.mark, flags), onOutcome });
    }
  }
}

test('no message of a program overtakes an earlier one, whatever other programs do and whenever the ring is full', () => {
  const random = new Random(SEED);
  for (let round = 0; round < 60; round++) {
    const ring = new Ring();
    const orderedSends = new OrderedSends<string>(ring.transmit);
    const senders = ['a', 'b', 'c'].map((name) => new Sender(name, orderedSends, 40));
    while (senders.some((sender) => !sender.isDone)) {
      const sender = random.pick(senders);
      const choice = random.below(8);
      if (choice < 2) sender.go(1 + random.below(6));
      else if (choice < 4) sender.hear();
      else if (choice < 7) ring.answer();
      else if (ring.room === 0) ring.room = random.below(4);
    }
    while (ring.underWay > 0) ring.answer();
    for (const name of ['a', 'b', 'c']) {
      const marks = ring.accepted.filter((each) => each.startsWith(name)).map((each) => Number(each.slice(1)));
      assert.equal(
        marks,
        Array.from({ length: 40 }, (_, mark) => mark),
      );
    }
    assert.is(orderedSends.size, 0);
  }
});

test('a program that streams does not keep another one from its turn', () => {
  const ring = new Ring();
  ring.room = 100;
  const orderedSends = new OrderedSends<string>(ring.transmit);
  const submit = (program: string, mark: number): void =>
    orderedSends.submit({ program, frame: frame(mark, SendFlag.ordered), onOutcome: () => {} });
  submit('a', 0);
  submit('a', 1);
  submit('b', 0);
  submit('a', 2);
  for (let i = 0; i < 4; i++) ring.answer();
  assert.equal(ring.accepted, ['a0', 'a1', 'b0', 'a2']);
});

test('what waits of a program that has gone is not sent, and the next program has its turn', () => {
  const ring = new Ring();
  ring.room = 100;
  const orderedSends = new OrderedSends<string>(ring.transmit);
  const submit = (program: string, mark: number): void =>
    orderedSends.submit({ program, frame: frame(mark, SendFlag.ordered), onOutcome: () => {} });
  submit('a', 0);
  submit('b', 0);
  submit('c', 0);
  orderedSends.forget('b');
  ring.answer();
  ring.answer();
  assert.equal(ring.accepted, ['a0', 'c0']);
  assert.is(orderedSends.size, 0);
});

test.run();
