/** Types the commands of README.md as a newcomer would, in an empty directory. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CLI, programFile } from '../support/program.ts';
import { temporaryDirectory } from '../support/temp.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

/** The fenced blocks of one language below a heading. */
function blocks(heading: string, language: string): string[] {
  const from = README.indexOf(`## ${heading}\n`);
  assert.ok(from >= 0, `README.md has no section "${heading}"`);
  const next = README.indexOf('\n## ', from + 1);
  const section = README.slice(from, next < 0 ? undefined : next);
  return [...section.matchAll(/```(\w+)\n([\s\S]*?)```/g)].filter((m) => m[1] === language).map((m) => m[2] ?? '');
}

/** A directory whose `argus` is this checkout's. */
function workshop(): Workshop {
  const directory = temporaryDirectory();
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'argus'), `#!/bin/sh\nexec node "${programFile(CLI)}" "$@"\n`, { mode: 0o755 });
  return { directory, env: { ...process.env, PATH: `${bin}:${process.env.PATH ?? ''}` } };
}

interface Workshop {
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
}

function run(script: string, { directory, env }: Workshop): string {
  const result = spawnSync('bash', ['-euc', script], { cwd: directory, env, encoding: 'utf8' });
  assert.is(result.status, 0, `${script}\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

const readme = suite('README');

/** The commands of a block, without those that only name the program. */
function commands(heading: string, index: number): string {
  const block = blocks(heading, 'sh')[index];
  assert.ok(block !== undefined, `"${heading}" has no block ${index}`);
  return block.replace(/^alias .*$/m, '');
}

readme('the commands of "Your own host", in order, end with two VMs that talk and a log that verifies', async () => {
  const shop = workshop();
  run(commands('Your own host', 1), shop);
  const programs = commands('Your own host', 2).trim().split('\n');
  assert.is(programs.length, 3);
  const running: ChildProcess[] = [];
  try {
    for (const line of programs) {
      const [program = '', ...args] = line.replace(/ &$/, '').split(' ');
      const child = spawn(program, args, { cwd: shop.directory, env: shop.env, stdio: 'pipe' });
      running.push(child);
      await says(child, /broker running|programs connect to/);
    }
    const receive = commands('Your own host', 3).trim();
    const send = commands('Your own host', 4).trim();
    const receiver = spawn('bash', ['-c', receive.replace(/ &$/, '')], { cwd: shop.directory, env: shop.env });
    let heard = '';
    receiver.stdout.on('data', (bytes: Buffer) => {
      heard += bytes.toString();
    });
    await says(receiver, /listening at port 4713/);
    run(send, shop);
    await ended(receiver);
    assert.is(heard, 'ping');

    const [back = '', tail = '', verify = ''] = commands('Your own host', 5).trim().split('\n');
    assert.match(failure(back, shop), 'EACCES');
    assert.match(run(tail, shop), /send\.denied my-audio -> my-app:4713/);
    assert.match(run(verify, shop), /^PASS/);

    const [broker] = running;
    assert.ok(broker !== undefined);
    const inForce = says(broker, /policy in force/);
    assert.match(run(commands('Your first policy edit', 0), shop), /no findings/);
    await inForce;
    assert.match(failure(send, shop), 'EACCES');
  } finally {
    for (const child of running.reverse()) {
      child.kill('SIGTERM');
      await ended(child);
    }
  }
});

readme(
  'the rows it quotes stand in the shipped policy, and its assertions refuse the row that it says they refuse',
  async () => {
    const shop = workshop();
    run(commands('Your own host', 1), shop);
    const file = join(shop.directory, 'my-host/policy/policy.csv');
    const shipped = readFileSync(file, 'utf8');
    const [rows = '', refused = ''] = blocks('Your first policy edit', 'csv');
    for (const row of rows.trim().split('\n'))
      assert.ok(shipped.replace(/ +/g, ' ').includes(row.replace(/ +/g, ' ')), row);
    writeFileSync(file, `${shipped}${refused}`);
    assert.match(failure('argus policy check my-host/policy', shop), /must-allow on line \d+ of assertions\.csv/);
  },
);

readme('every file it links to exists', () => {
  for (const [, target = ''] of README.matchAll(/\]\(([^)#]+)\)/g)) {
    if (!target.startsWith('http')) assert.ok(existsSync(join(ROOT, target)), target);
  }
});

/** What a command that must fail has printed. */
function failure(script: string, { directory, env }: Workshop): string {
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], { cwd: directory, env, encoding: 'utf8' });
  assert.is.not(status, 0, script);
  return `${stdout}${stderr}`;
}

/** Resolves when the program has printed a line like this; fails when it ends first. */
function says(child: ChildProcess, pattern: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (text: Buffer) => {
        said += text.toString();
        if (pattern.test(said)) resolve();
      });
    child.once('exit', (code) => reject(new Error(`ended with ${code}: ${said}`)));
  });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

readme.run();
