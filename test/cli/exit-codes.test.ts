/** An error as the command line ends with it: its code, and its words. */
import { readFileSync, renameSync } from 'node:fs';
import { CommanderError } from 'commander';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AuditError } from '../../broker/audit/index.ts';
import { parseQuestion } from '../../clients/audit/query/index.ts';
import { exitCodeOf, messageOf } from '../../clients/cli/output.ts';

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

for (const [label, error, message] of [
  [
    'a file that is not there',
    thrownBy(() => readFileSync('nowhere')),
    '"nowhere": there is no such file or directory (ENOENT)',
  ],
  [
    'a file that cannot be moved',
    thrownBy(() => renameSync('nowhere', 'somewhere')),
    '"nowhere" to "somewhere": there is no such file or directory (ENOENT)',
  ],
  [
    'an address',
    Object.assign(new Error('bind EADDRINUSE'), { code: 'EADDRINUSE', syscall: 'bind', address: '::1', port: 53 }),
    '::1:53: something else listens there (EADDRINUSE)',
  ],
  [
    'neither',
    Object.assign(new Error('read EIO'), { code: 'EIO', syscall: 'read' }),
    'read: the disk or device reports an error (EIO)',
  ],
  [
    'an error of ours',
    new AuditError('ERR_AUDIT_LOCKED', 'somebody writes it'),
    'somebody writes it (ERR_AUDIT_LOCKED)',
  ],
  ['an error whose message has its code', Object.assign(new Error('E_X: no'), { code: 'E_X' }), 'E_X: no'],
] as const)
  codes(`the words of ${label}`, () => {
    assert.is(messageOf(error as Error & { code: string }), message);
  });

codes.run();
