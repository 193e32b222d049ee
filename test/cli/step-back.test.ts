/** Commands that read the log leave the cores to the broker and the VMs. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { platform } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openAuditLog } from '../../broker/audit/index.ts';
import { readsLog } from '../../clients/cli/step-back.ts';
import { needsThat } from '../support/needs.ts';
import { LOADER, programFile, ROOT } from '../support/program.ts';
import { temporaryDirectory } from '../support/temp.ts';

const back = suite('step back');
const onLinux = needsThat(() => platform() === 'linux', 'Linux');

back('commands that read the log are meant, and a witness is not', () => {
  const meant = ['audit list', 'audit report', 'audit verify', 'audit index', 'audit stream', 'policy replay'];
  for (const words of meant) assert.ok(readsLog(['argus', ...words.split(' ')]), words);
  for (const words of ['audit witness', 'policy apply', 'policy check', 'broker', 'audit-x list'])
    assert.not(readsLog(['argus', ...words.split(' ')]), words);
});

onLinux(back, 'each thread of a follower has a high nice value', async () => {
  const directory = join(temporaryDirectory(), 'audit');
  await (await openAuditLog({ directory, broker: 'b' })).close();
  const program = spawn(
    process.execPath,
    [...LOADER, programFile('clients/cli/main.ts'), 'audit', 'tail', directory, '-f'],
    { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  try {
    await once(program.stdout, 'data');
    const tasks = `/proc/${program.pid}/task`;
    const nice = readdirSync(tasks).map((task) => niceOf(readFileSync(join(tasks, task, 'stat'), 'utf8')));
    assert.equal([...new Set(nice)], [15]);
  } finally {
    program.kill();
  }
});

/** The 19th field. The second is a name in brackets, which may hold spaces. */
function niceOf(stat: string): number {
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
}

back.run();
