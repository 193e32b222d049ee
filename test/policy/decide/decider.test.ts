/** Casbin, the rows and the expansion must agree on each decision; any one of them that disagrees makes it an error. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Decider, type Examined } from '../../../policy/decide/decider.ts';
import { PolicyError } from '../../../policy/index.ts';
import { classOf, compileTexts, domainOf, ONE_ROW } from '../compile.ts';

const decider = suite('decider');

interface Opinions {
  readonly casbin: boolean;
  readonly effect: 'allow' | 'deny';
  readonly expansion: boolean;
}

/** One row matches; each of the three says what it is told to. */
function examined({ casbin, effect, expansion }: Opinions): Examined {
  const rule = { number: 0, casbinRow: [], row: { permission: '*', effect } };
  const book = {
    index: { candidates: () => [rule] },
    kinds: { subjects: [], nameOf: () => 'any' },
    oracle: { introduce: () => undefined, decide: () => casbin },
    answers: new Map(),
    cells: new Map(),
  };
  return {
    book,
    placement: { kind: () => 0 },
    expansion: { isAllowed: () => expansion },
  } as unknown as Examined;
}

for (const casbin of [true, false])
  for (const effect of ['allow', 'deny'] as const)
    for (const expansion of [true, false]) {
      const agree = casbin === (effect === 'allow') && expansion === casbin;
      const title = `Casbin ${casbin}, row ${effect}, expansion ${expansion}: ${agree ? 'decided' : 'an error'}`;
      decider(title, async () => {
        const policy = await compileTexts({ policy: ONE_ROW });
        const [source, destination] = [domainOf(policy, 'chrome-vm'), domainOf(policy, 'mail-vm')];
        const ask = () =>
          new Decider(examined({ casbin, effect, expansion })).decide(source, destination, classOf(policy, 'argo'));
        if (agree) assert.ok(ask().every(({ allowed }) => allowed === casbin));
        else {
          assert.throws(ask, (error: unknown) => {
            return error instanceof PolicyError && error.code === 'ERR_POLICY_INVARIANT';
          });
        }
      });
    }

decider.run();
