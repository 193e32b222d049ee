import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Fifo } from '../../broker/base/fifo.ts';
import { Random } from '../support/random.ts';

const test = suite('sdk: a queue over a circular array');

function contents(fifo: Fifo<number>): (number | undefined)[] {
  return Array.from({ length: fifo.length }, (_, i) => fifo.at(i));
}

test('it equals a list, whatever is done to it', () => {
  const random = new Random(11);
  const fifo = new Fifo<number>();
  let list: number[] = [];
  for (let step = 0; step < 5_000; step++) {
    const action = random.below(10);
    if (action < 5) {
      fifo.push(step);
      list.push(step);
    } else if (action < 8) assert.is(fifo.shift(), list.shift());
    else if (action === 8 && list.length > 0) {
      const index = random.below(list.length);
      fifo.replace(index, -step);
      list[index] = -step;
    } else if (random.oneIn(4)) {
      const isKept = (item: number): boolean => item % 3 !== 0;
      fifo.retain(isKept);
      list = list.filter(isKept);
    }
    assert.equal(contents(fifo), list);
  }
});

test('each item is asked about once, from the front', () => {
  const fifo = new Fifo<number>();
  for (const item of [1, 2, 3, 4]) fifo.push(item);
  const asked: number[] = [];
  fifo.retain((item) => asked.push(item) > 2);
  assert.equal(
    [asked, contents(fifo)],
    [
      [1, 2, 3, 4],
      [3, 4],
    ],
  );
});

test.run();
