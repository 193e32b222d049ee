/** "A host in one command" of docs/hosts.md, run command by command. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { argusProgram } from '../../clients/cli/program.ts';
import { HOST_TEMPLATES, policyOf } from '../../clients/host/index.ts';
import { runCommand } from '../policy/run-policy.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { stepsOf, wordsOf } from './page-steps.ts';

const page = suite('docs/hosts.md: a host in one command');

const PAGE = readFileSync(new URL('../../docs/hosts.md', import.meta.url), 'utf8');
const [, SECTION = ''] = /\n## A host in one command\n([\s\S]*)/.exec(PAGE) ?? [];

page('each command works, in order, and prints what the page shows', async () => {
  const [, block = ''] = /```console\n([\s\S]*?)```/.exec(SECTION) ?? [];
  const steps = stepsOf(block);
  assert.is(steps.length, 5);
  const directory = temporaryDirectory();
  for (const { command, shown } of steps) {
    const words = wordsOf(command).map((word) => (word.startsWith('my-qubes') ? `${directory}/${word}` : word));
    const { output, error } = await runCommand(await argusProgram(words[0]), words);
    assert.is(error, null, `${command}: ${String(error)}`);
    const printed = output.replaceAll(`${directory}/`, '');
    let from = 0;
    for (const line of shown) {
      const at = printed.indexOf(line, from);
      assert.ok(at >= 0, `argus ${command}\nshould print\n${line}\nand printed\n${printed}`);
      from = at;
    }
  }
});

page('its table names each template once', () => {
  for (const template of HOST_TEMPLATES) {
    assert.match(SECTION, `| \`${template}\` | `);
    assert.type(policyOf(template), 'string');
  }
});

page.run();
