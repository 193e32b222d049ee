/** The fake clock of all time-dependent tests. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FakeClock } from './clock.ts';

const clock = suite('fake clock');

clock('timers fire in order of due time, then of setting, each at its own time', () => {
  const fake = new FakeClock(0);
  const seen: string[] = [];
  fake.schedule(20, () => seen.push(`late ${fake.now()}`));
  fake.schedule(10, () => seen.push(`first ${fake.now()}`));
  fake.schedule(10, () => seen.push(`second ${fake.now()}`));
  fake.advance(25);
  assert.equal(seen, ['first 10', 'second 10', 'late 20']);
  assert.is(fake.now(), 25);
});

clock('a timer set by a timer fires in the same step if it falls due in it', () => {
  const fake = new FakeClock(0);
  const seen: number[] = [];
  const again = (): void => {
    seen.push(fake.now());
    fake.schedule(10, again);
  };
  fake.schedule(10, again);
  fake.advance(35);
  assert.equal(seen, [10, 20, 30]);
  assert.is(fake.pendingTimers, 1);
});

clock('a cancelled timer does not fire; one that is not due yet stays', () => {
  const fake = new FakeClock(0);
  const seen: string[] = [];
  const cancel = fake.schedule(10, () => seen.push('cancelled'));
  fake.schedule(11, () => seen.push('not due'));
  cancel();
  cancel();
  fake.advance(10);
  assert.equal(seen, []);
  assert.is(fake.pendingTimers, 1);
});

clock('stepping the wall clock fires nothing and leaves the distance of timers', () => {
  const fake = new FakeClock(1_000);
  let fired = 0;
  fake.schedule(10, () => fired++);
  fake.step(-500);
  assert.is(fake.now(), 500);
  fake.advance(9);
  assert.is(fired, 0);
  fake.advance(1);
  assert.is(fired, 1);
});

clock('it does not run backwards', () => {
  assert.throws(() => new FakeClock().advance(-1), /backwards/);
});

clock.run();
