/** "Signed policies" of docs/policy.md, run line by line at a real broker, and what that broker refuses. */
import { once } from 'node:events';
import { appendFileSync, copyFileSync, cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type BrokerStatus, callControl } from '../../broker/index.ts';
import { reload } from '../../clients/cli/commands/policy/change/in-force.ts';
import { argusProgram } from '../../clients/cli/program.ts';
import { createAuthority, issueIdentity, loadIdentity } from '../../keys/index.ts';
import { SHIPPED_POLICY_DIRECTORY } from '../../policy/index.ts';
import { codeOfRun, runCommand } from '../policy/run-policy.ts';
import { type Installation, withInstallation } from '../support/installation/installation.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { stepsOf, wordsOf } from './page-steps.ts';

const signed = suite('docs/policy.md: signed policies');

const PAGE = readFileSync(new URL('../../docs/policy.md', import.meta.url), 'utf8');
const [, SECTION = ''] = /\n### Signed policies\n([\s\S]*?)\n### /.exec(PAGE) ?? [];
const BLOCKS = [...SECTION.matchAll(/```console\n([\s\S]*?)```/g)].map(([, text = '']) => text);

/** Hashes and times are others in each run. */
function general(text: string): string {
  return text.replaceAll(/\b[0-9a-f]{12}\b/g, 'HASH').replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME');
}

async function policyOf(installation: Installation): Promise<BrokerStatus['policy']> {
  return ((await callControl(installation.control, 'GET', '/v1/status')).body as BrokerStatus).policy;
}

signed('each command works, prints what the page shows, and an older bundle does not come back', () =>
  withInstallation({}, async (installation) => {
    const at = (name: string): string => join(installation.directory, name);
    mkdirSync(at('draft'), { mode: 0o755 });
    rmSync(installation.policy, { recursive: true });
    for (const to of [at('draft'), installation.policy]) cpSync(SHIPPED_POLICY_DIRECTORY, to, { recursive: true });
    const authority = await createAuthority(at('signers'), 'unsealed');
    for (const name of ['alice', 'bob'])
      await issueIdentity(authority, at(name), { name, role: 'admin', ttlSeconds: 3_600 }, 'unsealed');
    const [alice, bob] = [(await loadIdentity(at('alice'))).thumbprint, (await loadIdentity(at('bob'))).thumbprint];
    const names: Readonly<Record<string, string>> = { ALICE: alice, BOB: bob };
    const argus = async (words: readonly string[]) => runCommand(await argusProgram(words[0]), words);
    const runBlock = async (text: string): Promise<void> => {
      for (const { command, shown } of stepsOf(text)) {
        const { output, error } = await argus(
          wordsOf(command).map((word) => names[word] ?? (word.startsWith('./') ? at(word) : word)),
        );
        assert.is(error, null, `${command}: ${String(error)}`);
        const printed = general(output.replaceAll(`${installation.directory}/`, './'));
        for (const line of shown) assert.ok(printed.includes(general(line)), `argus ${command}\n${line}\n${printed}`);
      }
    };
    const [first = '', next = ''] = BLOCKS;
    assert.is(BLOCKS.length, 2);
    await runBlock(first);
    copyFileSync(at('policy/policy.bundle'), at('first.bundle'));
    const policy = {
      directory: installation.policy,
      source: 'signed' as const,
      keys: [alice],
      assertionKeys: [bob],
    };
    const broker = await installation.broker({ policy });
    const before = process.env.ARGUS_CONTROL;
    process.env.ARGUS_CONTROL = installation.control;
    try {
      appendFileSync(at('draft/policy.csv'), '# mail-vm stays silent\n');
      await runBlock(next);
      const { hash } = await policyOf(installation);
      const old = await argus(['policy', 'publish', at('first.bundle')]);
      assert.match(String(old.error), 'ERR_POLICY_BUNDLE_OLD');
      assert.is(
        codeOfRun(await argus(['policy', 'apply', at('draft'), '--token', hash.slice(0, 12)])),
        'ERR_BROKER_SOURCE',
      );
      await broker.close();
      copyFileSync(at('first.bundle'), at('policy/policy.bundle'));
      await installation.broker({ policy });
      const after = await policyOf(installation);
      assert.equal(
        [after.hash, after.bundle?.version, after.refusal?.code],
        [hash, 2, 'ERR_POLICY_BUNDLE_OLD'],
        'the restarted broker has not gone back',
      );
      const { output } = await argus(['status']);
      assert.match(output, 'REFUSED: the bundle there is not in force');
    } finally {
      if (before === undefined) delete process.env.ARGUS_CONTROL;
      else process.env.ARGUS_CONTROL = before;
    }
  }),
);

signed('a bundle that the watch of the broker put in force first has changed the policy all the same', async () => {
  const path = join(temporaryDirectory(), 'control.sock');
  const answer = JSON.stringify({ ok: true, revision: 2, changed: false, policy: '' });
  const broker = createServer((_request, response) => void response.end(answer)).listen(path);
  await once(broker, 'listening');
  assert.is((await reload(path, 1, {})).changed, true);
  assert.is((await reload(path, 2, {})).changed, false);
  broker.closeAllConnections();
  await new Promise((resolve) => broker.close(resolve));
});

signed('a signature needs the key of an admin, and a check the right keys', () =>
  withInstallation({}, async (installation) => {
    const bundle = join(installation.directory, 'one.bundle');
    const argus = async (...words: readonly string[]) => runCommand(await argusProgram('policy'), ['policy', ...words]);
    assert.is((await argus('bundle', installation.policy, '--out', bundle)).error, null);
    assert.is(
      codeOfRun(await argus('sign', bundle, '--identity', installation.identityOf('broker'))),
      'ERR_POLICY_BUNDLE_SIGNER',
    );
    assert.is(codeOfRun(await argus('verify', bundle, '--key', 'A'.repeat(43))), 'ERR_POLICY_BUNDLE_SIGNER');
    assert.is(codeOfRun(await argus('publish', bundle, '--control', installation.control)), 'ERR_BROKER_NOT_RUNNING');
    assert.is(codeOfRun(await argus('unbundle', bundle, installation.directory)), 'ERR_POLICY_EXISTS');
    assert.is(codeOfRun(await argus('sign', installation.config, '--identity', 'x')), 'ERR_POLICY_BUNDLE');
  }),
);

signed.run();
