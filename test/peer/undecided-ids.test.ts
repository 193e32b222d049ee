/** What waits for other brokers, against a naive list. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { UndecidedIds } from '../../broker/peer/undecided-ids.ts';
import { seededRandom } from '../support/seed.ts';

const ids = suite('undecided ids');

ids('the first is told from a later one, and neither is decided twice', () => {
  const undecided = new UndecidedIds();
  for (const id of [3, 5, 6]) undecided.push(id);
  assert.is(undecided.decide(5), 'later');
  assert.is(undecided.first, 3);
  assert.is(undecided.decide(3), 'first');
  assert.is(undecided.first, 6);
  assert.equal([undecided.decide(3), undecided.decide(5), undecided.decide(4)], ['unknown', 'unknown', 'unknown']);
  assert.is(undecided.decide(6), 'first');
  assert.is(undecided.first, undefined);
});

ids('in any order, and past any number of them, it is a list', () => {
  const random = seededRandom();
  const undecided = new UndecidedIds();
  const naive: number[] = [];
  for (let id = 1; id <= 12_000; id++) {
    undecided.push(id);
    naive.push(id);
    while (naive.length > 0 && random.uint32() % 5 > 0) {
      const index = random.uint32() % 4 === 0 ? random.uint32() % naive.length : 0;
      const [taken = 0] = naive.splice(index, 1);
      assert.is(undecided.decide(taken), index === 0 ? 'first' : 'later');
      assert.is(undecided.first, naive[0]);
    }
  }
});

ids.run();
