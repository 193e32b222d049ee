/** The oracle: Casbin behind one guarded question. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type CasbinRow, Oracle } from '../../../policy/decide/oracle.ts';
import type { PolicyError } from '../../../policy/index.ts';
import { MODEL_SHA256, MODEL_TEXT, sha256Hex } from '../../../policy/read/casbin-model.ts';

import { pretend } from './lying-casbin.ts';

const oracle = suite('oracle');

const WORDS = new Set(['msg', 'send', 'stop']);
const ALLOW: CasbinRow = ['@x', 'b', 'msg', 'send', 'allow'];
const request = { source: 'a', destination: 'b', className: 'msg', permission: 'send' };

const create = async (subjects: Readonly<Record<string, readonly string[]>> = { a: ['a', '@x'], b: ['b'] }) => {
  const casbin = await Oracle.create(WORDS);
  for (const [name, has] of Object.entries(subjects)) casbin.introduce(name, has);
  return casbin;
};

oracle('decides over the rows it is given, and forgets them', async () => {
  const casbin = await create();
  assert.is(casbin.decide(request, [ALLOW]), true);
  assert.is(casbin.decide(request, []), false);
  assert.is(casbin.decide(request, [ALLOW, ['a', 'b', 'msg', '*', 'deny']]), false);
  assert.is(casbin.decide({ ...request, permission: 'stop' }, [ALLOW]), false);
});

oracle('no rows is a denial without asking', async () => {
  const casbin = await create();
  assert.is(casbin.decide({ source: '', destination: '', className: '', permission: '' }, []), false);
});

const outside: readonly (readonly [string, unknown])[] = [
  ['an unknown name', 'c'],
  ['an empty string', ''],
  ['an array that reads like a name', ['a']],
  ['an object that reads like a name', { toString: () => 'a' }],
  ['undefined', undefined],
  ['a label', '@x'],
];
for (const [what, word] of outside) {
  oracle(`${what} never reaches Casbin`, async () => {
    const casbin = await create();
    for (const key of Object.keys(request)) {
      assert.throws(
        () => casbin.decide({ ...request, [key]: word } as typeof request, [ALLOW]),
        (error: { code?: string }) => error.code === 'ERR_POLICY_INVARIANT',
      );
    }
  });
}

oracle('two oracles share nothing', async () => {
  const [one, two] = [await create(), await create({ a: ['a'], b: ['@x', 'b'] })];
  assert.is(one.decide(request, [ALLOW]), true);
  assert.is(two.decide(request, [ALLOW]), false);
});

oracle('what was introduced once does not change', async () => {
  const casbin = await create({ a: ['a'], b: ['b'] });
  casbin.introduce('a', ['a', '@x']);
  assert.is(casbin.decide(request, [ALLOW]), false);
});

oracle('the enforcer cannot be reached from outside', async () => {
  const casbin = await create();
  assert.equal(Object.keys(casbin), []);
  assert.equal(JSON.stringify(casbin), '{}');
});

oracle('a Casbin that does not answer the probes is not used', async () => {
  for (const answer of [true, false]) {
    const restore = pretend(() => answer);
    try {
      await create();
      assert.unreachable();
    } catch (error) {
      assert.is((error as PolicyError).code, 'ERR_POLICY_ORACLE');
    } finally {
      restore();
    }
  }
});

oracle('only the boolean true allows', async () => {
  const casbin = await create();
  const restore = pretend(() => 'true' as unknown as boolean);
  try {
    assert.is(casbin.decide(request, [ALLOW]), false);
  } finally {
    restore();
  }
});

oracle('the model is the one whose hash is written down', () => {
  assert.is(sha256Hex(MODEL_TEXT), MODEL_SHA256);
});

oracle.run();
