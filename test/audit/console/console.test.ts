import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openAuditLog } from '../../../broker/audit/index.ts';
import { INSPECTORS } from '../../../broker/index.ts';
import { matchesOf } from '../../../clients/audit/console/views/history.ts';
import { type AuditConsole, openConsole } from '../../../clients/audit/index.ts';
import { RecordRow } from '../../../clients/audit/query/index.ts';
import { AuditStore, RecordIndex } from '../../../clients/audit/store/index.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { builtPage, livelyLog, until } from './console-fixtures.ts';
import { ask, welcomed } from './http.ts';

const consoleSuite = suite('audit console');

async function withConsole(run: (opened: AuditConsole, directory: string) => Promise<void>): Promise<void> {
  const directory = livelyLog(join(temporaryDirectory(), 'audit'), 500);
  const opened = await openConsole({ directory, port: 0, keys: [], inspectors: INSPECTORS, page: await builtPage() });
  try {
    await run(opened, directory);
  } finally {
    await opened.close();
  }
}

consoleSuite('the token serves once, and the cookie that it becomes serves on', () =>
  withConsole(async (opened) => {
    assert.is((await ask(opened, '/')).status, 403);
    assert.is((await ask(opened, '/?token=wrong')).status, 403);
    assert.is((await ask(opened, '/api/state?token=wrong')).status, 403);
    const cookie = await welcomed(opened);
    assert.is((await ask(opened, opened.url)).status, 403, 'a second browser');
    assert.is((await ask(opened, '/', { cookie })).status, 200);
    assert.is((await ask(opened, '/api/state', { cookie })).status, 200);
    assert.is((await ask(opened, '/api/state', { cookie: `${cookie}x` })).status, 403);
  }),
);

consoleSuite('a page of another site is refused, by its name, its origin and its fetch metadata', () =>
  withConsole(async (opened) => {
    const cookie = await welcomed(opened);
    const { host } = new URL(opened.url);
    const refused: readonly Record<string, string>[] = [
      { cookie, host: 'evil.example' },
      { cookie, host: `evil.example:${new URL(opened.url).port}` },
      { cookie, origin: 'http://evil.example' },
      { cookie, 'sec-fetch-site': 'cross-site' },
      { cookie, 'sec-fetch-site': 'same-site' },
    ];
    for (const headers of refused)
      assert.is((await ask(opened, '/api/state', headers)).status, 403, JSON.stringify(headers));
    const own = { cookie, origin: `http://${host}`, 'sec-fetch-site': 'same-origin' };
    assert.is((await ask(opened, '/api/state', own)).status, 200);
  }),
);

consoleSuite('it only reads, and serves three files and its answers', () =>
  withConsole(async (opened) => {
    const cookie = await welcomed(opened);
    for (const method of ['POST', 'PUT', 'DELETE'])
      assert.is((await ask(opened, '/api/state', { cookie }, method)).status, 405);
    for (const path of [
      '/../package.json',
      '/%2e%2e/package.json',

      '/api/',
      '/api/record/0',
      '/api/record/x',
      '/api/record/999999',
    ])
      assert.is((await ask(opened, path, { cookie })).status, 404, path);
    for (const path of ['/', '/app.js', '/app.css', '/api/state', '/nothing']) {
      const { headers } = await ask(opened, path, { cookie });
      assert.match(
        String(headers['content-security-policy']),
        "default-src 'none'; script-src 'self'; style-src 'self'",
      );
      assert.is(headers['x-content-type-options'], 'nosniff');
      assert.is(headers['cache-control'], 'no-store');
    }
    const { body } = await ask(opened, '/', { cookie });
    assert.not.match(body, /<script>|style=|onload|https?:/);
  }),
);

consoleSuite('answers are the same as the command line gives', () =>
  withConsole(async (opened) => {
    const cookie = await welcomed(opened);
    const read = async (path: string): Promise<Record<string, unknown>> =>
      JSON.parse((await ask(opened, path, { cookie })).body);
    await until(async () => (await read('/api/state')).isComplete === true);
    const history = await read('/api/history?q=decision%3Ddeny');
    assert.is(history.total, 500);
    const facets = history.facets as { field: string; values: { value: string; count: number }[] }[];
    assert.equal(
      facets.find(({ field }) => field === 'decision')?.values.map(({ value }) => value),
      ['deny'],
    );
    const page = (await read('/api/records?q=decision%3Ddeny&skip=1&take=3')) as {
      matched: number;
      records: { seq: number; decision: string }[];
    };
    assert.is(page.matched, history.matched);
    assert.is(page.records.length, 3);
    assert.ok(page.records.every(({ decision }) => decision === 'deny'));
    assert.equal(
      page.records.map(({ seq }) => seq),
      page.records.map(({ seq }) => seq).toSorted((a, b) => b - a),
      'newest first',
    );
    const wrong = await ask(opened, '/api/history?q=colour%3Dred', { cookie });
    assert.is(wrong.status, 400);
    assert.match(wrong.body, /ERR_AUDIT_QUERY/);
    const now = (await read('/api/now?minutes=60')) as {
      map: { units: { name: string; connected: number; refused: number }[] };
      grants: { detail: { label: string } }[];
      isStarted: boolean;
      isLive: boolean;
    };
    assert.equal([now.isStarted, now.isLive], [true, false], 'nobody writes a log that was copied');
    const rogue = now.map.units.find(({ name }) => name === 'rogue-vm');
    assert.ok(rogue?.connected === 1 && rogue.refused > 0);
    assert.equal(
      now.grants.map(({ detail }) => detail.label),
      ['@mic'],
    );
    assert.is((await ask(opened, '/api/proof/1', { cookie })).status, 400, 'it was never signed');
  }),
);

consoleSuite('a broker that was killed is not running, and is again once it is back', async () => {
  const directory = livelyLog(join(temporaryDirectory(), 'audit'), 50);
  const opened = await openConsole({ directory, port: 0, keys: [], inspectors: INSPECTORS, page: await builtPage() });
  const cookie = await welcomed(opened);
  const state = async (): Promise<readonly boolean[]> => {
    const { isStarted, isLive } = JSON.parse((await ask(opened, '/api/now', { cookie })).body);
    return [isStarted, isLive];
  };
  await until(async () => (await state())[0] === true);
  assert.equal(await state(), [true, false]);
  const log = await openAuditLog({ directory, broker: 'host-1' });
  assert.equal(await state(), [true, true]);
  await log.close();
  await until(async () => (await state())[0] === false);
  assert.equal(await state(), [false, false]);
  await opened.close();
});

consoleSuite('a log that grows is followed', async () => {
  const directory = join(temporaryDirectory(), 'audit');
  const log = await openAuditLog({ directory, broker: 'b' });
  const opened = await openConsole({ directory, port: 0, keys: [], inspectors: INSPECTORS, page: await builtPage() });
  const cookie = await welcomed(opened);
  const records = async (): Promise<number> => JSON.parse((await ask(opened, '/api/state', { cookie })).body).records;
  await until(async () => (await records()) === 1);
  log.record({ event: 'policy.reject', reason: 'x' });
  await until(async () => (await records()) === 2);
  await log.close();
  await until(async () => (await records()) === 3);
  await opened.close();
});

consoleSuite('an earlier answer to a question is gone on with, and is what a fresh one would be', () => {
  const index = new RecordIndex();
  const add = (seq: number): void =>
    index.add(
      seq,
      { time: '2026-11-20T00:00:00.000Z', event: 'flow', decision: seq % 3 === 0 ? 'deny' : 'allow' },
      { segment: 1, offset: seq * 10 },
      9,
    );
  let matches = matchesOf(index, 'decision=deny', 0, null);
  assert.is(matches.length, 0);
  for (let seq = 1; seq <= 9_000; seq++) {
    add(seq);
    if (seq % 1_000 === 0) matches = matchesOf(index, 'decision=deny', 0, matches);
  }
  const fresh = matchesOf(index, 'decision=deny', 0, null);
  assert.is(matches.length, 3_000);
  assert.equal([...matches.rows.subarray(0, matches.length)], [...fresh.rows.subarray(0, fresh.length)]);
  assert.equal(index.placed(matches.rows[1] ?? 0), { seq: 6, place: { segment: 1, offset: 60 }, length: 9 });
  assert.is(index.rowOf(4_711), 4_710);
  assert.is(index.rowOf(9_001), -1);
});

consoleSuite('a policy that the archive does not have, or that never was in force, is an answer with a code', () =>
  withConsole(async (opened) => {
    const cookie = await welcomed(opened);
    await until(async () => JSON.parse((await ask(opened, '/api/state', { cookie })).body).isComplete);
    for (const revision of ['', '2', '7', 'candidate', '-1']) {
      const { status, body } = await ask(opened, `/api/policy?revision=${revision}`, { cookie });
      assert.is(status, 400, body);
      assert.is(JSON.parse(body).code, 'ERR_AUDIT_NO_POLICY', body);
    }
  }),
);

consoleSuite('requests are answered before a long log is read on, and cannot hold its reading for ever', async () => {
  const store = new AuditStore(livelyLog(join(temporaryDirectory(), 'audit'), 14_000));
  const release = store.hold();
  store.start();
  await store.begun;
  assert.ok(store.shown.rows > 1_000, 'the newest records are there');
  assert.not.ok(store.isComplete);
  await until(async () => store.index.rows > 1_000);
  assert.not.ok(store.isComplete, 'it goes on slowly');
  release();
  await until(async () => store.isComplete);
  assert.is(store.index.rows, 14_000);
  store.close();
});

consoleSuite('a question about the detail of records is answered as the command line answers it', () => {
  const index = new RecordIndex();
  const details = [
    undefined,
    { until: '2026-11-20T00:00:01.000Z' },
    { until: 'tomorrow' },
    { until: '2026-11-20T00:00:01Z' },
    { until: '2026-11-20T00:00:01.000Z', ports: 'many' },
    { by: 'alice', why: '"x"' },
    [],
  ];
  for (const [at, detail] of details.entries())
    index.add(at + 1, { event: 'x', detail }, { segment: 1, offset: at }, 1);
  const cursor = index.cursor();
  for (const [at, detail] of details.entries()) {
    cursor.row = at;
    const record = new RecordRow({ seq: at + 1, fields: { event: 'x', detail } });
    assert.is(cursor.get('detail'), record.get('detail'));
  }
  assert.is(matchesOf(index, 'detail~alice', 0, null).length, 1);
});

consoleSuite.run();
