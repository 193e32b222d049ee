/** `argus cluster status` says which brokers have another policy than the others. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { policyDifferences } from '../../../clients/cli/commands/running/policies-differ.ts';

const differ = suite('policies of a cluster');

const [OLD, NEW] = ['a'.repeat(64), 'b'.repeat(64)];

differ('brokers with the same files differ in nothing, however often they are seen', () => {
  assert.equal(policyDifferences([]), []);
  const seen = ['one', 'two', 'one'].map((broker) => ({ broker, hash: OLD }));
  assert.equal(policyDifferences(seen), []);
});

differ('each policy is named with its brokers, the most common one first', () => {
  const seen = [
    { broker: 'three', hash: OLD },
    { broker: 'two', hash: NEW },
    { broker: 'one', hash: NEW },
    { broker: 'two', hash: NEW },
  ];
  const [head, ...groups] = policyDifferences(seen);
  assert.match(head ?? '', '2 DIFFERENT policies are in force');
  assert.equal(groups, ['  bbbbbbbbbbbb  one, two', '  aaaaaaaaaaaa  three']);
});

differ.run();
