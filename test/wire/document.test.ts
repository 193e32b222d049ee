/** docs/wire.md and the code: every number in a table of the document is the code's, and no number of the code is missing. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  HARD_EPOCH_LIMITS,
  MAX_SHORT_EPOCHS,
  SHORT_EPOCH,
  SOFT_EPOCH_LIMITS,
} from '../../broker/channel/protection.ts';
import * as chosen from '../../broker/process/limits.ts';
import * as fixed from '../../broker/wire/constants.ts';
import { CloseCode, DataField, Op, RecordType, RingFlag, SendFlag, Status } from '../../broker/wire/index.ts';
import { MAX_EPOCH, MAX_TOKEN_CHARACTERS } from '../../keys/base/index.ts';

const DOCUMENT = readFileSync(join(import.meta.dirname, '../../docs/wire.md'), 'utf8');

/** Rows of the table whose head begins with these two cells, each as its cells without backticks. */
function table(first: string, second: string): string[][] {
  const lines = DOCUMENT.split('\n');
  const heads = lines.flatMap((line, at) => (line.startsWith(`| ${first} | ${second} |`) ? [at] : []));
  assert.ok(heads.length > 0, `wire.md has no table "${first}", "${second}"`);
  return heads.flatMap((head) => {
    const end = lines.findIndex((line, at) => at > head && !line.startsWith('|'));
    return lines.slice(head + 2, end).map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
  });
}

const numbers = (rows: readonly (readonly string[])[], name: number, value: number): Record<string, number> =>
  Object.fromEntries(rows.map((row) => [row[name] ?? '', Number(row[value])]));

const wire = suite('docs/wire.md');

wire('the limits are those of the code', () => {
  const code: Readonly<Record<string, unknown>> = {
    ...chosen,
    ...fixed,
    MAX_TOKEN_CHARACTERS,
    MAX_SHORT_EPOCHS,
    SHORT_EPOCH_RECORDS: SHORT_EPOCH.records,
    SHORT_EPOCH_BYTES: SHORT_EPOCH.bytes,
    SHORT_EPOCH_MS: SHORT_EPOCH.ageMs,
  };
  for (const [name, value] of Object.entries(numbers(table('name', 'value'), 0, 1))) assert.is(value, code[name], name);
});

wire('the limits of an epoch are those of the code', () => {
  const [records = [], bytes = [], ageMs = []] = table('limit', 'soft: the sender changes keys');
  const limits = (column: number) => ({
    records: Number(records[column]),
    bytes: Number(bytes[column]),
    ageMs: Number(ageMs[column]),
  });
  assert.equal(limits(1), SOFT_EPOCH_LIMITS);
  assert.equal(limits(2), HARD_EPOCH_LIMITS);
  assert.is(MAX_EPOCH, 2 ** 32 - 1);
});

wire('the ops are those of the code, all of them, with their numbers', () => {
  const spelt: Readonly<Record<string, string>> = { brokerPing: 'ping', brokerPong: 'pong' };
  const inCode = Object.entries(Op).map(([name, op]) => [
    op,
    spelt[name] ?? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
  ]);
  const documented = table('op', 'name').map(([op, name]) => [Number(op), name]);
  assert.equal(documented.sort(byNumber), inCode.sort(byNumber));
});

wire('the close codes are those of the code, all of them', () => {
  assert.equal(numbers(table('code', 'word'), 1, 0), CloseCode);
});

wire('the status words are those of the code, all of them', () => {
  assert.equal(numbers(table('status', 'word'), 1, 0), Status);
});

wire('the flags are those of the code, all of them', () => {
  assert.equal(numbers(table('flag', 'name'), 1, 0), {
    ...SendFlag,
    ...RingFlag,
    REGISTER_FAIL_EXIST: fixed.REGISTER_FAIL_EXIST,
  });
});

wire('the offsets of sendv and deliver are those of the code', () => {
  const inCode = [
    DataField.id,
    DataField.source,
    DataField.destination,
    DataField.sourcePort,
    DataField.destinationPort,
    DataField.messageType,
    DataField.payload,
  ];
  const rows = table('offset', 'size').filter((row) => row.length === 5);
  assert.equal(
    rows.map(([offset]) => Number(offset)),
    inCode,
  );
});

wire('magic, version and types of a record are those of the code', () => {
  const magic = Buffer.alloc(2);
  magic.writeUInt16LE(fixed.RECORD_MAGIC);
  const cells = table('offset', 'size').map((row) => `${row[2]} ${row[3]}`);
  assert.ok(
    cells.includes(
      `magic ${magic
        .toString('hex')
        .toUpperCase()
        .replace(/(..)(..)/, '$1 $2')}`,
    ),
  );
  assert.ok(cells.includes(`version ${fixed.WIRE_VERSION}`));
  const types = Object.entries(RecordType).map(([name, type]) => `${type} ${name}`);
  assert.ok(cells.includes(`type ${types.join(', ')}`));
});

function byNumber(left: readonly unknown[], right: readonly unknown[]): number {
  return Number(left[0]) - Number(right[0]);
}

wire.run();
