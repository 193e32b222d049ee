/** Commands that read the log leave the cores to the broker and the VMs. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { platform } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openAuditLog } from '../../broker/audit/index.ts';
import { requireKoffi } from '../../broker/native/index.ts';
import { enterIdleClass } from '../../clients/cli/idle-class.ts';
import { isReport, readsLog } from '../../clients/cli/step-back.ts';
import { needsThat } from '../support/needs.ts';
import { runCli } from '../support/processes/run-cli.ts';
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

back('a report that ends gets what is left over, and one that follows does not', () => {
  for (const words of ['report DIR --by src', 'probes DIR', 'timeline DIR --per hour'])
    assert.ok(isReport(['argus', 'audit', ...words.split(' ')]), words);
  for (const words of ['report DIR --follow', 'list DIR', 'tail DIR -f', 'verify DIR', 'stream DIR', 'index DIR'])
    assert.not(isReport(['argus', 'audit', ...words.split(' ')]), words);
  assert.not(isReport(['argus', 'report', 'audit']));
});

const inLinux = needsThat(() => platform() === 'linux' && canLoadKoffi(), 'Linux and koffi (npm install koffi)');

inLinux(back, 'each thread of a report is in the idle class', async () => {
  const directory = join(temporaryDirectory(), 'audit');
  await (await openAuditLog({ directory, broker: 'b' })).close();
  const { stdout, stderr } = await runCli(['audit', 'report', directory, '--json'], { imports: [SAY_CLASSES] });
  assert.is(JSON.parse(stdout).length > 0, true);
  const classes = stderr.trim().split(' ');
  assert.ok(classes.length > 1, stderr);
  assert.equal([...new Set(classes)], [SCHED_IDLE]);
});

back('without native code a report has its nice value', () => {
  assert.not(
    enterIdleClass([process.pid], () => {
      throw new Error('not installed');
    }),
  );
});

/** A module that says at the end of its process which class each thread is in. */
const SAY_CLASSES = `data:text/javascript,${encodeURIComponent(`
import { readdirSync, readFileSync } from 'node:fs';
process.on('exit', () => {
  const stats = readdirSync('/proc/self/task').map((task) => readFileSync('/proc/self/task/' + task + '/stat', 'utf8'));
  process.stderr.write(stats.map((stat) => stat.slice(stat.lastIndexOf(')') + 2).split(' ')[38]).join(' '));
});`)}`;
const SCHED_IDLE = '5';

function canLoadKoffi(): boolean {
  try {
    return requireKoffi() !== null;
  } catch {
    return false;
  }
}

/** The 19th field. The second is a name in brackets, which may hold spaces. */
function niceOf(stat: string): number {
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
}

back.run();
