/** An auditor's 22 questions (docs/audit.md): each command is run on the log of a day, and prints what the page shows. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { argusProgram } from '../../../clients/cli/program.ts';
import { runCommand } from '../../policy/run-policy.ts';
import { WORKING_TREE } from '../../support/program.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { writeDay } from './day.ts';

const questions = suite("an auditor's 22 questions");

const PAGE = join(WORKING_TREE, 'docs/audit.md');
/** With it the test writes the page instead of comparing it. */
const IS_WRITING = process.env.ARGUS_WRITE_DOCS === '1';
/** Lines of an output that the page shows. */
const SHOWN_LINES = 12;
const BLOCK = /```console\n([\s\S]*?)```/g;

let made: Promise<string> | null = null;

function day(): Promise<string> {
  made ??= (async () => {
    const directory = join(temporaryDirectory(), 'day');
    mkdirSync(directory);
    await writeDay(directory);
    return directory;
  })();
  return made;
}

/** The words of a command line as a shell splits these. Brackets and `>` in a question would need quotes there. */
function wordsOf(command: string): string[] {
  return [...command.matchAll(/"((?:[^"\\]|\\.)*)"|(?:[^\s"]|"(?:[^"\\]|\\.)*")+/g)].map(([whole, quoted]) =>
    quoted === undefined ? whole : quoted,
  );
}

const isFile = (word: string): boolean =>
  /^(audit|restored|draft|[\w-]+\.(vkey|checkpoint|tlog-proof|case|book))$/.test(word);

/** What a command prints, and its exit code if that is not 0. */
async function answerTo(command: string): Promise<string> {
  const directory = await day();
  const [line = '', target] = command.split(/ > (?=\S+$)/);
  const words = wordsOf(line).slice(1);
  const paths = words.map((word, at) => (at > 1 && isFile(word) ? join(directory, word) : word));
  const { output, error, exitCode } = await runCommand(await argusProgram(paths[0]), paths);
  if (target !== undefined) writeFileSync(join(directory, target), output);
  const text = error === null ? output : `${error instanceof Error ? error.message : error}\n`;
  const lines = (target === undefined ? text : '').replaceAll(`${directory}/`, '').trimEnd().split('\n');
  const shown = lines.length > SHOWN_LINES ? [...lines.slice(0, SHOWN_LINES - 1), '…'] : lines;
  return `${shown.join('\n').trimEnd()}\n${exitCode === 0 ? '' : `(exit code ${exitCode})\n`}`.replace(/^\n$/, '');
}

/** Numbers and hashes are not what the page promises, and the widths of columns follow from them. */
function general(text: string): string {
  return text
    .replaceAll(/[\w+/]{40,}=*/g, 'HASH')
    .replaceAll(/\b(?=[a-f]*\d)[0-9a-f]{8,}\b/g, 'HASH')
    .replaceAll(/[\d.]+/g, 'N')
    .replaceAll(/[ ─┬┴┼]+/g, ' ');
}

interface Asked {
  readonly command: string;
  readonly shown: string;
}

function askedIn(block: string): Asked[] {
  return block
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const end = part.indexOf('\n');
      return { command: part.slice(0, end), shown: part.slice(end + 1) };
    });
}

function sectionOf(page: string): string {
  return /\n## An auditor's 22 questions\n[\s\S]*?(?=\n## )/.exec(page)?.[0] ?? '';
}

questions('the page has all of them', () => {
  const titles = [...sectionOf(readFileSync(PAGE, 'utf8')).matchAll(/^### (\d+)\. .*\?$/gm)];
  assert.equal(
    titles.map(([, number]) => Number(number)),
    Array.from({ length: 22 }, (_, at) => at + 1),
  );
});

for (const [, title = '', text = ''] of sectionOf(readFileSync(PAGE, 'utf8')).matchAll(
  /^### (.*)\n([\s\S]*?)(?=^### |$(?![\s\S]))/gm,
)) {
  questions(title, async () => {
    const asked = [...text.matchAll(BLOCK)].flatMap(([, block = '']) => askedIn(block));
    assert.ok(asked.length > 0, 'the question has a command');
    for (const { command, shown } of asked) {
      const answer = await answerTo(command);
      if (IS_WRITING) {
        const page = readFileSync(PAGE, 'utf8');
        writeFileSync(
          PAGE,
          page.replace(`$ ${command}\n${shown}`, () => `$ ${command}\n${answer}`),
        );
        continue;
      }
      assert.is(
        general(answer),
        general(shown),
        `${command}\nprints\n${answer}\nARGUS_WRITE_DOCS=1 npm test -- auditor-questions writes the page`,
      );
    }
  });
}

questions('the linter looks at the log for rows that nobody used, and says when the log is too short', async () => {
  const directory = await day();
  const at = (name: string): string => join(directory, name);
  const check = async (since: string) =>
    runCommand(await argusProgram('policy'), [
      ...['policy', 'check', at('draft'), '--audit', at('audit'), '--unused', since, '--format', 'github'],
    ]);
  const { output, error } = await check('2026-11-17T15:00Z');
  assert.is(error, null);
  assert.match(output, 'W-030');
  assert.match(output, 'allowed nothing since 2026-11-17');
  const short = await check('2026-01-01');
  assert.match(short.output, 'no row is reported as unused: the log names no policy that was in force on 2026-01-01');
  assert.not.match(short.output, 'W-030');
});

questions.run();
