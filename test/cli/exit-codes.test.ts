/** The exit code of an error: a wrong command line is 2, also where only the command itself can see it. */
import { CommanderError } from 'commander';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseQuestion } from '../../clients/audit/query/index.ts';
import { exitCodeOf } from '../../clients/cli/output.ts';

const codes = suite('exit codes');

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

for (const [label, error, code] of [
  ['help, as asked for', new CommanderError(0, 'commander.help', ''), 0],
  ['an unknown option', new CommanderError(1, 'commander.unknownOption', ''), 2],
  ['a question to the log that is none', thrownBy(() => parseQuestion('decision=', 0)), 2],
  ['a file that is not there', Object.assign(new Error('no such file'), { code: 'ENOENT' }), 1],
  ['a bug', new TypeError('x is undefined'), 1],
] as const)
  codes(label, () => {
    assert.is(exitCodeOf(error), code);
  });

codes.run();
