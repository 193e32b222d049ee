/** The simulation finds faults: each line of the table is broken in a copy of the tree, and its seed must fail. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TreeCopy } from '../mutants/copy.ts';
import { BREAKAGES } from './breakages.ts';

const breakages = suite('what a simulation notices');
const root = fileURLToPath(new URL('../..', import.meta.url));
const VIOLATED = 1;

breakages('each broken line fails in the scenario that was found for it', async () => {
  const copy = new TreeCopy(root);
  const main = join(copy.directory, 'test/simulation/main.js');
  for (const breakage of BREAKAGES) {
    await copy.with(breakage, async () => {
      const { seed, steps, brokers = 1, agents = false, proxies = false } = breakage;
      const args = [main, '--seed', String(seed), '--steps', String(steps), '--brokers', String(brokers)];
      if (agents) args.push('--agents');
      if (proxies) args.push('--proxies');
      const { status, stdout } = spawnSync(process.execPath, args, { cwd: copy.directory, encoding: 'utf8' });
      assert.is(status, VIOLATED, `${breakage.find}: ${stdout}`);
      assert.match(stdout, `FAIL  Error: ${breakage.invariant}: `);
    });
  }
});

breakages.run();
