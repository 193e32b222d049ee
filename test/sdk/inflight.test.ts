import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { InFlight } from '../../clients/sdk/engine/sending/inflight.ts';
import { Send } from '../../clients/sdk/engine/sending/send.ts';
import { Random } from '../support/random.ts';

const test = suite('sdk: sends in flight');

function send(bytes: number): Send {
  return new Send(bytes);
}

function collect(inFlight: InFlight, through: number): number[] | 'fault' {
  const accepted: number[] = [];
  return inFlight.acknowledge(through >>> 0, ({ bytes }) => accepted.push(bytes)) ? accepted : 'fault';
}

test('ids start at 1 and are consecutive', () => {
  const inFlight = new InFlight();
  assert.is(inFlight.nextId, 1);
  inFlight.push(send(10));
  assert.is(inFlight.nextId, 2);
});

test('an acknowledgement accepts everything up to it, in order', () => {
  const inFlight = new InFlight();
  for (const bytes of [10, 20, 30]) inFlight.push(send(bytes));
  assert.equal(collect(inFlight, 2), [10, 20]);
  assert.is(inFlight.count, 1);
  assert.equal(collect(inFlight, 3), [30]);
});

test('a refused send is not accepted by a later acknowledgement', () => {
  const inFlight = new InFlight();
  for (const bytes of [10, 20, 30]) inFlight.push(send(bytes));
  assert.is(inFlight.refuse(2)?.bytes, 20);
  assert.equal(collect(inFlight, 3), [10, 30]);
  assert.is(inFlight.count, 0);
});

test('an acknowledgement that says nothing new is taken in silence', () => {
  const inFlight = new InFlight();
  for (const bytes of [10, 20]) inFlight.push(send(bytes));
  inFlight.refuse(1);
  inFlight.refuse(2);
  assert.equal(collect(inFlight, 1), []);
  assert.equal(collect(inFlight, 0), []);
});

test('an acknowledgement of what was never sent is a fault', () => {
  const inFlight = new InFlight();
  inFlight.push(send(10));
  assert.is(collect(inFlight, 2), 'fault');
  assert.is(inFlight.count, 1);
});

test('a refusal of what was never sent, or twice, finds nothing', () => {
  const inFlight = new InFlight();
  inFlight.push(send(10));
  inFlight.push(send(20));
  assert.is(inFlight.refuse(3), null);
  assert.is(inFlight.refuse(0), null);
  assert.is(inFlight.refuse(2)?.bytes, 20);
  assert.is(inFlight.refuse(2), null);
});

test('ids wrap at 2^32', () => {
  const inFlight = new InFlight(0xffff_fffe);
  for (const bytes of [10, 20, 30, 40]) inFlight.push(send(bytes)); // …fe, …ff, 0, 1
  assert.is(inFlight.nextId, 2);
  assert.is(inFlight.refuse(0)?.bytes, 30);
  assert.equal(collect(inFlight, 0xffff_ffff), [10, 20]);
  assert.equal(collect(inFlight, 1), [40]);
  assert.is(inFlight.count, 0);
});

test('it equals a naive list over random answers, across the wrap', () => {
  const random = new Random(20);
  const inFlight = new InFlight(0xffff_ff00);
  const naive = new Map<number, number>();
  let sent = 0;
  for (let step = 0; step < 5000; step++) {
    if (random.oneIn(2)) {
      naive.set((0xffff_ff00 + sent) >>> 0, sent);
      inFlight.push(send(sent++));
    } else if (naive.size > 0) {
      const ids = [...naive.keys()];
      const index = random.below(ids.length);
      const id = ids[index] ?? 0;
      if (random.oneIn(2)) {
        assert.is(inFlight.refuse(id)?.bytes, naive.get(id));
        naive.delete(id);
      } else {
        const expected = ids.slice(0, index + 1).map((each) => naive.get(each));
        assert.equal(collect(inFlight, id), expected);
        for (const each of ids.slice(0, index + 1)) naive.delete(each);
      }
    }
    assert.is(inFlight.count, naive.size);
  }
});

test('a lost session hands back what has no answer, in order', () => {
  const inFlight = new InFlight();
  for (const bytes of [10, 20, 30]) inFlight.push(send(bytes));
  inFlight.refuse(2);
  const lost: number[] = [];
  inFlight.drain(({ bytes }) => lost.push(bytes));
  assert.equal(lost, [10, 30]);
});

test.run();
