import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { reasonOf } from '../../broker/base/index.ts';
import { readOptions } from '../../broker/index.ts';
import { readConfig } from '../../clients/agents/guest/index.ts';

const test = suite('base: reasons');

function caught(task: () => unknown): Error {
  try {
    task();
  } catch (error) {
    return error as Error;
  }
  throw new Error('it was expected to throw');
}

test('an error of the system is said in our words, with its code, and without call and path', () => {
  assert.is(reasonOf(caught(() => readFileSync('/nowhere/at/all'))), 'there is no such file or directory (ENOENT)');
  assert.is(reasonOf(caught(() => readFileSync('/'))), 'it is a directory (EISDIR)');
});

test('a code without words is said as it is, and other errors keep their message', () => {
  assert.is(
    reasonOf(Object.assign(new Error('EXDEV: cross-device link'), { code: 'EXDEV', syscall: 'link' })),
    'EXDEV',
  );
  assert.is(reasonOf(new Error('port 0: expected 1 … 65535')), 'port 0: expected 1 … 65535');
  assert.is(reasonOf('text'), 'text');
});

for (const [what, read] of [
  ['argus.yaml', readOptions],
  ['agent.yaml', readConfig],
] as const) {
  test(`a missing ${what} is named once, with what to do`, () => {
    const { message } = caught(() => read('/nowhere/file.yaml'));
    assert.match(message, /"\/nowhere\/file\.yaml": there is no such file or directory \(ENOENT\); docs\//);
    assert.is(message.split('/nowhere/file.yaml').length, 2);
  });
}

test.run();
