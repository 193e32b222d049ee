import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Op, Status } from '../../../../broker/wire/index.ts';
import { Outcomes } from '../../../../clients/agents/guest/share/outcomes.ts';

const test = suite('agent: outcomes of a program’s sends');

test('an acknowledgement stops short of the first send without an outcome', () => {
  const outcomes = new Outcomes();
  const [first = 0, second = 0, third = 0] = [outcomes.open(), outcomes.open(), outcomes.open()];
  assert.equal([first, second, third], [1, 2, 3]);
  outcomes.settle(second, Status.OK, 0);
  assert.is(outcomes.takeAck(), null);
  outcomes.settle(first, Status.OK, 0);
  assert.equal(outcomes.takeAck(), { op: Op.ack, through: 2 });
  assert.is(outcomes.takeAck(), null);
  assert.is(outcomes.nextId, 4);
});

test('a refusal is told by its id at once, and the acknowledgement passes it', () => {
  const outcomes = new Outcomes();
  for (let i = 0; i < 3; i++) outcomes.open();
  assert.equal(outcomes.settle(2, Status.EMSGSIZE, 64), {
    op: Op.refused,
    id: 2,
    status: Status.EMSGSIZE,
    maxMessageSize: 64,
  });
  outcomes.settle(1, Status.OK, 0);
  outcomes.settle(3, Status.OK, 0);
  assert.equal(outcomes.takeAck(), { op: Op.ack, through: 3 });
});

test.run();
