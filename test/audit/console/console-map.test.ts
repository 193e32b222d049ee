/** What the Now view's map draws, and where: it can be read with 5 domains and with 200. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Unit } from '../../../clients/audit/console/answers.ts';
import {
  type Frame,
  LETTER_WIDTH,
  layoutOf,
  NARROW,
  type Spot,
  WIDE,
} from '../../../clients/audit/console/page/now/layout.ts';
import { NowState } from '../../../clients/audit/console/views/now.ts';
import { MAX_UNITS, mapOf } from '../../../clients/audit/console/views/units.ts';
import { RecordIndex } from '../../../clients/audit/store/index.ts';
import { denied, domain, flow } from './console-fixtures.ts';

const map = suite('map of the console');

const BEGIN = Date.UTC(2026, 10, 20);

function indexOf(records: readonly (readonly [seconds: number, fields: object])[]): RecordIndex {
  const index = new RecordIndex();
  for (const [at, [seconds, fields]] of records.entries()) {
    const time = new Date(BEGIN + seconds * 1_000).toISOString();
    index.add(at + 1, { time, ...fields }, { segment: 1, offset: at }, 1);
  }
  return index;
}

function crowd(count: number, labels: number) {
  return Array.from({ length: count }, (_, at) => ({
    name: `machine-number-${at}`,
    labels: [`@label-${at % labels}`],
    isConnected: at % 3 > 0,
  }));
}

function flowsAmong(names: readonly string[]) {
  return names.map((src, at) => ({
    src,
    dst: names[(at * 7 + 3) % names.length] ?? '',
    messages: at + 1,
    bytes: 100 * (at + 1),
    denied: at === 5 ? 2 : 0,
    messageRate: at,
    byteRate: 10 * at,
  }));
}

interface Corner {
  readonly x: number;
  readonly y: number;
}

/** The box of a name as it is written. */
function boxOf({ written, text, turned }: Spot<Unit>, { fontPx }: Frame): readonly Corner[] {
  const width = written.length * fontPx * LETTER_WIDTH;
  const left = text.anchor === 'start' ? 0 : text.anchor === 'end' ? -width : -width / 2;
  const height = fontPx * 0.95;
  const top = turned === 0 ? -height * 0.8 : -height / 2;
  const angle = (turned * Math.PI) / 180;
  return [
    [left, top],
    [left + width, top],
    [left + width, top + height],
    [left, top + height],
  ].map(([x = 0, y = 0]) => ({
    x: text.x + x * Math.cos(angle) - y * Math.sin(angle),
    y: text.y + x * Math.sin(angle) + y * Math.cos(angle),
  }));
}

/** Two convex boxes are apart if one of their sides separates them. */
function areApart(a: readonly Corner[], b: readonly Corner[]): boolean {
  return [a, b].some((box) =>
    box.some((from, at) => {
      const to = box[(at + 1) % box.length] ?? from;
      const side = (one: Corner): number => (to.y - from.y) * (one.x - from.x) - (to.x - from.x) * (one.y - from.y);
      return (
        Math.max(...a.map(side)) <= Math.min(...b.map(side)) || Math.max(...b.map(side)) <= Math.min(...a.map(side))
      );
    }),
  );
}

for (const [count, labels] of [
  [1, 1],
  [5, 2],
  [9, 3],
  [40, 5],
  [64, 6],
  [200, 4],
  [200, 200],
  [2_000, 30],
] as const) {
  for (const [name, frame] of Object.entries({ wide: WIDE, narrow: NARROW })) {
    map(`no name lies over another or leaves the ${name} map with ${count} domains of ${labels} labels`, () => {
      const domains = crowd(count, labels);
      const flows = flowsAmong(domains.map((one) => one.name));
      for (const open of [null, '@label-0']) {
        const drawing = { most: frame.most, open, focus: null };
        const { units } = mapOf(domains, { flows, refused: new Map() }, drawing);
        assert.ok(units.length <= frame.most, `${units.length} units`);
        const names = ({ kind, name: of }: Unit): string => `${kind === 'rest' ? 'more ' : ''}${of}`;
        const { spots, top, height } = layoutOf(units, frame, names);
        const boxes = spots.map((spot) => boxOf(spot, frame));
        for (const [at, box] of boxes.entries()) {
          for (const { x, y } of box)
            assert.ok(x >= 0 && x <= frame.size && y >= top && y <= top + height, `${x} ${y}`);
          for (const other of boxes.slice(at + 1)) assert.ok(areApart(box, other), JSON.stringify([box, other]));
        }
      }
    });
  }
}

map('with many domains a label stands for its own, nothing is lost from the sums, and a denial is never hidden', () => {
  const domains = crowd(200, 4);
  const flows = flowsAmong(domains.map(({ name }) => name));
  const refused = new Map([['machine-number-5', 2]]);
  const closed = mapOf(domains, { flows, refused }, { most: MAX_UNITS, open: null, focus: null });
  assert.equal(
    closed.units.map(({ kind, name, domains: members }) => [kind, name, members]),
    [0, 1, 2, 3].map((label) => ['label', `@label-${label}`, 50]),
  );
  assert.is(closed.units[1]?.refused, 2);
  const sum = (of: readonly { messages: number; denied: number }[]) =>
    of.reduce((total, one) => total + one.messages + one.denied, 0);
  // What a domain sends to itself is not drawn.
  const drawn = flows.filter(({ src, dst }) => src !== dst);
  assert.is(sum(closed.arrows), sum(drawn));
  assert.is(closed.arrows[0]?.denied, 2, 'denials come first');

  const open = mapOf(domains, { flows, refused }, { most: 24, open: '@label-1', focus: null });
  assert.is(open.open, '@label-1');
  assert.is(sum(open.arrows), sum(drawn));
  assert.ok(
    open.units.some(({ id }) => id === 'domain:machine-number-5'),
    'who was refused is drawn',
  );
  const rest = open.units.find(({ kind }) => kind === 'rest');
  const single = open.units.filter(({ kind, label }) => kind === 'domain' && label === '@label-1').length;
  assert.is((rest?.domains ?? 0) + single, 50);

  const focused = mapOf(domains, { flows, refused }, { most: 24, open: null, focus: 'machine-number-2' });
  assert.is(focused.open, '@label-2', 'the label of the domain that somebody looks at is open');
  assert.ok(focused.units.some(({ id }) => id === 'domain:machine-number-2'));
});

map('a name like a label is another unit than the label', () => {
  const domains = [...crowd(200, 1), { name: '@label-0', labels: [], isConnected: true }];
  const { units } = mapOf(domains, { flows: [], refused: new Map() }, { most: 24, open: null, focus: null });
  assert.equal(units.map(({ id }) => id).sort(), ['domain:@label-0', 'label:@label-0']);
});

const QUESTION = { windowMs: 600_000, most: MAX_UNITS, open: null, focus: null };

map('a rate is that of the last half minute, a volume that of the window, and both end at the newest record', () => {
  const [a, b] = [domain('a-vm', '@app'), domain('b-vm', '@db')];
  const index = indexOf([
    [0, { ...flow, src: a, dst: b, messages: 9_999, bytes: 9_999 }],
    [900, { ...flow, src: a, dst: b, messages: 100, bytes: 1_000 }],
    [1_000, { ...denied, src: b, dst: a, count: 7 }],
    [1_180, { ...flow, src: a, dst: b, messages: 300, bytes: 3_000 }],
    [1_190, { ...flow, src: a, dst: b, messages: 600, bytes: 6_000 }],
    [1_200, { event: 'peer.fault', src: b, reason: 'x' }],
  ]);
  const now = new NowState(index, true).look(QUESTION);
  assert.equal(now.flows, [
    { src: 'b-vm', dst: 'a-vm', messages: 0, bytes: 0, denied: 7, messageRate: 0, byteRate: 0 },
    { src: 'a-vm', dst: 'b-vm', messages: 1_000, bytes: 10_000, denied: 0, messageRate: 30, byteRate: 300 },
  ]);
  assert.is(now.messageRate, 30);
  assert.is(now.denied, 8);
  assert.is(now.map.units.find(({ name }) => name === 'b-vm')?.refused, 8, 'a fault of a peer counts as well');
  assert.is(
    now.allowedOverTime.reduce((sum, one) => sum + one, 0),
    1_000,
  );
  assert.is(now.deniedOverTime.at(-1), 1);
  const own = new NowState(index, true).look({ ...QUESTION, focus: 'c-vm' });
  assert.equal(own.flows, [], 'with a focus only its own flows are listed');
});

map('grants and refused policies last until a record ends them', () => {
  const src = domain('zoom-vm', '@app');
  const detail = { label: '@mic', forMs: 60_000 };
  const records: [number, object][] = [
    [0, { event: 'broker.start' }],
    [1, { event: 'policy.load', revision: 3, policy: 'ab' }],
    [2, { event: 'policy.reject' }],
    [3, { event: 'grant.add', src, detail }],
    [4, { event: 'session.open', src }],
  ];
  const now = new NowState(indexOf(records), true).look(QUESTION);
  assert.equal([now.grants, now.rejected, now.revision, now.connected], [[3], 1, 3, 1]);
  const more: [number, object][] = [
    ...records,
    [5, { event: 'grant.expire', src, detail }],
    [6, { event: 'policy.load', revision: 4, policy: 'cd' }],
    [7, { event: 'broker.stop' }],
  ];
  const later = new NowState(indexOf(more), true).look(QUESTION);
  assert.equal([later.grants, later.rejected, later.connected, later.isStarted], [[], 0, 0, false]);
});

map('the broker stands on the map, and is no domain that could connect', () => {
  const refusal = { ...denied, src: domain('rogue-vm'), dst: domain('broker') };
  const now = new NowState(
    indexOf([
      [0, { event: 'broker.start' }],
      [1, refusal],
    ]),
    true,
  ).look(QUESTION);
  assert.equal([now.domains, now.connected], [1, 0]);
  assert.is(now.map.units.find(({ name }) => name === 'broker')?.connected, 1);
});

map('of a part of a log, a domain that sends is connected, though its session began before', () => {
  const index = indexOf([
    [0, { ...flow, src: domain('a-vm'), dst: domain('b-vm'), messages: 1, bytes: 1, revision: 9 }],
  ]);
  const part = new NowState(index, false).look(QUESTION);
  assert.equal([part.connected, part.revision], [1, 9]);
  const whole = new NowState(index, true).look(QUESTION);
  assert.equal([whole.connected, whole.revision], [0, null]);
});

map.run();
