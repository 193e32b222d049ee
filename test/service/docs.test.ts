/** docs/broker.md says what is so: options, metrics, requests and error codes are compared with the sources. */
import { existsSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { CHALLENGE_PATH } from '../../broker/control/proof.ts';
import { ROUTES } from '../../broker/control/routes.ts';
import { brokerOptions } from '../../broker/index.ts';

const docs = suite('broker docs');

const TEXT = readFileSync(new URL('../../docs/broker.md', import.meta.url), 'utf8');

/** The rows of the table below a heading, as cells. */
function tableBelow(heading: string): string[][] {
  const section = TEXT.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| '));
  return rows.slice(1).map((row) => row.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')));
}

function unquoted(cell: string | undefined): string {
  return cell?.replaceAll('`', '') ?? '';
}

/** What the broker makes of a file with nothing but the keys it must have. */
const DEFAULTS: unknown = brokerOptions.parse({ identity: 'i', policy: 'p', audit: 'a' });

function at(value: unknown, key: string): unknown {
  return key.split('.').reduce((inner, name) => Object(inner)[name], value);
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly enum?: readonly string[];
  readonly items?: Schema;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Every option by its full key. */
function leaves(schema: Schema, prefix = ''): (readonly [key: string, leaf: Schema, isRequired: boolean])[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, each]) =>
    each.properties === undefined
      ? [[`${prefix}${name}`, each, schema.required?.includes(name) === true] as const]
      : leaves(each, `${prefix}${name}.`),
  );
}

docs('every option is documented with its default and range, in the order of the schema', () => {
  const schema: Schema = z.toJSONSchema(brokerOptions, { io: 'input', unrepresentable: 'any' }) as Schema;
  const rows = tableBelow('Options');
  assert.equal(
    rows.map(([key]) => unquoted(key)),
    leaves(schema).map(([key]) => key),
  );
  for (const [index, [key, leaf, isRequired]] of leaves(schema).entries()) {
    const [, fallback, range = ''] = rows[index] ?? [];
    assert.is(unquoted(fallback), isRequired ? 'required' : JSON.stringify(at(DEFAULTS, key)), key);
    for (const word of leaf.enum ?? leaf.items?.enum ?? []) assert.match(range, `\`${word}\``, key);
    if (leaf.maximum !== undefined) assert.is(range, `${leaf.minimum} … ${leaf.maximum}`, key);
  }
});

docs('each bound names who is charged, what happens, and a test that is there', () => {
  const rows = tableBelow('What is bounded');
  assert.ok(rows.length >= 12);
  for (const row of rows) {
    assert.is(row.length, 5, row[0]);
    const tests = [...(row[4] ?? '').matchAll(/`([^`]+)`/g)].map(([, path = '']) => path);
    assert.ok(tests.length > 0, row[0]);
    for (const path of tests) assert.ok(existsSync(new URL(`../../${path}`, import.meta.url)), path);
  }
});

docs('every metric is documented with its type, and none that is not there', () => {
  const source = readFileSync(new URL('../../broker/service/metrics.ts', import.meta.url), 'utf8');
  const names = [...source.matchAll(/'(argus_\w+)'/g)].map(([, name = '']) => name);
  const rows = tableBelow('Metrics');
  assert.equal(rows.map(([name]) => unquoted(name)).sort(), [...names].sort());
  for (const [name, type] of rows) assert.is(type, unquoted(name).endsWith('_total') ? 'counter' : 'gauge', name);
});

docs('every request of the control API is documented, and none that is not there', () => {
  const routes = new Set([...ROUTES.keys(), `GET ${CHALLENGE_PATH}`]);
  assert.equal(
    tableBelow('Control API')
      .map(([request]) => unquoted(request))
      .sort(),
    [...routes].sort(),
  );
});

docs('every error code is documented, and none that is not there', () => {
  const source = readFileSync(new URL('../../broker/process/errors.ts', import.meta.url), 'utf8');
  const codes = [...source.matchAll(/'(ERR_BROKER_\w+)'/g)].map(([, code = '']) => code);
  assert.equal(
    tableBelow('Errors')
      .map(([code]) => unquoted(code))
      .sort(),
    [...codes].sort(),
  );
});

docs.run();
