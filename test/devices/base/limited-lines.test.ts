/** Lines that a VMM or a guest causes: few, and the last one is always said. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LimitedLines } from '../../../clients/devices/base/index.ts';
import { FakeClock } from '../../support/clock.ts';

const lines = suite('lines of a device for the operator');

function limited(): { said: string[]; clock: FakeClock; lines: LimitedLines } {
  const said: string[] = [];
  const clock = new FakeClock();
  return { said, clock, lines: new LimitedLines((line) => said.push(line), clock.after) };
}

lines('the first line of each kind is said at once', () => {
  const { said, lines } = limited();
  lines.say('attached', 'a VMM has attached');
  lines.say('detached', 'the VMM has detached');
  assert.equal(said, ['a VMM has attached', 'the VMM has detached']);
});

lines('a VMM that connects in a tight loop is said once a second, with how often', () => {
  const { said, clock, lines } = limited();
  for (let tick = 0; tick < 300; tick++) {
    lines.say('attached', `VMM ${tick}`);
    clock.advance(10);
  }
  assert.equal(said, [
    'VMM 0',
    'VMM 99 (and 98 more times in a second)',
    'VMM 199 (and 99 more times in a second)',
    'VMM 299 (and 99 more times in a second)',
  ]);
});

lines('the last line is said after a second, though nothing follows it', () => {
  const { said, clock, lines } = limited();
  lines.say('fault', 'one fault');
  lines.say('fault', 'another fault');
  assert.equal(said, ['one fault']);
  clock.advance(1_000);
  assert.equal(said, ['one fault', 'another fault']);
  clock.advance(1_000);
  lines.say('fault', 'a later fault');
  assert.equal(said, ['one fault', 'another fault', 'a later fault']);
});

lines('a process that ends says what was held back, and leaves no timer', () => {
  const { said, clock, lines } = limited();
  lines.say('fault', 'one fault');
  lines.say('fault', 'another fault');
  lines.close();
  assert.equal(said, ['one fault', 'another fault']);
  clock.advance(10_000);
  assert.is(said.length, 2);
});

lines.run();
