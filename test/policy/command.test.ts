/** `argus policy check` and `init`, as the process sees them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { policyCommand } from '../../clients/cli/commands/policy/index.ts';
import { temporaryDirectory } from '../support/temp.ts';

const command = suite('argus policy');

interface Run {
  readonly output: string;
  readonly exitCode: number;
  readonly error: unknown;
}

async function run(...words: string[]): Promise<Run> {
  const written: string[] = [];
  const write = process.stdout.write;
  const exitCode = process.exitCode;
  process.exitCode = 0;
  process.stdout.write = (chunk: string | Uint8Array) => written.push(String(chunk)) > 0;
  let error: unknown = null;
  try {
    await policyCommand().exitOverride().parseAsync(words, { from: 'user' });
  } catch (caught) {
    error = caught;
  } finally {
    process.stdout.write = write;
  }
  const result = { output: written.join(''), exitCode: Number(process.exitCode), error };
  process.exitCode = exitCode;
  return result;
}

async function initialised(): Promise<string> {
  const path = join(temporaryDirectory(), 'policy');
  assert.is((await run('init', path)).error, null);
  return path;
}

command('init writes the shipped policy, check finds nothing and counts', async () => {
  const path = await initialised();
  const { output, exitCode } = await run('check', path);
  assert.is(exitCode, 0);
  for (const part of ['no findings', '6 domains', 'rows', 'assertions, all hold', 'tests, all passed'])
    assert.match(output, part);
});

command('each finding is one line with file, line, column and code; the exit code is 3', async () => {
  const path = await initialised();
  writeFileSync(join(path, 'policy.csv'), 'p, @ap, @audio, argo, send, allow\np, @app, @audio, argo, send, dney\n');
  const { output, exitCode } = await run('check', path);
  assert.is(exitCode, 3);
  const [first, second] = output.split('\n');
  assert.is(first, 'policy.csv:1:4: (E) label "@ap" is not declared in domains.yaml, did you mean "@app"? (E-011)');
  assert.is(
    second,
    'policy.csv:2:30: (E) effect "dney"; expected exactly "allow" or "deny", did you mean "deny"? (E-015)',
  );
  assert.match(output, '2 findings');
});

command('--json is one object, good or bad', async () => {
  const path = await initialised();
  const good = JSON.parse((await run('check', path, '--json')).output);
  assert.equal([good.ok, good.findings, good.summary.domains], [true, [], 6]);
  writeFileSync(join(path, 'policy.csv'), '');
  const { output, exitCode } = await run('check', path, '--json');
  const bad = JSON.parse(output);
  assert.equal([exitCode, bad.ok, bad.code, bad.findings[0].code], [3, false, 'ERR_POLICY_EMPTY', 'F-007']);
});

command('a directory that is not there is an error with a code', async () => {
  const { error } = await run('check', join(temporaryDirectory(), 'nothing'));
  assert.is((error as { code: string }).code, 'ERR_POLICY_DIRECTORY');
});

command('init into a directory that holds a policy changes nothing', async () => {
  const path = await initialised();
  writeFileSync(join(path, 'policy.csv'), 'mine\n');
  const { error } = await run('init', path);
  assert.is((error as { code: string }).code, 'ERR_POLICY_EXISTS');
  assert.is(readFileSync(join(path, 'policy.csv'), 'utf8'), 'mine\n');
});

command.run();
