/** `argus cluster status --nats` says who lags, by what, and that the bucket was lost or rolled back. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Standing } from '../../../broker/index.ts';
import { lookInto, renderLag } from '../../../clients/cli/commands/running/cluster-bucket.ts';
import {
  type BrokerRow,
  type BucketContent,
  clusterLag,
  LAG_STATES,
} from '../../../clients/cli/commands/running/lag.ts';
import { exitCodesOf } from '../../../clients/cli/tree/exit-codes.ts';
import { MemoryBucket } from '../../support/nats/memory-bucket.ts';

const lag = suite('who lags');

const NOW = 1_800_000_000_000;
const [OLD, NEW, OTHER] = ['1'.repeat(64), '2'.repeat(64), '3'.repeat(64)] as const;
const BUCKET: BucketContent = { bundle: { version: 2, policy: NEW }, problem: null };
const REFUSAL = { code: 'ERR_POLICY_BUCKET', message: 'the bucket cannot be read' };

function row(broker: string, change: Partial<Standing> = {}): BrokerRow {
  const standing = { at: NOW, revision: 4, policy: NEW, version: 2, expiresAt: null, refusal: null };
  return { broker, standing: { ...standing, ...change } };
}

const states = (bucket: BucketContent, rows: readonly BrokerRow[]) =>
  clusterLag(bucket, rows, NOW).brokers.map(({ broker, state }) => `${broker} ${state}`);

lag('each broker has one state, with the reason in words', () => {
  const rows = [
    row('a'),
    row('b', { version: 1, policy: OLD, refusal: REFUSAL }),
    row('c', { policy: OTHER }),
    row('d', { refusal: REFUSAL }),
    row('e', { at: NOW - 90_001 }),
    { broker: 'f', standing: 'unsigned' as const },
    { broker: 'g', standing: 'absent' as const },
    row('h', { version: null, policy: OLD }),
  ];
  const found = clusterLag(BUCKET, [...rows].reverse(), NOW);
  assert.equal(
    found.brokers.map(({ broker, state }) => `${broker} ${state}`),
    ['a current', 'b lags', 'c differs', 'd refuses', 'e silent', 'f unsigned', 'g absent', 'h lags'],
  );
  assert.equal(new Set(found.brokers.map(({ state }) => state)), new Set(LAG_STATES));
  assert.is(found.brokers[1]?.why, '1 behind: version 1 of 2: the bucket cannot be read (ERR_POLICY_BUCKET)');
  assert.is(found.isEven, false);
});

lag('a cluster is even only when each broker and the bucket have the newest bundle', () => {
  const rows = [row('a'), row('b', { at: NOW - 90_000 })];
  assert.is(clusterLag(BUCKET, rows, NOW).isEven, true);
  assert.is(clusterLag(BUCKET, [...rows, row('c', { version: 1, policy: OLD })], NOW).isEven, false);
  assert.is(clusterLag({ bundle: null, problem: 'empty' }, [], NOW).isEven, false);
});

lag('a bucket that was lost or rolled back is named, and does not make its brokers lag', () => {
  for (const bucket of [
    { bundle: { version: 1, policy: OLD }, problem: null },
    { bundle: null, problem: 'the bucket holds no bundle' },
  ]) {
    const found = clusterLag(bucket, [row('a'), row('b')], NOW);
    assert.equal([found.newest, found.isEven], [2, false]);
    assert.match(found.notes.join('\n'), 'publish version 2 again');
    assert.equal(states(bucket, [row('a')]), ['a current']);
  }
});

lag('the table shows control characters of a row as question marks', () => {
  const text = renderLag(clusterLag(BUCKET, [row('a', { refusal: { code: 'X', message: '\u001b[2Jgone' } })], NOW));
  assert.not.match(text, '\u001b');
  assert.match(text, 'REFUSES');
});

lag('an empty bucket is looked into without an error', async () => {
  const server = new MemoryBucket();
  const bucket = await server.open({ onPublished: () => undefined, onClosed: () => undefined });
  server.values.set('status.one', Buffer.from('{}'));
  const anchor = { authority: {} } as unknown as Parameters<typeof lookInto>[1];
  const found = await lookInto(bucket, anchor, () => NOW);
  assert.equal([found.newest, found.bucket.bundle, found.brokers[0]?.state], [null, null, 'unsigned']);
});

lag('the man page names exit code 3', () => {
  assert.ok(exitCodesOf('argus cluster status').some(({ code, meaning }) => code === 3 && meaning.includes('lags')));
});

lag.run();
