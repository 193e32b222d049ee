/** The shapes that the benchmark of policies compiles are ones that a broker accepts, and as large as they say. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { manyLabels, manyRows, shapeFiles } from '../../bench/policy/compile.ts';
import { compilePolicy } from '../../policy/index.ts';

const shapes = suite('bench: shapes of policies');
const INSPECTORS = new Map([['opaque', { permissions: ['send'] }]]);

for (const [shape, rows, assertions] of [
  [manyRows(1_000), 1_000, 0],
  [manyLabels(200, 40), 202, 1],
] as const) {
  shapes(`${shape.name} compiles`, async () => {
    const policy = await compilePolicy(await shapeFiles(shape), { revision: 1, inspectors: INSPECTORS });
    assert.equal([policy.rows, policy.checked.assertions, policy.domains.all.length], [rows, assertions, 500]);
  });
}

shapes('each domain has as many labels as it says', async () => {
  const { domains } = await compilePolicy(await shapeFiles(manyLabels(200, 40)), {
    revision: 1,
    inspectors: INSPECTORS,
  });
  assert.ok(domains.all.every(({ labels }) => labels.length === 40));
});

shapes.run();
