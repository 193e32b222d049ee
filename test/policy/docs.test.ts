/** docs/policy.md says what the program does. */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { policyCommand } from '../../clients/cli/commands/policy/index.ts';
import { argusProgram } from '../../clients/cli/program.ts';
import { copyShippedPolicy, formatFinding, loadPolicy, type PolicyError, WARNINGS } from '../../policy/index.ts';
import { CATALOGUE } from '../../policy/read/finding.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { INSPECTORS } from './compile.ts';

const docs = suite('docs/policy.md');

const TEXT = readFileSync(new URL('../../docs/policy.md', import.meta.url), 'utf8');

docs('every finding is in the table, with its code and meaning, and no other', () => {
  const rows = Object.entries(CATALOGUE).map(([code, [error, title]]) => `| ${code} | \`${error}\` | ${title} |`);
  assert.equal(
    TEXT.split('\n').filter((line) => /^\| [A-V]-\d/.test(line)),
    rows,
  );
});

docs('every reason of a denial is explained', () => {
  const source = readFileSync(new URL('../../policy/contract/permit.ts', import.meta.url), 'utf8');
  const union = /export type DenialReason =([\s\S]+?)\ninterface Asked/.exec(source)?.[1] ?? '';
  const reasons = [...union.matchAll(/'([A-Z_]+)'/g)].map(([, reason]) => reason);
  assert.ok(reasons.length >= 11);
  for (const reason of reasons) assert.match(TEXT, `\`${reason}\``);
});

/** Edits that the page shows, and what it says that comes of them. */
const EDITS = ['p, mail-vm, @audio, audio-playback, send, deny\n', 'p, @app, @app, argo, send, allow\n'];
for (const row of EDITS) {
  docs(`the findings after adding "${row.trim()}" are the ones shown`, async () => {
    const path = join(temporaryDirectory(), 'policy');
    await copyShippedPolicy(path);
    appendFileSync(join(path, 'policy.csv'), row);
    try {
      await loadPolicy(path, { revision: 1, inspectors: INSPECTORS });
      assert.unreachable();
    } catch (error) {
      const [first] = (error as PolicyError).findings;
      assert.ok(first);
      // The shipped files grow; which line it is does not matter to the reader.
      const anyLine = (text: string): string => text.replaceAll(/\d+/g, 'N');
      const shown = anyLine(TEXT);
      assert.ok(shown.includes(anyLine(first.message)), formatFinding(first));
    }
  });
}

docs('every warning is in the table, with its meaning, and no other', () => {
  assert.equal(
    TEXT.split('\n').filter((line) => /^\| W-\d/.test(line)),
    Object.entries(WARNINGS).map(([code, title]) => `| ${code} | ${title} |`),
  );
});

/** What `draft` of the examples differs in. */
const DRAFT = 'p, gui-vm, @audio, audio-playback, send, allow\np, mail-vm, @net, dhcp, request, deny\n';

/** Each `$ argus policy …` of the page, with the lines that it shows. */
const EXAMPLES = [...TEXT.matchAll(/```\n(\$ argus policy (?!check)[\s\S]+?)```/g)].flatMap(([, block = '']) =>
  block
    .split('$ argus policy ')
    .slice(1)
    .map((text) => {
      const [command = '', ...output] = text.split('\n');
      return { command, output: output.join('\n') };
    }),
);

docs('the page has examples that are run', () => assert.ok(EXAMPLES.length >= 7));

for (const { command, output } of EXAMPLES) {
  docs(`argus policy ${command} prints what the page shows`, async () => {
    const folder = temporaryDirectory();
    const [policy, draft] = [join(folder, 'policy'), join(folder, 'draft')];
    await copyShippedPolicy(policy);
    await copyShippedPolicy(draft);
    appendFileSync(join(draft, 'policy.csv'), DRAFT);
    const words = command.split(' ').map((word) => word.replace('/etc/argus/policy', policy).replace('./draft', draft));
    if (!/^(diff|no-new-access|test)/.test(command)) words.push('--policy', policy);
    // Counts, lines and hashes change as the shipped policy grows.
    const anyNumber = (text: string): string =>
      text
        .replaceAll(/\(policy [0-9a-f]{12}\)/g, '(policy N)')
        .replaceAll(/(?<=[:/ -])\d+(?=[ :/),.]|$)/gm, 'N')
        .replaceAll(/\(N of/g, '(N of')
        .replaceAll(/\((\d+) of/g, '(N of');
    assert.is(anyNumber((await run(words)).trimEnd()), anyNumber(output.trimEnd()));
  });
}

async function run(words: readonly string[]): Promise<string> {
  const written: string[] = [];
  const [write, exitCode] = [process.stdout.write, process.exitCode];
  process.stdout.write = (chunk: string | Uint8Array) => written.push(String(chunk)) > 0;
  try {
    await policyCommand().exitOverride().parseAsync(words, { from: 'user' });
  } finally {
    process.stdout.write = write;
    process.exitCode = exitCode;
  }
  return written.join('');
}

/** Every line of a block that begins with `argus`, without the explanation behind it. */
const COMMANDS = [...TEXT.matchAll(/```[^\n]*\n([\s\S]*?)```/g)].flatMap(([, block = '']) =>
  block.split('\n').flatMap((line) => {
    const [, command] = /^(?:\$ )?argus (.*)$/.exec(line) ?? [];
    return command === undefined ? [] : [command.replace(/\s{2,}\S.*$|\s+#.*$|\s[>|]\s.*$/, '')];
  }),
);

docs('every command of the page exists, with its options and arguments', async () => {
  assert.ok(COMMANDS.length >= 60, `${COMMANDS.length} commands`);
  for (const text of COMMANDS) {
    const words = [...text.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
    const key = (word: string, index: number): string =>
      words[index - 1] === '--key' || words[index - 1] === '--assertion-key' ? 'k'.repeat(43) : word;
    let command = await argusProgram(words[0]);
    let rest = words.map(key);
    for (;;) {
      const next = command.commands.find((each) => each.name() === rest[0]);
      if (next === undefined) break;
      command = next;
      rest = rest.slice(1);
    }
    const { operands, unknown } = command.parseOptions(rest);
    assert.equal(unknown, [], `argus ${text}: unknown`);
    const wanted = command.registeredArguments;
    const least = wanted.filter(({ required }) => required).length;
    const most = wanted.some(({ variadic }) => variadic) ? Number.POSITIVE_INFINITY : wanted.length;
    assert.ok(operands.length >= least && operands.length <= most, `argus ${text}: ${operands.length} arguments`);
    for (const option of command.options)
      if (option.mandatory)
        assert.ok(
          [option.long, option.short].some((flag) => rest.includes(flag ?? '')),
          `argus ${text}: needs ${option.long}`,
        );
  }
});

docs.run();
