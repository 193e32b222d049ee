/** What README.md tells a newcomer to type, typed. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
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

/** A directory whose `argus` is this checkout's, from the sources. */
function workshop(): { directory: string; env: NodeJS.ProcessEnv } {
  const directory = temporaryDirectory();
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  const loader = join(ROOT, 'node_modules/tsx/dist/esm/index.mjs');
  const main = join(ROOT, 'clients/cli/main.ts');
  writeFileSync(join(bin, 'argus'), `#!/bin/sh\nexec node --import "${loader}" "${main}" "$@"\n`, { mode: 0o755 });
  return { directory, env: { ...process.env, PATH: `${bin}:${process.env.PATH ?? ''}` } };
}

function run(script: string, { directory, env }: ReturnType<typeof workshop>): string {
  const result = spawnSync('bash', ['-euc', script], { cwd: directory, env, encoding: 'utf8' });
  assert.is(result.status, 0, `${script}\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

const readme = suite('README');

readme(
  'the policy directory of the first edit is good, and the edit it shows is refused by the assertion it names',
  () => {
    const shop = workshop();
    const [commands = ''] = blocks('Your first policy edit', 'sh');
    run(commands.replace(/^alias .*$/m, ''), shop);
    const [, edit = ''] = blocks('Your first policy edit', 'csv');
    const file = join(shop.directory, 'my-policy', 'policy.csv');
    writeFileSync(file, `${readFileSync(file, 'utf8')}${edit}`);
    const checked = spawnSync('argus', ['policy', 'check', 'my-policy'], {
      cwd: shop.directory,
      env: shop.env,
      encoding: 'utf8',
    });
    assert.is(checked.status, 1);
    assert.match(`${checked.stdout}${checked.stderr}`, /must-allow on line \d+ of assertions\.csv/);
  },
);

readme('the rows it quotes stand in the shipped policy', () => {
  const shipped = readFileSync(join(ROOT, 'policy/shipped/policy.csv'), 'utf8').replace(/ +/g, ' ');
  const [rows = ''] = blocks('Your first policy edit', 'csv');
  for (const row of rows.trim().split('\n')) assert.ok(shipped.includes(row.replace(/ +/g, ' ')), row);
});

readme('the commands of "Running a broker" end in a broker that answers, and whose log verifies', async () => {
  const shop = workshop();
  const [commands = ''] = blocks('Running a broker', 'sh');
  const lines = commands.trim().split('\n');
  const last = lines.pop() ?? '';
  assert.is(last, 'argus broker --config argus.yaml');
  run(lines.join('\n'), shop);
  const broker = spawn('argus', ['broker', '--config', 'argus.yaml'], {
    cwd: shop.directory,
    env: shop.env,
    stdio: 'pipe',
  });
  await started(broker);
  assert.match(run('argus status --control run/control.sock', shop), /chrome-vm/);
  broker.kill('SIGTERM');
  const code = await new Promise((done) => broker.once('exit', done));
  assert.is(code, 0);
  assert.match(run('argus audit verify audit', shop), /^PASS/);
});

readme('every file it links to exists', () => {
  for (const [, target = ''] of README.matchAll(/\]\(([^)#]+)\)/g)) {
    if (!target.startsWith('http')) assert.ok(existsSync(join(ROOT, target)), target);
  }
});

function started(broker: ChildProcess): Promise<void> {
  return new Promise((done, fail) => {
    let said = '';
    broker.stderr?.on('data', (text: Buffer) => {
      said += text.toString();
      if (said.includes('broker running')) done();
    });
    broker.once('exit', (code) => fail(new Error(`ended with ${code}: ${said}`)));
  });
}

readme.run();
