/** What `argus` says about itself: help, suggestions, completion. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { argusProgram } from '../../clients/cli/program.ts';
import { visibleCommands } from '../../clients/cli/tree/node.ts';
import { nodeProblem, OLDEST_NODE } from '../../clients/entry/index.ts';
import { runCli } from '../support/processes/run-cli.ts';
import { CLI, nodeArguments, ROOT } from '../support/program.ts';

const help = suite('what the command line says about itself');

/** Every command with its full name. */
function walk(command: Command, path = command.name()): (readonly [path: string, command: Command])[] {
  return [[path, command], ...command.commands.flatMap((each) => walk(each, `${path} ${each.name()}`))];
}

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
  });
  command.outputHelp();
  return text;
}

help('every command has a description, and every one that does something an example', async () => {
  for (const [path, command] of walk(await argusProgram())) {
    assert.ok(command.description().length > 0, path);
    if (command.commands.length === 0) assert.match(helpOf(command), /\nExamples?(, in the VM)?:\n {2}.*argus /, path);
  }
});

help('every option and argument is explained', async () => {
  for (const [path, command] of walk(await argusProgram())) {
    for (const { flags, description } of command.options) assert.ok(description.length > 0, `${path} ${flags}`);
    for (const argument of command.registeredArguments)
      assert.ok(argument.description.length > 0, `${path} <${argument.name()}>`);
  }
});

help('argus --help lists every command for people and exits 0', async () => {
  const { code, stdout, stderr } = await runCli(['--help']);
  assert.is(code, 0);
  assert.is(stderr, '');
  for (const command of visibleCommands(await argusProgram())) assert.match(stdout, `\n  ${command.name()} `);
});

help('a closed pipe ends a command silently', () => {
  const { stderr, stdout } = spawnSync(
    'sh',
    ['-c', '"$@" --help | true', 'sh', process.execPath, ...nodeArguments(CLI)],
    {
      cwd: ROOT,
      encoding: 'utf8',
    },
  );
  assert.equal([stdout, stderr], ['', '']);
});

const WRONG_LINES: readonly (readonly [line: readonly string[], says: string])[] = [
  [['staus'], 'Did you mean status?'],
  [['status', '--jsn'], 'Did you mean --json?'],
  [['keys', 'isue', 'chrome-vm'], 'Did you mean issue?'],
  [['audit', 'tail', 'somewhere', '--event', 'nothing'], 'send.denied'],
  [['policy', 'check'], "missing required argument 'directory'"],
  [['broker'], "required option '--config <file>' not specified"],
  [['completion', 'tcsh'], 'bash, zsh, fish'],
  [[], 'Usage: argus'],
];
for (const [line, says] of WRONG_LINES) {
  help(`"argus ${line.join(' ')}" says what is wrong on stderr and exits 2`, async () => {
    const { code, stdout, stderr } = await runCli(line);
    assert.is(code, 2);
    assert.is(stdout, '');
    assert.match(stderr, says);
  });
}

help('a Node that is too old is told what is needed; one that will do is not', () => {
  for (const old of ['8.17.0', '18.20.4', '20.18.3']) assert.match(nodeProblem(old) ?? '', 'ERR_CLI_NODE_VERSION');
  for (const good of ['20.19.0', '20.20.2', '22.0.0', '24.1.0']) assert.is(nodeProblem(good), null);
  const { engines } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  assert.is(engines.node, `>=${OLDEST_NODE.join('.')}.0`);
});

/** Stands before the program and pretends to be another Node. */
const OLD_NODE = `data:text/javascript,${encodeURIComponent(
  "globalThis.process = Object.create(process, { versions: { value: { ...process.versions, node: '18.0.0' } } });",
)}`;
for (const program of ['clients/cli/main.ts', 'clients/demo/main.ts']) {
  help(`${program} on an old Node loads nothing else, says what is needed and exits 1`, async () => {
    const { code, stdout, stderr } = await runCli(['--version'], { program, imports: [OLD_NODE] });
    assert.is(code, 1);
    assert.is(stdout, '');
    assert.match(stderr, /Node 18\.0\.0 is too old: Argus needs 20\.19 or newer.*\(ERR_CLI_NODE_VERSION\)/);
    const source = readFileSync(new URL(`../../${program}`, import.meta.url), 'utf8');
    assert.equal(source.match(/^import .*$/gm), ["import { endOnBrokenPipe, nodeProblem } from '../entry/index.ts';"]);
  });
}

help.run();
