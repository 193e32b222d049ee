/**
 * Every block of commands in README.md and docs/ is typed by a test, or is in the short list of those that cannot be, with
 * the reason. The lines of all of them are read as `argus` reads them: commands, options and arguments exist.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { argusProgram } from '../../clients/cli/program.ts';
import { WORKING_TREE } from '../support/program.ts';
import { type Block, commandBlocks } from './blocks.ts';
import { wordsOf } from './page-steps.ts';

const blocks = suite('blocks of commands');

const CHECKOUT = 'scripts of a checkout: CI runs npm ci, build and test, and test/demo/ runs the demo';
const MACHINE = 'needs a virtual machine with a VMM; test/vm/ starts some, docs.test.ts compares the arguments';
const HOST = 'directories, users and services of an installed host; test/host/deb-clean-root.test.ts installs one';
const NETWORK = 'needs two machines or a remote server; the parts are tested each';
const CHOICE = 'a list to choose from, with placeholders; each command has tests of its own';

/** Page, how the first command of the block begins, and the test that types it or the reason why none does. First match. */
const ROWS: readonly (readonly [page: string, first: string, where: string])[] = [
  ['README.md', 'npm ', CHECKOUT],
  ['README.md', '', 'test/docs/readme.serial.test.ts'],
  [
    'docs/agent.md',
    'argus vm agent',
    'the file is a part of the build; test/agents/guest/artefact.test.ts makes and runs it',
  ],
  ['docs/agent.md', 'argus vm enrol', MACHINE],
  ['docs/agent.md', 'argus ring recv', 'test/docs/typed.serial.test.ts'],
  ['docs/audio.md', 'argus keys init', 'test/docs/typed.serial.test.ts'],
  ['docs/audio.md', 'argus audio service --carrier unix:$PWD', 'test/agents/audio/walkthrough.serial.test.ts'],
  ['docs/audio.md', 'npm run bench', 'minutes of a quiet machine'],
  ['docs/audio.md', 'argus policy init', 'test/docs/typed.serial.test.ts'],
  ['docs/audio.md', 'argus audio', CHOICE],
  ['docs/audit.md', 'npm install', 'the index is optional, its package has 70 MB'],
  ['docs/audit.md', 'argus keys enrol', CHOICE],
  ['docs/audit.md', 'argus audit stream', NETWORK],
  ['docs/audit.md', 'argus audit witness', NETWORK],
  ['docs/audit.md', 'argus audit verify DIR', NETWORK],
  ['docs/audit.md', 'argus audit key DIR', NETWORK],
  ['docs/audit.md', 'argus audit list DIR', CHOICE],
  ['docs/audit.md', 'argus audit tail DIR', CHOICE],
  ['docs/audit.md', 'argus audit status /var', CHOICE],
  ['docs/audit.md', '', 'test/audit/day/auditor-questions.test.ts'],
  ['docs/benchmarks.md', 'npm run bench', 'minutes of a quiet machine'],
  ['docs/broker.md', 'argus status', HOST],
  ['docs/commands.md', '', 'test/docs/typed.serial.test.ts'],
  ['docs/console.md', 'argus console', CHOICE],
  ['docs/devices.md', '', MACHINE],
  ['docs/grants.md', '', 'test/docs/typed.serial.test.ts'],
  ['docs/hosts.md', 'argus host init', 'test/docs/host-templates.test.ts'],
  ['docs/hosts.md', 'ARGUS_KEY_PASSPHRASE_FILE', HOST],
  ['docs/hosts.md', 'npm ci && npm run demo', CHECKOUT],
  ['docs/hosts.md', 'npm ci && npm run build:deb', 'test/host/deb-clean-root.test.ts'],
  ['docs/hosts.md', 'socat FILE', 'test/agents/guest/socat.test.ts'],
  ['docs/hosts.md', 'socat UNIX', 'test/vm/vsock.test.ts'],
  ['docs/hosts.md', 'mkdir', 'test/vm/vsock.test.ts'],
  ['docs/hosts.md', 'argus vm command', MACHINE],
  ['docs/hosts.md', 'qemu', MACHINE],
  ['docs/ivshmem.md', '', MACHINE],
  ['docs/keys.md', 'systemd-creds', 'test/keys/at-rest/systemd-credential.test.ts'],
  ['docs/keys.md', '', 'test/docs/keys-page.test.ts'],
  ['docs/nats.md', 'npm ci', CHECKOUT],
  ['docs/nats.md', '', HOST],
  ['docs/network.md', 'qemu', MACHINE],
  ['docs/network.md', '', NETWORK],
  ['docs/policy.md', 'argus policy bundle', 'test/docs/policy-signed.serial.test.ts'],
  ['docs/policy.md', 'argus policy init', CHOICE],
  ['docs/policy.md', 'argus policy edit', CHOICE],
  ['docs/policy.md', 'argus policy replay', CHOICE],
  ['docs/policy.md', 'argus policy import', CHOICE],
  ['docs/policy.md', 'argus nats config', NETWORK],
  ['docs/policy.md', 'argus setenforce chrome-vm', CHOICE],
  ['docs/policy.md', 'argus policy check /etc', CHOICE],
  ['docs/policy.md', 'argus policy diff /etc', CHOICE],
  ['docs/policy.md', 'argus policy test /etc', CHOICE],
  ['docs/policy.md', 'argus policy flow', CHOICE],
  ['docs/policy.md', 'argus policy search', CHOICE],
  ['docs/policy.md', 'argus policy why chrome-vm', CHOICE],
  ['docs/policy.md', 'argus policy why audio-vm', CHOICE],
  ['docs/policy.md', 'argus policy why --seq 4711', CHOICE],
  ['docs/policy.md', 'argus why chrome-vm', CHOICE],
  ['docs/policy.md', '', 'test/docs/policy-day.serial.test.ts'],
  ['docs/scaling.md', 'npm run bench', 'minutes of a quiet machine'],
  ['docs/scaling.md', '', NETWORK],
  ['docs/simulation.md', 'npm run simulate', CHECKOUT],
];

const PAGES: readonly Block[] = commandBlocks();

blocks('each one has a row, and each row has one', () => {
  const used = new Set<number>();
  for (const { page, commands } of PAGES) {
    const row = ROWS.findIndex(([each, first]) => each === page && (commands[0] ?? '').startsWith(first));
    assert.ok(row >= 0, `${page}: no test types "${commands[0]}", and no reason is given`);
    used.add(row);
  }
  assert.equal(
    ROWS.filter((_, index) => !used.has(index)),
    [],
  );
});

blocks('each test that is named exists and reads the page', () => {
  for (const [page, , where] of ROWS) {
    if (!where.startsWith('test/')) continue;
    const file = join(WORKING_TREE, where);
    assert.ok(existsSync(file), where);
    assert.ok(readFileSync(file, 'utf8').includes(basename(page)), `${where} does not mention ${page}`);
  }
});

/** Ends a command in a line: another command, a redirection, a comment, or the column with its meaning. */
const END = / {2,}|\s(?:#|\||&&|&|>|<|;|then:)(?:\s|$)/;

/** The `argus` commands of a line, as words. */
function argusLines(line: string): string[][] {
  return [...line.matchAll(/(?:^|[|;]\s*|&&\s*|<\(|[A-Z_]+=\S+\s)argus (.*)/g)].map(([, rest = '']) =>
    wordsOf((rest.split(END)[0] ?? '').replace(/\).*$/, (end) => (rest.includes('(') ? end : ''))),
  );
}

/** The problem with the words of a command line, or null. */
function problemOf(program: Command, words: readonly string[]): string | null {
  let command = program;
  const options = [...program.options];
  const given: string[] = [];
  const seen = new Set<string>();
  let variadic = false;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (!/^--?[a-zA-Z]/.test(word)) {
      const below = given.length === 0 ? nextOf(command, word) : undefined;
      if (below !== undefined) {
        command = below;
        options.push(...below.options);
        continue;
      }
      if (!variadic) given.push(word);
      continue;
    }
    const option = options.find(({ long, short }) => word === long || word === short);
    if (option === undefined) return `no option ${word}`;
    seen.add(option.attributeName());
    variadic = option.variadic;
    if (option.required && !variadic) at++;
  }
  if (words.includes('…')) return null; // the page leaves something out
  const missing = command.options.find((option) => option.mandatory && !seen.has(option.attributeName()));
  if (missing !== undefined) return `${missing.long} is missing`;
  const { registeredArguments: wanted } = command;
  const needed = wanted.filter(({ required }) => required).length;
  if (given.length < needed) return `${needed} arguments are needed`;
  const isOpen = wanted.at(-1)?.variadic === true;
  return given.length > wanted.length && !isOpen ? `"${given.at(-1)}" is one argument too many` : null;
}

function nextOf(command: Command, word: string): Command | undefined {
  return command.commands.find((each) => each.name() === word || each.aliases().includes(word));
}

blocks('each argus command in them has the commands, options and arguments that the page uses', async () => {
  const program = await argusProgram();
  const faults: string[] = [];
  let count = 0;
  for (const { page, commands } of PAGES)
    for (const line of commands)
      for (const words of argusLines(line)) {
        count++;
        const problem = problemOf(program, words);
        if (problem !== null) faults.push(`${page}: argus ${words.join(' ')}: ${problem}`);
      }
  assert.equal(faults, []);
  assert.ok(count > 200, `${count} commands`);
});

blocks('a command, option or argument that does not exist is found', async () => {
  const program = await argusProgram();
  for (const [line, problem] of [
    ['argus status --cotrol x', 'no option --cotrol'],
    ['argus grant chrome-vm', '2 arguments are needed'],
    ['argus keys approve a b --authority c', '"b" is one argument too many'],
    ['argus broker', '--config is missing'],
    ['argus broker --config argus.yaml &', null],
  ] as const)
    assert.is(problemOf(program, argusLines(line)[0] ?? []), problem, line);
});

blocks.run();
