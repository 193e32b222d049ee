/** `argus policy explain`: what a person types, and what helps when it is mistyped. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { explainCommand } from '../../clients/cli/commands/policy/check/explain.ts';
import { pageOf, pageTitles } from '../../policy/index.ts';

const explain = suite('policy explain');

async function printed(...words: readonly string[]): Promise<string> {
  const { stdout } = process;
  const { write } = stdout;
  let text = '';
  stdout.write = ((chunk: string) => {
    text += chunk;
    return true;
  }) as typeof write;
  try {
    await explainCommand().parseAsync(words, { from: 'user' });
  } finally {
    stdout.write = write;
  }
  return text;
}

async function refusal(code: string): Promise<string> {
  try {
    return `no error: ${await printed(code)}`;
  } catch (error) {
    assert.is((error as { code?: string }).code, 'ERR_POLICY_QUESTION');
    return (error as Error).message;
  }
}

explain('a code is found however it is written', async () => {
  for (const code of ['W-021', 'w-021', 'W021', 'w21', 'W-21']) assert.is(await printed(code), `${pageOf('W-021')}\n`);
});

explain('without a code all are listed, each with its title', async () => {
  const lines = (await printed()).trimEnd().split('\n');
  assert.is(lines.length, pageTitles().size);
  for (const [code, title] of pageTitles()) assert.ok(lines.includes(`  ${code}  ${title}`), code);
});

explain('an unknown code gets the nearest one and the list', async () => {
  const said = await refusal('W-02l');
  assert.match(said, /did you mean "W-02\d"\?/);
  for (const code of pageTitles().keys()) assert.match(await refusal('nonsense'), code);
  assert.not.match(await refusal('nonsense'), 'did you mean');
});

explain.run();
