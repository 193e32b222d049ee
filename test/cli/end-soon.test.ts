/** A service that has closed everything ends, whatever it forgot, and says what that was. */
import { spawnSync } from 'node:child_process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LOADER, programFile } from '../support/program.ts';

const ends = suite('the end of a service');

const AFTER_MS = 100;

function run(forgotten: string, exitCode: number) {
  const source = `
    import { createServer } from 'node:net';
    import { endSoon } from ${JSON.stringify(programFile('clients/entry/index.ts'))};
    ${forgotten}
    process.exitCode = ${exitCode};
    endSoon('service', ${AFTER_MS});
  `;
  return spawnSync(process.execPath, [...LOADER, '--input-type=module', '--eval', source], { encoding: 'utf8' });
}

for (const [what, forgotten] of [
  ['TCPServerWrap', 'createServer().listen(0);'],
  ['Timeout', 'setInterval(() => {}, 60_000);'],
] as const)
  ends(`what is left is named, and the exit code stays: ${what}`, () => {
    const { status, stderr } = run(forgotten, 3);
    assert.is(status, 3);
    assert.is(stderr, `service: everything is closed, and still open is: ${what}; the process ends\n`);
  });

ends('a service that has closed everything ends by itself, without a word', () => {
  const { status, stderr } = run('', 0);
  assert.is(status, 0);
  assert.is(stderr, '');
});

ends('a process that has lasted serves what V8 asks of it for a moment, before it ends', () => {
  const timers = `
    import { setTimeout as delay } from 'node:timers/promises';
    await delay(Math.max(0, 2_050 - process.uptime() * 1000));
    process.on('exit', () => console.log(process.getActiveResourcesInfo().length));
    setImmediate(() => console.log(process.getActiveResourcesInfo().join()));
  `;
  const { status, stdout } = run(timers, 0);
  assert.is(status, 0);
  assert.match(stdout, /^\S*Timeout/, 'the loop goes on');
});

ends('every command that has returned or failed ends, is named with its whole path, and keeps its exit code', () => {
  const source = `
    import { createServer } from 'node:net';
    import { Command } from ${JSON.stringify(import.meta.resolve('commander'))};
    import { runProgram } from ${JSON.stringify(programFile('clients/cli/run.ts'))};
    process.argv = ['node', 'serve', 'here']; // what commander expects of --eval
    const here = new Command('here').action(() => {
      createServer().listen(0);
      throw Object.assign(new Error('no'), { code: 'ERR_NO' });
    });
    await runProgram(new Command('argus').addCommand(new Command('serve').addCommand(here)));
  `;
  const { status, stderr } = spawnSync(process.execPath, [...LOADER, '--input-type=module', '--eval', source], {
    encoding: 'utf8',
  });
  assert.is(status, 1);
  assert.match(stderr, /^argus: no \(ERR_NO\)\nargus serve here: everything is closed.*TCPServerWrap/);
});

ends.run();
