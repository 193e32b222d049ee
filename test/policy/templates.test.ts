/** Every policy to begin with loads, has no warning, and passes its own tests. */
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { copyShippedPolicy, finish, lintPolicy, loadPolicy, POLICY_TEMPLATES } from '../../policy/index.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { INSPECTORS } from './compile.ts';
import { codeOfRun, runPolicy } from './run-policy.ts';

const templates = suite('policies to begin with');

for (const template of POLICY_TEMPLATES) {
  templates(`${template} has no finding and no warning, and more than nothing is asserted and tested`, async () => {
    const directory = join(temporaryDirectory(), 'policy');
    await copyShippedPolicy(directory, template);
    const policy = await loadPolicy(directory, { revision: 1, inspectors: INSPECTORS });
    assert.equal(
      finish(lintPolicy(policy)).map(({ code, file, line, message }) => `${code} ${file}:${line} ${message}`),
      [],
    );
    assert.ok(policy.checked.assertions > 0 && policy.checked.tests > 1);
  });
}

templates('init takes the template by name, and an unknown one is an error that names all', async () => {
  const directory = join(temporaryDirectory(), 'policy');
  const { output, error } = await runPolicy('init', directory, '--template', 'router', '--json');
  assert.is(error, null);
  assert.equal([JSON.parse(output).template, JSON.parse(output).written.length], ['router', 6]);
  const policy = await loadPolicy(directory, { revision: 1, inspectors: INSPECTORS });
  assert.ok(policy.domains.byName('router-vm'));
  const wrong = await runPolicy('init', `${directory}-2`, '--template', 'windows');
  assert.is(codeOfRun(wrong), 'commander.invalidArgument');
  assert.match(wrong.output, 'desktop, empty, qubes, ghaf, router');
});

templates.run();
