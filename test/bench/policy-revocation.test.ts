/** One real, tiny comparison of revocations: the servers lose the permission at their signal, and both are found out. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Cleanup } from '../../bench/cleanup.ts';
import { runRevocations } from '../../bench/policy/revocation/run.ts';
import { renderRevocations } from '../../bench/policy/revocation/table.ts';
import { findBinary } from '../support/needs.ts';
import { temporaryDirectory } from '../support/temp.ts';

const test = suite('bench: revocations');

test('each server that is installed has its figures, and the others are named', async () => {
  const cleanup = new Cleanup();
  try {
    const place = { folder: temporaryDirectory(), cleanup, rounds: 1, rows: 200, argus: null };
    const report = await runRevocations({ ...place, progress: () => {} });
    const names = [...report.figures.map(({ arm }) => arm), ...report.missing.map(({ arm }) => arm)];
    assert.equal(names.sort(), ['mosquitto', 'nats-server']);
    for (const { arm, rounds, p50, p99, answerP50 } of report.figures) {
      assert.ok(findBinary(arm) !== null);
      assert.equal([rounds, answerP50], [1, null]);
      assert.ok(p50 >= 0 && p99 >= p50, arm);
      assert.match(renderRevocations(report), new RegExp(`${arm} .*no answer`));
    }
  } finally {
    await cleanup.run();
  }
});

test.run();
