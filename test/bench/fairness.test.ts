/** The fairness bench: a tiny run against a real broker has all figures, and its attacks are those that it documents. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Cleanup } from '../../bench/cleanup.ts';
import { ATTACKS, KINDS, NATS_ATTACKS } from '../../bench/fairness/kinds.ts';
import { runFairness } from '../../bench/fairness/run.ts';
import { renderFairness } from '../../bench/fairness/table.ts';
import { within } from '../../bench/fairness/within.ts';
import { findBinary } from '../support/needs.ts';
import { temporaryDirectory } from '../support/temp.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Started from the sources: compiling them takes longer than this run. */
const PROGRAM = ['--import', 'tsx', 'clients/cli/main.ts'];
const TINY_PACE = { rounds: 1, settleMs: 10, brokerMs: 60, catMs: 20 };

const test = suite('bench: fairness');

test('each cell has all figures, and the attack was carried out', async () => {
  const cleanup = new Cleanup();
  const kinds = [
    { name: 'bad-hellos', counts: [1] },
    { name: 'denied-sends', counts: [2] },
    { name: 'idle-sessions', counts: [3] },
    ...(findBinary('nats-server') === null ? [] : NATS_ATTACKS.map((name) => ({ name, counts: [1] }))),
  ];
  try {
    const request = {
      kinds,
      pace: TINY_PACE,
      folder: temporaryDirectory(),
      cleanup,
      program: PROGRAM,
      attackersNice: 0,
    };
    const { attacks } = await runFairness({ ...request, progress: () => {} });
    assert.equal(
      attacks.map(({ kind, attackers }) => [kind, attackers]),
      kinds.map(({ name, counts }) => [name, counts[0]]),
    );
    for (const one of attacks) {
      for (const ratio of [one.p50Ratio, one.p99Ratio, one.catP50Ratio, one.catP99Ratio])
        assert.ok(ratio !== null && ratio > 0, one.kind);
      assert.ok(one.attackSessions >= 1, one.kind);
      assert.ok(one.lost >= 0 && one.logBytesPerSecond >= 0, one.kind);
      if (process.platform === 'linux') assert.ok((one.brokerBytes ?? 0) > 0, one.kind);
      if (one.kind in ATTACKS) assert.ok(one.attackBytes > 0, one.kind);
      assert.match(renderFairness(attacks), one.kind);
    }
  } finally {
    await cleanup.run();
  }
});

test('a wait that comes to nothing fails, and names what it waited for', async () => {
  const failure = await within(1, 'attacker 3, halt', new Promise(() => {})).catch(String);
  assert.match(`${failure}`, 'attacker 3, halt');
  assert.is(await within(60_000, 'pair, measure', Promise.resolve(7)), 7);
});

test('each kind has an attack, and is in the document', () => {
  const source = readFileSync(join(ROOT, 'bench/fairness/attacks.mjs'), 'utf8');
  const attacks = [...source.matchAll(/^ {2}'?([a-z-]+)'?: async \(place/gm)].map(([, name]) => name);
  assert.equal(attacks.sort(), Object.keys(ATTACKS).sort());
  const document = readFileSync(join(ROOT, 'docs/benchmarks.md'), 'utf8');
  for (const { name } of KINDS) assert.match(document, `| \`${name}\` |`);
});

test.run();
