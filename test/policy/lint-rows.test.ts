/** W-023, W-027, W-028 and W-029: rows that cross, whole classes, what a new label brings, one-way classes both ways. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { diffAccess, finish, formatGrowth, labelGrowth, lintPolicy } from '../../policy/index.ts';
import { seeded } from '../support/seed.ts';
import { compileTexts } from './compile.ts';

const rows = suite('linter: rows');

const NAMES = ['vm-a', 'vm-b', 'vm-c', 'vm-d'];
/** Overlapping labels: neither contains another. */
const LABELS: Readonly<Record<string, readonly string[]>> = {
  '@ab': ['vm-a', 'vm-b'],
  '@bc': ['vm-b', 'vm-c'],
  '@cd': ['vm-c', 'vm-d'],
  '@any': NAMES,
};
const SERVICES = `classes:
  - {name: data, ports: [1], inspector: opaque, permissions: [send], flow: to-destination}
`;

function inventory(labels: Readonly<Record<string, readonly string[]>>): string {
  const declared = Object.keys(labels).filter((label) => label !== '@any');
  const domains = NAMES.map((name, domid) => {
    const own = declared.filter((label) => labels[label]?.includes(name));
    return `  - {name: ${name}, domid: ${domid}, labels: [${own.map((label) => `'${label}'`).join()}]}\n`;
  });
  return `labels:\n${declared.map((label) => `  - {name: '${label}'}\n`).join('')}domains:\n${domains.join('')}`;
}

interface Row {
  readonly source: string;
  readonly destination: string;
  readonly effect: 'allow' | 'deny';
}

const textOf = (list: readonly Row[]): string =>
  list.map(({ source, destination, effect }) => `p, ${source}, ${destination}, data, send, ${effect}\n`).join('');

async function conflicts(list: readonly Row[]): Promise<{ readonly line: number; readonly message: string }[]> {
  const policy = await compileTexts({ domains: inventory(LABELS), services: SERVICES, policy: textOf(list) });
  return finish(lintPolicy(policy)).filter(({ code }) => code === 'W-023');
}

const membersOf = (subject: string): readonly string[] => LABELS[subject] ?? [subject];
const isWithin = (small: readonly string[], large: readonly string[]): boolean =>
  small.every((each) => large.includes(each));
const meets = (a: readonly string[], b: readonly string[]): boolean => a.some((each) => b.includes(each));

/** The definition of the page, written with lists of names. */
function crosses(allow: Row, deny: Row): boolean {
  const [from, to] = [membersOf(allow.source), membersOf(allow.destination)];
  const [deniedFrom, deniedTo] = [membersOf(deny.source), membersOf(deny.destination)];
  const isException = isWithin(deniedFrom, from) || isWithin(deniedTo, to);
  const isCovered = isWithin(from, deniedFrom) && isWithin(to, deniedTo);
  return meets(from, deniedFrom) && meets(to, deniedTo) && !isException && !isCovered;
}

const subject = fc.constantFrom(...NAMES, ...Object.keys(LABELS));
const row = fc.record({
  source: subject,
  destination: subject,
  effect: fc.constantFrom('allow' as const, 'deny' as const),
});

rows('W-023 names the allow rows that a deny row crosses, and no others', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(row, { minLength: 1, maxLength: 8, selector: (each) => textOf([each]) }),
      async (list) => {
        const expected = list.flatMap((each, index) =>
          each.effect === 'allow' && list.some((deny) => deny.effect === 'deny' && crosses(each, deny))
            ? [index + 1]
            : [],
        );
        assert.equal(
          (await conflicts(list)).map(({ line }) => line),
          expected,
        );
      },
    ),
    seeded({ numRuns: 60 }),
  );
});

rows('W-023 shows a request that is denied, and the line that denies it; an exception is none', async () => {
  const allow: Row = { source: '@ab', destination: '@cd', effect: 'allow' };
  const deny = (source: string, destination: string): Row => ({ source, destination, effect: 'deny' });
  const [found] = await conflicts([allow, deny('@bc', '@bc')]);
  assert.equal([found?.line, found?.message], [1, 'line 2 takes back a part: vm-b vm-c:data { send } is denied']);
  for (const exception of [deny('vm-a', '@any'), deny('@any', 'vm-c'), deny('@any', '@any'), deny('@cd', '@ab')])
    assert.equal(await conflicts([allow, exception]), [], textOf([exception]));
});

const CLASS_OF_TWO = `classes:
  - {name: ctl, ports: [4714], inspector: audio-control, permissions: [source-start, source-stop, sink-cork, sink-uncork, other], flow: both}
`;

rows('W-027 is about every permission of a class, for a label that sixteen domains have', async () => {
  const warned = async (members: number, permission: string): Promise<string[]> => {
    const domains = Array.from(
      { length: members },
      (_, id) => `  - {name: vm-${id}, domid: ${id}, labels: ['@many']}\n`,
    );
    const policy = await compileTexts({
      domains: `labels:\n  - {name: '@many'}\ndomains:\n${domains.join('')}  - {name: server, domid: 99}\n`,
      services: CLASS_OF_TWO,
      policy: `p, @many, server, argo, send, allow\np, @many, server, ctl, ${permission}, allow\n`,
    });
    return finish(lintPolicy(policy)).flatMap(({ code, line, message }) =>
      code === 'W-027' ? [`${line} ${message}`] : [],
    );
  };
  assert.equal(await warned(16, '*'), ['2 allows every permission of ctl to the 16 domains with @many']);
  assert.equal(await warned(15, '*'), []);
  assert.equal(await warned(16, 'other'), []);
});

rows('W-028 says which domains a label is new for, and what that brings them; new domains are not meant', async () => {
  const policy = textOf([{ source: '@ab', destination: 'vm-d', effect: 'allow' }]);
  const compile = (labels: typeof LABELS, text = policy) =>
    compileTexts({ domains: inventory(labels), services: SERVICES, policy: text });
  const before = await compile(LABELS);
  const growthTo = async (after: Awaited<ReturnType<typeof compile>>) =>
    labelGrowth(before, after, finish(diffAccess(before, after)));
  const grown = await growthTo(await compile({ ...LABELS, '@ab': ['vm-a', 'vm-b', 'vm-c'] }));
  assert.equal(grown, [{ code: 'W-028', label: '@ab', domains: ['vm-c'], changes: 1 }]);
  assert.equal(grown.map(formatGrowth), [
    '   @ab is new for vm-c: 1 of the changes allow more to or from there (W-028)',
  ]);
  assert.equal(await growthTo(await compile({ ...LABELS, '@cd': NAMES })), [], 'no row names the label');
  assert.equal(await growthTo(await compile({ ...LABELS, '@ab': ['vm-a'] })), [], 'a label that shrinks');
  assert.equal(await growthTo(await compile(LABELS, `${policy}p, vm-a, vm-b, data, send, allow\n`)), [], 'rows alone');
});

/** Both directions are allowed, by two rows; a row with the pair on both sides says itself that both are meant. */
function secondDirections(list: readonly Row[]): number[] {
  const covers = ({ source, destination, effect }: Row, from: string, to: string): boolean =>
    effect === 'allow' && membersOf(source).includes(from) && membersOf(destination).includes(to);
  const isDenied = (from: string, to: string): boolean =>
    list.some((each) => each.effect === 'deny' && covers({ ...each, effect: 'allow' }, from, to));
  const opens = (row: Row, from: string, to: string): boolean => covers(row, from, to) && !covers(row, to, from);
  return list.flatMap((each, index) =>
    NAMES.some((from) =>
      NAMES.some(
        (to) =>
          from !== to &&
          opens(each, from, to) &&
          list.slice(0, index).some((earlier) => opens(earlier, to, from)) &&
          !isDenied(from, to) &&
          !isDenied(to, from),
      ),
    )
      ? [index + 1]
      : [],
  );
}

const ONE_WAY = SERVICES.replace('to-destination', 'to-destination, oneWay: true');

async function directions(list: readonly Row[], services = ONE_WAY): Promise<{ line: number; message: string }[]> {
  const policy = await compileTexts({ domains: inventory(LABELS), services, policy: textOf(list) });
  return finish(lintPolicy(policy)).filter(({ code }) => code === 'W-029');
}

rows('W-029 names the row that opens the other direction of a one-way class, and no other', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(row, { minLength: 1, maxLength: 8, selector: (each) => textOf([each]) }),
      async (list) =>
        assert.equal(
          (await directions(list)).map(({ line }) => line),
          secondDirections(list),
          textOf(list),
        ),
    ),
    seeded({ numRuns: 80 }),
  );
});

rows('W-029 shows an example; a class that is not said to go one way is not meant', async () => {
  const both: Row[] = [
    { source: '@ab', destination: 'vm-d', effect: 'allow' },
    { source: 'vm-d', destination: 'vm-b', effect: 'allow' },
  ];
  const [found] = await directions(both);
  assert.equal(
    [found?.line, found?.message],
    [2, 'line 1 allows the other direction: data goes one way, and vm-d and vm-b may send it to each other'],
  );
  assert.equal(await directions(both, SERVICES), []);
});

rows.run();
