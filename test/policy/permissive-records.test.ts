/** Records of a permissive domain are decided again by the rows, as replay, simulate and suggest do. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DecisionReader } from '../../clients/cli/commands/policy/replay/recorded.ts';
import { decideAgain, differencesFrom } from '../../policy/index.ts';
import { CoreHarness, compile, type PolicyText } from '../support/core/harness.ts';

const records = suite('records of a permissive domain');

const STRICT: PolicyText = {
  domains: ['a', 'b'],
  rows: ['p, @any, broker, argo, *, allow', 'p, a, b, argo, send, allow', 'p, a, b, data, send, deny'],
};

records('each is the denial that the rows make, and replay finds no difference', async () => {
  const harness = await CoreHarness.of({ ...STRICT, permissive: ['a'] });
  harness.register('b', 'ANY');
  harness.send('a', 'b');
  harness.unregister('b', 'ANY');
  const policy = await compile(STRICT);
  const reader = new DecisionReader();
  const seen: string[] = [];
  for (const { seq, event, ...fields } of harness.audit.records) {
    const record = reader.take({ seq, event, fields } as unknown as Parameters<DecisionReader['take']>[0]);
    if (record === null) continue;
    assert.equal(differencesFrom(record.decision, decideAgain(policy, record.decision)), [], event);
    if (record.decision.className === 'data') seen.push(`${event} ${record.decision.reason}`);
  }
  assert.equal(seen, ['send.denied EXPLICIT_DENY', 'flow EXPLICIT_DENY']);
});

records.run();
