/** What is generated from the tree of commands (completion, man pages), and rules that every command keeps. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { argusProgram } from '../../clients/cli/program.ts';
import { completionScript, SHELLS } from '../../clients/cli/tree/completion.ts';
import { exitCodesOf, NAMED_PATHS } from '../../clients/cli/tree/exit-codes.ts';
import { manPages } from '../../clients/cli/tree/man-page.ts';
import { knownValues } from '../../clients/cli/tree/values.ts';
import { SHIPPED_POLICY_DIRECTORY } from '../../policy/index.ts';
import { needs } from '../support/needs.ts';
import { runCli } from '../support/processes/run-cli.ts';
import { temporaryDirectory } from '../support/temp.ts';

const tree = suite('the tree of commands');

function walk(command: Command, path = command.name()): (readonly [path: string, command: Command])[] {
  return [[path, command], ...command.commands.flatMap((each) => walk(each, `${path} ${each.name()}`))];
}

tree('a command that is named loads alone, as the same command', async () => {
  const names = (await argusProgram()).commands.map((command) => command.name());
  for (const name of names) {
    const alone = (await argusProgram(name)).commands.map((command) => command.name());
    if (name === 'completion' || name === 'man') assert.ok(alone.length > 10, `${name} describes all the others`);
    else assert.equal(alone, [name]);
  }
  for (const first of ['', 'help', '--help', 'no-such-command', 'constructor'])
    assert.ok((await argusProgram(first)).commands.length > 10, first);
});

tree('completion scripts know every command and option', async () => {
  const program = await argusProgram();
  for (const shell of SHELLS) {
    const script = completionScript(program, shell);
    for (const [path, command] of walk(program)) {
      for (const part of path.split(' ')) assert.match(script, part, `${shell}: ${path}`);
      for (const { long } of command.options)
        assert.match(script, (long ?? '').replace(/^--/, ''), `${shell}: ${long}`);
    }
  }
});

/** The last word is completed; a program of the name answers for the policy. */
const COMPLETIONS: readonly (readonly [words: readonly string[], expected: string])[] = [
  [['argus', 'sta'], 'status'],
  [['argus', 'keys', 'is'], 'issue'],
  [['argus', 'status', '--j'], '--json'],
  [['argus', 'audit', 'tail', 'dir', '--den'], '--denied'],
  [['argus', 'completion', 'z'], 'zsh'],
  [['argus', 'policy', 'graph', '--format', 'm'], 'mermaid'],
  [['argus', 'grant', 'chr'], 'chrome-vm'],
  [['argus', 'grant', 'chrome-vm', '@m'], '@mic'],
  [['argus', 'grant', '--reason', 'call', 'chr'], 'chrome-vm'],
  [['argus', 'vm', 'add', 'new-vm', '--label', '@m'], '@mic'],
  [['argus', 'policy', 'search', '-c', 'au'], 'audio'],
];
const ANSWERS = `argus() { case "$1 $2" in
  'known-values domains') printf '%s\\n' chrome-vm mail-vm ;;
  'known-values labels') printf '%s\\n' @mic @app ;;
  'known-values classes') printf '%s\\n' audio dhcp ;;
esac; }`;
const FISH_ANSWERS = `function argus; switch "$argv"
  case 'known-values domains'; printf '%s\\n' chrome-vm mail-vm
  case 'known-values labels'; printf '%s\\n' @mic @app
  case 'known-values classes'; printf '%s\\n' audio dhcp
end; end`;

function inShell(shell: string, text: string): string {
  const { stdout, stderr } = spawnSync(shell, ['-c', text], { encoding: 'utf8' });
  assert.is(stderr, '');
  return stdout.trim();
}

tree('bash completes commands, options, choices and names of the policy', async () => {
  const script = completionScript(await argusProgram(), 'bash');
  const asked = COMPLETIONS.map(
    ([words]) =>
      `COMP_WORDBREAKS=; COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _argus; echo "\${COMPREPLY[*]}"`,
  );
  const answers = inShell('bash', `${script}\n${ANSWERS}\n${asked.join('\n')}`);
  assert.equal(
    answers.split('\n'),
    COMPLETIONS.map(([, expected]) => expected),
  );
});

tree('bash is given a label as it cuts it, in two words', async () => {
  const script = completionScript(await argusProgram(), 'bash');
  const ask = `COMP_WORDBREAKS=@; COMP_WORDS=(argus grant chrome-vm @ m); COMP_CWORD=4; _argus; echo "\${COMPREPLY[*]}"`;
  assert.is(inShell('bash', `${script}\n${ANSWERS}\n${ask}`), 'mic');
});

needs('zsh', 'zsh')(tree, 'zsh completes the same', async () => {
  const script = completionScript(await argusProgram(), 'zsh');
  const stubs = `compdef() { : }; _files() { : }; _describe() { print -r -- \${(M)candidates:#\${words[CURRENT]}*} }`;
  const asked = COMPLETIONS.map(([words]) => `words=(${words.join(' ')}); CURRENT=${words.length}; _argus`);
  const answers = inShell('zsh', `${stubs}\n${script}\n${ANSWERS}\n${asked.join('\n')}`);
  assert.equal(
    answers.split('\n').map((line) => line.split(':')[0]),
    COMPLETIONS.map(([, expected]) => expected),
  );
});

needs('fish', 'fish')(tree, 'fish completes the same', async () => {
  const script = completionScript(await argusProgram(), 'fish');
  const asked = COMPLETIONS.map(([words]) => `complete -C '${words.join(' ')}'`);
  const answers = inShell('fish', `${FISH_ANSWERS}\n${script}\n${asked.join('\n')}`);
  assert.equal(
    answers.split('\n').map((line) => line.split('\t')[0]),
    COMPLETIONS.map(([, expected]) => expected),
  );
});

tree('known values are those of the policy that argus.yaml names; without one there are none', async () => {
  const root = temporaryDirectory();
  const places = { here: join(root, 'here'), system: join(root, 'etc') };
  mkdirSync(places.here, { mode: 0o755 });
  assert.equal(await knownValues('domains', places), []);
  cpSync(SHIPPED_POLICY_DIRECTORY, join(places.here, 'policy'), { recursive: true });
  writeFileSync(join(places.here, 'argus.yaml'), 'identity: i\npolicy: policy\naudit: a\n');
  assert.ok((await knownValues('domains', places)).includes('audio-vm'));
  assert.ok((await knownValues('labels', places)).includes('@mic'));
  assert.ok((await knownValues('classes', places)).includes('dhcp'));
  assert.ok((await knownValues('subjects', places)).includes('@mic'));
  assert.ok((await knownValues('events', places)).includes('send.denied'));
  writeFileSync(join(places.here, 'policy', 'policy.csv'), 'nonsense\n');
  assert.equal(await knownValues('labels', places), []);
});

/** Requests of man(7) that the pages use; a line that begins with another one would be lost. */
const REQUESTS = /^\.(TH|SH|TP|B|BR|nf|fi)\b/;
tree('each command has a man page of the usual sections, and no text is taken for a request', async () => {
  const pages = manPages(await argusProgram(), '1.2.3');
  const names = pages.map(({ file }) => file);
  for (const path of ['argus', 'argus-status', 'argus-policy-check']) assert.ok(names.includes(`${path}.1`), path);
  assert.is(new Set(names).size, names.length);
  for (const { file, text } of pages) {
    for (const section of ['NAME', 'SYNOPSIS', 'DESCRIPTION', 'OPTIONS', 'EXIT STATUS'])
      if (file !== 'argus-demo.1' || section !== 'OPTIONS') assert.match(text, `\n.SH ${section}\n`, file);
    for (const line of text.split('\n')) if (/^[.']/.test(line)) assert.match(line, REQUESTS, `${file}: ${line}`);
  }
});

/** Commands without --json, each with its reason. A command that prints data to a person prints it to a program too. */
const WITHOUT_JSON: Readonly<Record<string, string>> = {
  agent: 'runs until it is stopped',
  device: 'runs until it is stopped',
  console: 'runs until it is stopped',
  'ring send': 'carries the bytes of the user',
  'ring recv': 'carries the bytes of the user',
  'audio agent': 'runs until it is stopped',
  'audio service': 'runs until it is stopped',
  'audio qubes-control': 'runs until it is stopped',
  'net link': 'runs until it is stopped',
  'net dhcp': 'runs until it is stopped',
  'net routes': 'runs until it is stopped',
  'net connect': 'runs until it is stopped',
  'net listen': 'runs until it is stopped',
  'net agent': 'runs until it is stopped',
  'vm enrol': 'prints one token, and waits',
  'vm agent': 'writes a program',
  'policy graph': 'its formats are for programs',
  'policy explain': 'prints a page of the manual',
  'keys init': 'writes files',
  'keys enrol': 'writes files',
  'keys issue': 'writes files',
  'keys install': 'writes files',
  'audit checkpoint': 'its format is for programs',
  'audit key': 'its format is for programs',
  'audit prove': 'its format is for programs',
  'audit case': 'its output is lines of JSON',
  'audit schema': 'its output is JSON',
  completion: 'its formats are for shells',
  'known-values': 'its format is for shells',
  demo: 'its options are those of the program that it starts',
};
tree('every command that prints data takes --json or --format json', async () => {
  for (const [path, command] of walk(await argusProgram())) {
    if (command.commands.length > 0) continue;
    const options = [...command.options, ...(command.parent?.options ?? [])];
    const hasJson = options.some(
      ({ long, argChoices }) => long === '--json' || (long === '--format' && argChoices?.includes('json') === true),
    );
    const name = path.replace(/^argus /, '');
    assert.is(hasJson, !Object.hasOwn(WITHOUT_JSON, name), `${path}: --json, or a reason in WITHOUT_JSON`);
  }
  const names = new Set(walk(await argusProgram()).map(([path]) => path.replace(/^argus /, '')));
  for (const name of Object.keys(WITHOUT_JSON)) assert.ok(names.has(name), `${name} is no command any more`);
});

tree('exit codes are documented for every command, and only for commands that exist', async () => {
  const paths = new Set(walk(await argusProgram()).map(([path]) => path));
  for (const path of paths) assert.ok(exitCodesOf(path).length >= 3, path);
  for (const path of NAMED_PATHS) assert.ok(paths.has(path), `${path} is no command any more`);
});

tree('argus man writes the pages, and says which', async () => {
  const directory = join(temporaryDirectory(), 'man1');
  const { code, stdout } = await runCli(['man', directory, '--json']);
  assert.is(code, 0);
  assert.ok((JSON.parse(stdout) as string[]).includes('argus-vm-add.1'));
});

tree.run();
