/** The progress line: when it appears, what it says, and that it never mixes with what a command prints. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { argusProgram } from '../../../clients/cli/program.ts';
import { counted, isWanted, LASTING, ProgressLine, STEPS } from '../../../clients/cli/progress/index.ts';
import { nodesOf } from '../../../clients/cli/tree/node.ts';
import { FakeClock } from '../../support/clock.ts';

const progress = suite('progress of commands');
const CLEAR = '\r\u001b[K';
const MIB = 1024 * 1024;

function lineOn(columns = 80) {
  const clock = new FakeClock();
  const written: string[] = [];
  const line = new ProgressLine('argus audit verify', {
    columns,
    mono: clock.mono,
    write: (text) => void written.push(text),
  });
  return { clock, line, taken: () => written.splice(0) };
}

progress('a command that ends within a second shows nothing', () => {
  const { clock, line, taken } = lineOn();
  clock.advance(999);
  line.tick();
  line.clear();
  assert.equal(taken(), []);
});

progress('after a quiet second the line says what is done, how far it is and for how long', () => {
  const { clock, line, taken } = lineOn();
  clock.advance(1_000);
  line.tick();
  assert.equal(taken(), [`${CLEAR}argus audit verify: 1 s`]);
  clock.advance(250);
  line.report({ done: 30 * MIB, total: 120 * MIB, unit: 'bytes' });
  assert.equal(taken(), [`${CLEAR}argus audit verify: 25 % of 120 MiB, 1 s`]);
  clock.advance(750);
  line.report({ done: 7_000, total: null, unit: 'records' });
  assert.equal(taken(), [`${CLEAR}argus audit verify: 7000 records, 2 s`]);
  line.clear();
  line.clear();
  assert.equal(taken(), [CLEAR]);
});

progress('it is painted at most four times a second, however often the work reports', () => {
  const { clock, line, taken } = lineOn();
  clock.advance(1_000);
  for (let done = 0; done < 1_000; done++) {
    clock.advance(1);
    line.report({ done, total: null, unit: 'records' });
  }
  assert.is(taken().length, 4);
});

progress('output of the command takes its place, and it comes back after another quiet second', () => {
  const { clock, line, taken } = lineOn();
  clock.advance(1_000);
  line.tick();
  taken();
  line.output('a record\n');
  assert.equal(taken(), [CLEAR]);
  clock.advance(999);
  line.tick();
  assert.equal(taken(), []);
  clock.advance(1);
  line.tick();
  assert.equal(taken(), [`${CLEAR}argus audit verify: 2 s`]);
});

progress('behind an unfinished line, such as a question, it does not appear', () => {
  const { clock, line, taken } = lineOn();
  line.output('Passphrase: ');
  clock.advance(60_000);
  line.tick();
  assert.equal(taken(), []);
  line.output('\n');
  clock.advance(1_000);
  line.tick();
  assert.is(taken().length, 1);
});

progress('it is never as wide as the terminal', () => {
  const { clock, line, taken } = lineOn(10);
  clock.advance(1_000);
  line.tick();
  assert.equal(taken(), [`${CLEAR}argus aud`]);
});

progress('records that pass are counted and are the same records', async () => {
  const steps: unknown[] = [];
  const take = (step: unknown): void => void steps.push(step);
  STEPS.subscribe(take);
  let passed = 0;
  for await (const record of counted(numbers(2_500))) assert.is(record, passed++);
  STEPS.unsubscribe(take);
  assert.is(passed, 2_500);
  assert.equal(steps, [
    { done: 1_000, total: null, unit: 'records' },
    { done: 2_000, total: null, unit: 'records' },
  ]);
});

progress('a command whose output is JSON, and one that lasts, has none', async () => {
  const verify = (await argusProgram('audit')).commands[0]?.commands.find((each) => each.name() === 'verify');
  const list = (await argusProgram('audit')).commands[0]?.commands.find((each) => each.name() === 'list');
  const broker = (await argusProgram('broker')).commands[0];
  const dhcp = (await argusProgram('net')).commands[0]?.commands.find((each) => each.name() === 'dhcp');
  assert.ok(verify && list && broker && dhcp);
  assert.ok(isWanted(verify));
  assert.ok(isWanted(list));
  verify.setOptionValue('json', true);
  assert.not(isWanted(verify));
  list.setOptionValue('format', 'json');
  assert.not(isWanted(list));
  list.setOptionValue('format', 'text').setOptionValue('follow', true);
  assert.not(isWanted(list));
  assert.not(isWanted(broker));
  assert.not(isWanted(dhcp), 'all of argus net');
});

progress('each command that is said to last exists', async () => {
  const paths = nodesOf(await argusProgram()).map(({ path }) => path);
  for (const path of LASTING) assert.ok(paths.includes(path), path);
});

async function* numbers(count: number): AsyncGenerator<number> {
  for (let index = 0; index < count; index++) yield index;
}

progress.run();
