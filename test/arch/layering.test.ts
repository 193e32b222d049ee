/** The architecture: every rule holds for the sources as they are, and every rule can fail. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WORKING_TREE } from '../support/program.ts';
import { RULES } from './rules.ts';
import { parseSource, readSources } from './source.ts';

const sources = readSources(WORKING_TREE);

const architecture = suite('architecture');

architecture('the sources are found', () => {
  assert.ok(sources.some((source) => source.path === 'policy/contract/permit.ts'));
  assert.ok(sources.some((source) => source.path === 'test/arch/layering.test.ts'));
});

for (const rule of RULES) {
  architecture(rule.name, () => {
    const violations = rule.violations(sources);
    assert.not(violations.length > 0, violations.join('\n    '));
  });
}

architecture.run();

const blind = suite('no rule is blind');

for (const rule of RULES) {
  blind(`fails when broken: ${rule.name}`, () => {
    assert.ok(rule.breaking.length > 0, 'the rule brings no source that breaks it');
    for (const files of rule.breaking) {
      const invented = Object.entries(files).map(([path, text]) => parseSource(path, text));
      assert.ok(rule.violations(invented).length > 0, `unnoticed: ${JSON.stringify(files)}`);
    }
  });
}

blind.run();
