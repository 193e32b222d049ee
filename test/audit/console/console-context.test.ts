/** Why a record was decided so, what makes an assertion true, what witnesses say, and the first reading of a long log. */
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AuditError } from '../../../broker/audit/index.ts';
import { INSPECTORS } from '../../../broker/index.ts';
import { decisionIn, neighboursOf, whyOf } from '../../../clients/audit/console/views/context.ts';
import { askWitnesses } from '../../../clients/audit/console/witnesses.ts';
import { proveAssertions } from '../../../clients/audit/policy/index.ts';
import { AuditStore, RecordIndex } from '../../../clients/audit/store/index.ts';
import { compileFiles, type PolicyFiles, type PolicyRevision } from '../../../policy/index.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { MORNING, OPENED } from '../day/policies.ts';
import { domain, livelyLog } from './console-fixtures.ts';

const context = suite('context of a record in the console');

function compiled(files: PolicyFiles): Promise<PolicyRevision> {
  return compileFiles('test', files, { revision: 1, inspectors: INSPECTORS });
}

const ASKED = {
  event: 'send.denied',
  decision: 'deny',
  reason: 'NO_RULE',
  src: domain('mail-vm', '@app', '@speaker'),
  dst: domain('db-vm', '@service', '@db'),
  class: 'data',
  permission: 'send',
};

async function why(fields: object, files: PolicyFiles = MORNING) {
  const decided = decisionIn({ seq: 7, ...fields });
  assert.ok(decided);
  return whyOf(decided, await compiled(files));
}

context('a denial has the rows that nearly allow it, and what such a message also needs', async () => {
  const found = await why(ASKED);
  if (found.by !== 'rows') return assert.unreachable(found.by);
  assert.is(found.row, null);
  assert.equal(found.differences, []);
  assert.equal(
    found.nearMisses.map(({ row, differsIn, because }) => [row, differsIn, because]),
    [['allow work-vm @db:data { send };  # policy.csv:19', 'source', 'the row names work-vm']],
  );
  assert.ok(found.needs.some(({ what, allowed }) => what.includes('argo send') && !allowed));
});

context('an allowed request has its row as it stood in the file, with those around it', async () => {
  const allowed = { ...ASKED, decision: 'allow', reason: undefined, rule: { file: 'policy.csv', line: 24 } };
  const found = await why(allowed, OPENED);
  if (found.by !== 'rows') return assert.unreachable(found.by);
  assert.equal(
    found.row?.lines.map(({ number, text, isIt }) => [number, text, isIt]),
    [
      [22, 'p, chrome-vm, @db, argo, register_single_source, allow', false],
      [23, 'p, mail-vm, @db, argo, send, allow', false],
      [24, 'p, mail-vm, @db, data, send, allow', true],
    ],
  );
  assert.equal(found.labels, ['db-vm is @db']);
  assert.equal([found.nearMisses, found.differences], [[], []]);
});

context('an archived policy that decides otherwise than the record says is told', async () => {
  const found = await why(ASKED, OPENED);
  if (found.by !== 'rows') return assert.unreachable(found.by);
  assert.match(found.differences.join(), 'decision deny is allow');
});

context('what no row decided is not explained by rows', async () => {
  assert.equal(await why({ ...ASKED, reason: 'MALFORMED' }), { by: 'message' });
  const unknown = await why({ ...ASKED, src: domain('<b>') });
  assert.is(unknown.by, 'unknown policy');
  assert.is(decisionIn({ event: 'broker.start' }), null);
  const permissive = decisionIn({ ...ASKED, decision: 'allow', permissive: true });
  assert.is(permissive?.allowed, false, 'the rows of a permissive domain deny it');
});

context('neighbours are records of the same source alone, the oldest first', () => {
  const index = new RecordIndex();
  for (let seq = 1; seq <= 40; seq++)
    index.add(seq, { src: domain(seq % 3 === 0 ? 'a-vm' : 'b-vm') }, { segment: 1, offset: seq }, 1);
  index.add(41, { event: 'broker.stop' }, { segment: 1, offset: 41 }, 1);
  assert.equal(
    neighboursOf(index, 20).map((row) => row + 1),
    [9, 12, 15, 18, 24, 27, 30, 33],
  );
  assert.equal(
    neighboursOf(index, 2).map((row) => row + 1),
    [6, 9, 12, 15],
  );
  assert.equal(neighboursOf(index, 40), []);
});

context('an assertion is proven by a count of what is allowed, whatever kind it is', async () => {
  const lines = [
    'neverallow, @app, @app, argo, send',
    'neverallow, @app, @db, data, send, except work-vm db-vm',
    'must-allow, @app, broker, argo, enable',
    'must-allow, work-vm, db-vm, data, send',
    'separate, @app, @service',
    'max-fan, db-vm, out, 1',
    'neverflow, rogue-vm, @any',
    'neverflow, @app, @backup, via @db',
  ];
  const policy = await compiled({
    ...MORNING,
    'assertions.csv': new TextEncoder().encode(`# why\n${lines.join('\n')}\n`),
  });
  const proofs = proveAssertions(policy);
  assert.equal(
    proofs.map(({ line, text, holds }) => [line, text, holds]),
    lines.map((text, at) => [at + 2, text, true]),
  );
  assert.equal(
    proofs.map(({ proof }) => proof),
    [
      '0 of 16 requests allowed, from 4 domains to 4 domains',
      '0 of 3 requests allowed, from 4 domains to 1 domain',
      '4 of 4 requests allowed, from 4 domains to 1 domain',
      '1 of 1 request allowed, from 1 domain to 1 domain',
      '@app: chrome-vm mail-vm work-vm zoom-vm; @service: audio-vm net-vm db-vm backup-vm; both: none',
      'the most is 1, of db-vm; allowed are 1',
      'it gets to none',
      'it gets to audio-vm net-vm db-vm chrome-vm mail-vm work-vm zoom-vm',
    ],
  );
});

context('a proof does not repeat what the compiler said: a policy that breaks its assertions is found', async () => {
  const lines = [
    'neverallow, work-vm, @db, data, send',
    'must-allow, mail-vm, @db, data, send',
    'separate, @app, @speaker',
  ];
  const more = ['max-fan, @net, out, 1', 'neverflow, work-vm, @backup'];
  const policy = await compiled(MORNING);
  const broken = await compiled({ ...MORNING, 'assertions.csv': new Uint8Array() });
  const text = new TextEncoder().encode([...lines, ...more].join('\n'));
  const place = (line: number) => ({ file: 'assertions.csv' as const, line, column: 1 });
  const data = policy.classes.byName('data');
  assert.ok(data);
  const access = { classes: [data], serviceClass: data, permission: 'send', exceptions: [] };
  const parts = {
    ...broken.source.parts,
    assertions: [
      { ...access, kind: 'neverallow' as const, place: place(1), source: 'work-vm', destination: '@db' },
      { ...access, kind: 'must-allow' as const, place: place(2), source: 'mail-vm', destination: '@db' },
    ],
    structural: [
      { kind: 'separate' as const, place: place(3), first: '@app', second: '@speaker' },
      { kind: 'max-fan' as const, place: place(4), subject: '@net', direction: 'out' as const, limit: 1 },
      { kind: 'neverflow' as const, place: place(5), source: 'work-vm', destination: '@backup', via: [] },
    ],
  };
  const source = Object.assign(Object.create(Object.getPrototypeOf(broken.source)), broken.source, { parts });
  const proofs = proveAssertions({ ...broken, source, files: { ...broken.files, 'assertions.csv': text } });
  assert.equal(
    proofs.map(({ holds }) => holds),
    [false, false, false, false, false],
  );
  assert.match(proofs[4]?.proof ?? '', 'and to backup-vm');
});

context('a witness that does not answer is named, and the others count all the same', async () => {
  const ask = async (place: string) => {
    if (place === 'deaf') throw new AuditError('ERR_AUDIT_WITNESS', 'it does not answer');
    return { notes: { from: place, text: 'note' }, keys: [] };
  };
  assert.equal(await askWitnesses({ places: ['here', 'deaf', 'there'], isConfigured: false, quorum: 1, ask }), {
    witnessed: [
      { from: 'here', text: 'note' },
      { from: 'there', text: 'note' },
    ],
    witnessKeys: [],
    quorum: 1,
    silent: [{ place: 'deaf', reason: 'it does not answer' }],
  });
  assert.equal(await askWitnesses(null), { witnessed: [], witnessKeys: [], quorum: 0, silent: [] });
  const bug = { places: ['here'], isConfigured: false, quorum: 0, ask: () => Promise.reject(new TypeError('a bug')) };
  assert.instance(await askWitnesses(bug).catch((error: unknown) => error), TypeError);
});

context(
  'of a long log the newest records answer first, then all, and each answer is about the right record',
  async () => {
    const directory = livelyLog(join(temporaryDirectory(), 'audit'), 14_000);
    const store = new AuditStore(directory);
    const checked = async (): Promise<number> => {
      const { shown } = store;
      for (const row of [0, shown.rows - 1]) {
        const placed = shown.placed(row);
        assert.is((await store.record(placed))?.seq, placed.seq);
      }
      return shown.placed(0).seq;
    };
    const seen: { first: number; rows: number; all: number }[] = [];
    await new Promise<void>((resolve) => {
      store.onChange(() => {
        seen.push({ first: store.shown.placed(0).seq, rows: store.shown.rows, all: store.index.rows });
        if (store.isComplete) resolve();
      });
      store.start();
    });
    const [begin] = seen;
    assert.ok(begin !== undefined && begin.first > 1 && begin.rows > 1_000 && begin.all === 0, JSON.stringify(begin));
    assert.equal(seen.at(-1), { first: 1, rows: 14_000, all: 14_000 });
    assert.ok(seen.length > 4, 'the reading tells how far it is');
    const { bytes, total } = store.reading;
    assert.is(bytes, total);
    assert.is(await checked(), 1);
    store.close();
  },
);

context('a short log is read at once', async () => {
  const store = new AuditStore(livelyLog(join(temporaryDirectory(), 'audit'), 300));
  await new Promise<void>((resolve) => {
    store.onChange(resolve);
    store.start();
  });
  assert.ok(store.isComplete);
  assert.is(store.shown, store.index);
  store.close();
});

context.run();
