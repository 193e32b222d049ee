/** The demo as a newcomer runs it. */

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bundlePage } from '../../clients/audit/console/bundle.ts';
import { parseWav, writeWav } from '../../clients/demo/audio/wav.ts';
import { runCli } from '../support/processes/run-cli.ts';
import { nodeArguments, WORKING_TREE } from '../support/program.ts';
import { seededRandom } from '../support/seed.ts';
import { temporaryDirectory } from '../support/temp.ts';

const demo = suite('the demo');

const PROGRAM = 'clients/demo/main.ts';

/** The object on the last line, with what the documentation promises of it. */
interface Printed {
  readonly ok: boolean;
  readonly frames: number;
  readonly samples: { readonly identical: boolean; readonly sent: string };
  readonly attacks: readonly { readonly name: string; readonly refused: boolean; readonly how: string }[];
  readonly audit: { readonly verified: boolean; readonly records: number };
}

function lastLine(stdout: string): Printed {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
}

/** The first match in the text of a stream. */
function said(stream: Readable, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    stream.on('data', (chunk) => {
      text += String(chunk);
      const [found] = pattern.exec(text) ?? [];
      if (found !== undefined) resolve(found);
    });
    stream.once('close', () => reject(new Error(`ended without ${pattern}: ${text}`)));
  });
}

function assertHeld(printed: Printed): void {
  assert.is(printed.ok, true, JSON.stringify(printed));
  assert.is(printed.samples.identical, true);
  assert.is(printed.audit.verified, true);
  assert.ok(printed.audit.records > 0);
  assert.is(printed.attacks.length, 8);
  for (const { name, refused, how } of printed.attacks) {
    assert.is(refused, true, name);
    assert.ok(how.length > 0, name);
  }
}

demo('--fast --json ends with one object that says that everything held, and leaves nothing behind', async () => {
  const directory = temporaryDirectory();
  const { code, stdout } = await runCli(['--fast', '--json'], { program: PROGRAM, env: { TMPDIR: directory } });
  assert.is(code, 0);
  assert.is(stdout.trimEnd().split('\n').length, 1, 'on stdout there is nothing but the object');
  assertHeld(lastLine(stdout));
  assert.is(lastLine(stdout).frames, 600);
  assert.equal(
    readdirSync(directory).filter((name) => name.startsWith('argus-')),
    [],
  );
});

demo('--wav plays a file, --out keeps what was heard, and both are the same samples', async () => {
  const directory = temporaryDirectory();
  const [input, output] = [join(directory, 'in.wav'), join(directory, 'out.wav')];
  // Silence long enough for an agent to cork it; and not a whole number of 10 ms: the last message is a short one.
  const noise = seededRandom(4).bytes(4 * 10_001);
  const pcm = Buffer.concat([noise, Buffer.alloc(4 * 110_250), noise]);
  writeFileSync(input, writeWav(pcm));
  const run = await runCli(['--fast', '--json', '--wav', input, '--out', output], { program: PROGRAM });
  assert.is(run.code, 0, run.stderr);
  const printed = lastLine(run.stdout);
  assertHeld(printed);
  assert.is(printed.samples.sent, createHash('sha256').update(pcm).digest('hex'));
  assert.ok(Buffer.from(parseWav(readFileSync(output)).pcm).equals(pcm));
});

demo('without --json it prints a table of flows, the attacks, and that everything held', async () => {
  const { code, stdout } = await runCli(['--fast'], { program: PROGRAM });
  assert.is(code, 0);
  for (const part of [
    'chrome-vm -> audio-vm',
    'frames/s',
    'denied',
    'p50',
    'identical',
    'verified',
    'Everything held.',
  ])
    assert.match(stdout, part);
});

demo('an --out that cannot be written is told before anything is started', async () => {
  const { code, stdout, stderr } = await runCli(['--fast', '--out', '/nowhere/out.wav'], { program: PROGRAM });
  assert.equal([code, stdout], [1, '']);
  assert.match(stderr, 'ERR_DEMO_FILE');
});

demo('one that is told to stop, or that nobody reads any more, leaves nothing behind', async () => {
  const directory = temporaryDirectory();
  const child = spawn(process.execPath, nodeArguments(PROGRAM), {
    env: { ...process.env, TMPDIR: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await new Promise((resolve) => child.stdout.on('data', (text) => String(text).includes('frames/s') && resolve(null)));
  child.stdout.destroy();
  child.kill('SIGTERM');
  const code = await new Promise((resolve) => child.once('exit', resolve));
  // By the signal, or by the pipe that broke before it.
  assert.ok(code === 130 || code === 141, `exit code ${code}`);
  assert.equal(
    readdirSync(directory).filter((name) => name.startsWith('argus-')),
    [],
  );
});

demo('--console shows the run in a browser while it goes on and afterwards, until it is told to stop', async () => {
  // Where a built program has it.
  await bundlePage(fileURLToPath(new URL('../../clients/audit/console/page/', import.meta.url)));
  const directory = temporaryDirectory();
  const child = spawn(process.execPath, nodeArguments(PROGRAM, '--console', '--fast', '--json'), {
    env: { ...process.env, TMPDIR: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = new Promise((resolve) => child.once('exit', resolve));
  const address = await said(child.stderr, /http:\/\/\S+/);
  const welcome = await fetch(address, { redirect: 'manual' });
  assert.is(welcome.status, 303);
  await said(child.stderr, /stays until Ctrl-C/);
  const cookie = welcome.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  const textOf = async (path: string): Promise<string> =>
    (await fetch(new URL(path, address), { headers: { cookie } })).text();
  // The console looks for records twice a second; the last one of a run is that of the broker's end.
  let now = JSON.parse(await textOf('/api/now?minutes=60'));
  while (now.isStarted || now.domains === 0) now = JSON.parse(await textOf('/api/now?minutes=60'));
  assert.ok(now.flows.some((edge: { src: string; denied: number }) => edge.src === 'rogue-vm' && edge.denied > 0));
  assert.ok(now.flows.some((edge: { src: string; messages: number }) => edge.src === 'chrome-vm' && edge.messages > 0));
  for (const signal of ['SIGINT', 'SIGINT'] as const) child.kill(signal);
  assert.is(await exit, 0);
  assert.equal(
    readdirSync(directory).filter((name) => name.startsWith('argus-')),
    [],
  );
});

demo('a wrong command line exits 2 before anything is started', async () => {
  const { code, stdout, stderr } = await runCli(['--fats'], { program: PROGRAM });
  assert.is(code, 2);
  assert.is(stdout, '');
  assert.match(stderr, 'Did you mean --fast?');
});

demo('npm run demo works in a fresh copy of the project', async () => {
  const copy = temporaryDirectory();
  const isLeftOut = new Set(['node_modules', '.git', '.build', 'dist']);
  for (const name of readdirSync(WORKING_TREE))
    if (!isLeftOut.has(name)) cpSync(join(WORKING_TREE, name), join(copy, name), { recursive: true });
  symlinkSync(join(WORKING_TREE, 'node_modules'), join(copy, 'node_modules'));
  const child = spawn('npm', ['run', '--silent', 'demo', '--', '--fast', '--json'], {
    cwd: copy,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  assert.is(code, 0, stderr);
  assertHeld(lastLine(stdout));
});

demo.run();
