/** The fast reading of a line for the index: the same columns as from the parsed record, or none. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeLine } from '../../../broker/audit/chain.ts';
import { parsedOf } from '../../../broker/audit/index.ts';
import { ZERO_HASH } from '../../../broker/audit/limits.ts';
import { NUMBER_COLUMNS, TEXT_COLUMNS } from '../../../clients/audit/derived/columns.ts';
import { Dictionary } from '../../../clients/audit/derived/dictionary.ts';
import { LineScan } from '../../../clients/audit/derived/line-scan.ts';
import { RowBatch } from '../../../clients/audit/derived/row-batch.ts';
import { seeded } from '../../support/seed.ts';

const scan = suite('audit index line');

const HEAD = '"time":"2026-11-28T10:00:00.120Z","mono":12.5,"boot":"a1","broker":"host-1"';
const PARTIES =
  '"src":{"domain":"a-vm","domid":7,"labels":["@app","@mic"]},"dst":{"domain":"b-vm","domid":8,"labels":[]}';
const BODIES = [
  `${HEAD},"event":"broker.start","code":"A1001I"`,
  `${HEAD},"event":"flow","code":"A4005I","decision":"allow","rule":{"file":"policy.csv","line":8},${PARTIES},"port":4713,"class":"data","permission":"send","messages":3,"bytes":300,"revision":2,"policy":"61e0","session":"s-1"`,
  `${HEAD},"event":"send.denied","code":"A4001W","decision":"deny","reason":"NO_RULE",${PARTIES},"port":1,"class":"argo","permission":"send","bytes":0,"permissive":true,"count":250`,
  `${HEAD},"event":"send.undelivered","code":"A4004I",${PARTIES},"ringBytes":4096`,
];
const bodies = fc.constantFrom(...BODIES);
const characters = fc.constantFrom(
  ...'"\\,:{}[]0129.-+eEaZ é\u0000\u007f',
  'null',
  'true',
  ',"seq":9',
  ',"detail":{"until":"x"}',
);

/** What the slow and the fast reading make of a line. */
function rows(line: string | Uint8Array): { readonly slow: unknown; readonly fast: unknown } {
  const dictionary = new Dictionary();
  const bytes = Buffer.from(line);
  const raw = { place: { segment: 1, offset: 40 }, length: bytes.length, bytes };
  const [slow, fast] = [new RowBatch(dictionary), new RowBatch(dictionary)];
  slow.add(3, { segment: 1, parsed: parsedOf(raw), place: raw.place, length: raw.length });
  fast.addRaw(3, raw);
  return { slow: rowOf(slow), fast: rowOf(fast) };
}

function rowOf(batch: RowBatch): unknown {
  assert.is(batch.length, 1);
  return [...batch.numbers, ...batch.texts].map((column) => column[0]);
}

scan('a line as a broker writes it is read without parsing it, and means the same', () => {
  for (const [at, body] of BODIES.entries()) {
    const line = encodeLine(at + 1, body, ZERO_HASH);
    const { slow, fast } = rows(line);
    assert.equal(fast, slow, body);
    const [numbers, texts] = [new Map<string, Float64Array>(), new Map<string, Int32Array>()];
    for (const name of NUMBER_COLUMNS) numbers.set(name, new Float64Array(1));
    for (const name of TEXT_COLUMNS) texts.set(name, new Int32Array(1));
    const columns = {
      number: (name: string) => numbers.get(name) ?? new Float64Array(0),
      text: (name: string) => texts.get(name) ?? new Int32Array(0),
    };
    const one = new LineScan(columns, new Dictionary(), (text) => Date.parse(text));
    assert.is(one.read(Buffer.from(line), 0), true, body);
  }
});

scan('a line that is written in another way means the same, too', () => {
  fc.assert(
    fc.property(
      bodies,
      fc.nat(),
      fc.nat({ max: 3 }),
      characters,
      fc.integer({ min: 0, max: 5 }),
      (body, at, gone, text, seq) => {
        const place = at % body.length;
        const { slow, fast } = rows(encodeLine(seq, body.slice(0, place) + text + body.slice(place + gone), ZERO_HASH));
        assert.equal(fast, slow);
      },
    ),
    seeded({ numRuns: 1_500 }),
  );
});

scan('a damaged line is the same fault', () => {
  fc.assert(
    fc.property(bodies, fc.nat(), fc.integer({ min: 1, max: 255 }), (body, at, mask) => {
      const line = Buffer.from(encodeLine(5, body, ZERO_HASH));
      const place = at % line.length;
      line[place] = (line[place] ?? 0) ^ mask;
      const { slow, fast } = rows(line);
      assert.equal(fast, slow);
    }),
    seeded({ numRuns: 500 }),
  );
});

scan.run();
