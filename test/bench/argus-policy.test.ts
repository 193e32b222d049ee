/** The bench's own policy must be one that the broker accepts, at both lengths, and differ in nothing but its rows. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DATA_PORT, writeBenchmarkPolicy } from '../../bench/arms/argus-policy.ts';
import { loadPolicy, Permit } from '../../policy/index.ts';
import { temporaryDirectory } from '../support/temp.ts';

const test = suite('bench: argus policy');

const INSPECTORS = new Map([['opaque', { permissions: ['send'] }]]);

test('both lengths load, and allow what the bench does', async () => {
  for (const rows of [10, 10_000]) {
    const folder = join(temporaryDirectory(), 'policy');
    await writeBenchmarkPolicy(folder, rows);
    const text = await readFile(join(folder, 'policy.csv'), 'utf8');
    assert.is(text.match(/^p, /gm)?.length, rows);
    const policy = await loadPolicy(folder, { revision: 1, inspectors: INSPECTORS });
    const sender = policy.domains.byName('sender');
    const receiver = policy.domains.byName('receiver');
    if (sender === undefined || receiver === undefined) throw new Error('a domain of the bench is missing');
    const bench = policy.classes.of(receiver, DATA_PORT);
    const { monitor } = policy;
    const decisions = [
      ...[monitor.enable(sender), monitor.enable(receiver)],
      ...[monitor.registerSingleSource(receiver, sender), monitor.registerSingleSource(sender, receiver)],
      ...[monitor.send(sender, receiver), monitor.send(receiver, sender)],
      ...[...monitor.vector(sender, receiver, bench).decisions, ...monitor.vector(receiver, sender, bench).decisions],
    ];
    assert.is(decisions.length, 8);
    for (const decision of decisions) assert.instance(decision, Permit, `${rows} rows`);
  }
});

test.run();
