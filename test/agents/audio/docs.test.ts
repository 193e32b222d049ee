/** docs/audio.md and the code say the same. */
import { readdirSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { audioCommand } from '../../../clients/cli/commands/audio/audio.ts';

const docs = suite('audio docs');

const at = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const TEXT = at('docs/audio.md');
const codesIn = (text: string): string[] => [...new Set(text.match(/ERR_AUDIO_[A-Z_]+/g) ?? [])].sort();

docs('every error code is documented, and every documented one is thrown', () => {
  const declared = codesIn(at('clients/agents/audio/errors.ts'));
  assert.equal(codesIn(TEXT), declared);
  const files = readdirSync(new URL('../../../clients/agents/audio/', import.meta.url), {
    encoding: 'utf8',
    recursive: true,
  }).filter((name) => name.endsWith('.ts') && name !== 'errors.ts');
  const thrown = codesIn(files.map((name) => at(`clients/agents/audio/${name}`)).join('\n'));
  assert.equal(thrown, declared);
});

docs('every command is documented', () => {
  for (const { name } of audioCommand().commands.map((command) => ({ name: command.name() })))
    assert.match(TEXT, new RegExp(`(argus audio|…) ${name}`), name);
});

docs('every statement of 1 to 38 has its row', () => {
  const rows = [...TEXT.matchAll(/^\| ([\d, -]+) \|/gm)].flatMap(([, numbers = '']) =>
    numbers.split(',').flatMap((part) => {
      const [from = 0, to = from] = part.split('-').map(Number);
      return Array.from({ length: to - from + 1 }, (_, index) => from + index);
    }),
  );
  assert.equal(
    rows,
    Array.from({ length: 38 }, (_, index) => index + 1),
  );
});

docs.run();
