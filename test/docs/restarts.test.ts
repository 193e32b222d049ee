/** "What survives the restart of what" in docs/hosts.md: every cell names a test that exists, and every test is named. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const restarts = suite('restarts in docs/hosts.md');
const root = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/hosts.md'), 'utf8');
const section = page.split('## What survives the restart of what')[1]?.split('\n## ')[0] ?? '';
const rowsOf = (first: RegExp): string[][] =>
  section
    .split('\n')
    .filter((line) => first.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

const TESTS = rowsOf(/^\| \[[a-z]\] \|/);
const RESTARTED = ['broker', 'agent', 'VM', 'VMM', 'NATS', 'sound server', 'NetVM'];
const KEPT = ['chardev', 'netdev', 'TAP', 'vsock', 'sockets', 'leases', 'routes', 'volumes', 'grants'];
const CELLS = rowsOf(/^\| (broker|agent|VM|VMM|NATS|sound server|NetVM) \|/);
const refsIn = (cell: string): string[] => [...cell.matchAll(/\[([a-z])\]/g)].map(([, name = '']) => name);

restarts('the table has every row and every column', () => {
  assert.equal(rowsOf(/^\| restart of \|/), [['restart of', ...KEPT]]);
  assert.equal(
    CELLS.map(([name]) => name),
    RESTARTED,
  );
});

restarts('every cell names a test, or says that the two have nothing to do with each other', () => {
  const known = new Set(TESTS.map(([ref = '']) => ref.slice(1, -1)));
  for (const [name, ...cells] of CELLS) {
    assert.is(cells.length, KEPT.length, name);
    for (const [index, cell] of cells.entries()) {
      const refs = refsIn(cell);
      assert.ok(cell === '–' || refs.length > 0, `${name}, ${KEPT[index]}: ${cell}`);
      for (const ref of refs) assert.ok(known.has(ref), `${name}, ${KEPT[index]}: no test [${ref}]`);
    }
  }
});

restarts('every named test exists, and is named by a cell', () => {
  const used = new Set(CELLS.flatMap((cells) => cells.flatMap(refsIn)));
  assert.ok(TESTS.length > 20);
  for (const [ref = '', file = '', name = ''] of TESTS) {
    const text = readFileSync(join(root, file.slice(1, -1)), 'utf8');
    assert.ok(text.includes(name), `${file}: no test "${name}"`);
    assert.ok(used.has(ref.slice(1, -1)), `${ref} stands in no cell`);
  }
});

restarts.run();
