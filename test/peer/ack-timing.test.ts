import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AckTiming } from '../../broker/peer/ack-timing.ts';

const timing = suite('acknowledgements that may wait for company');

function overdue(): { readonly acks: AckTiming; readonly due: Promise<void> } {
  let tell: () => void = () => {};
  const due = new Promise<void>((resolve) => {
    tell = resolve;
  });
  return { acks: new AckTiming(tell), due };
}

timing('the first one does not wait', () => {
  const acks = new AckTiming(() => {});
  acks.sent();
  assert.is(acks.keep(1), false);
  assert.is(acks.take(), null);
});

timing('who is delivered nothing between its sends never waits', () => {
  const acks = new AckTiming(() => {});
  for (let id = 1; id < 10; id++) {
    acks.sent();
    assert.is(acks.keep(id), false);
  }
});

timing('in a conversation one is kept, and taken once', () => {
  const acks = new AckTiming(() => {});
  acks.delivered();
  acks.sent();
  assert.is(acks.keep(7), true);
  assert.is(acks.take(), 7);
  assert.is(acks.take(), null);
  acks.cancel();
});

timing('a later one replaces an earlier one: they are cumulative', () => {
  const acks = new AckTiming(() => {});
  acks.delivered();
  acks.sent();
  acks.keep(7);
  acks.keep(9);
  assert.is(acks.take(), 9);
  acks.cancel();
});

timing('a conversation ends with the first record that no delivery preceded', () => {
  const acks = new AckTiming(() => {});
  acks.delivered();
  acks.sent();
  acks.sent();
  assert.is(acks.keep(2), false);
});

timing('what nothing came to carry is overdue, and still there to be taken', async () => {
  const { acks, due } = overdue();
  acks.delivered();
  acks.sent();
  acks.keep(3);
  await due;
  assert.is(acks.take(), 3);
});

timing('what was taken or cancelled is never overdue', async () => {
  let calls = 0;
  const acks = new AckTiming(() => calls++);
  acks.delivered();
  acks.sent();
  acks.keep(3);
  acks.take();
  const other = overdue();
  other.acks.delivered();
  other.acks.sent();
  other.acks.keep(4);
  await other.due; // armed later, so the first one's time has passed
  assert.is(calls, 0);
});

timing.run();
