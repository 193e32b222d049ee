/** `argus cluster init --bundles` makes all that brokers need to take signed policies from the server. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readOptions } from '../../../broker/index.ts';
import { argusProgram } from '../../../clients/cli/program.ts';
import { loadIdentity } from '../../../keys/index.ts';
import { acceptBundle, decodeBundle, hashFiles, readPolicyFiles } from '../../../policy/index.ts';
import { runCommand } from '../../policy/run-policy.ts';
import { needs } from '../../support/needs.ts';
import { temporaryDirectory } from '../../support/temp.ts';

const withOpenssl = needs('openssl', 'openssl');
const init = suite('argus cluster init');

async function initAt(root: string, ...more: readonly string[]): Promise<void> {
  const words = ['cluster', 'init', root, '--unsealed', '--home', 'one=audio-vm', 'two=net-vm', ...more];
  const { error } = await runCommand(await argusProgram('cluster'), words);
  assert.is(error, null, String(error));
}

withOpenssl(init, 'the brokers trust the admin, who has signed the policy and is let in at the server', async () => {
  const root = join(temporaryDirectory(), 'cluster');
  await initAt(root, '--bundles');
  const { thumbprint } = await loadIdentity(join(root, 'admin'));
  const { policy, nats } = readOptions(join(root, 'brokers/two/argus.yaml'));
  assert.equal([policy.source, policy.keys, nats], ['nats', [thumbprint], 'nats://127.0.0.1:4222']);
  const text = readFileSync(join(root, 'first.bundle'), 'utf8');
  const bundle = decodeBundle(text);
  assert.ok(bundle !== null);
  const accepted = await acceptBundle(bundle, { keys: policy.keys, assertionKeys: [] }, null, bundle.terms.issuedAt);
  assert.equal([accepted.version, accepted.policy], [1, hashFiles(await readPolicyFiles(policy.directory))]);
  const config = readFileSync(join(root, 'nats/nats-server.conf'), 'utf8');
  assert.match(config, /^jetstream {/m);
  const admin = config.slice(config.indexOf('# admin\n')).split('\n')[1] ?? '';
  assert.match(admin, '"$KV.argus-policy.head"');
  await initAt(root, '--bundles');
  assert.is(readFileSync(join(root, 'first.bundle'), 'utf8'), text, 'one version never has two bundles');
  assert.equal(readOptions(join(root, 'brokers/two/argus.yaml')).policy.keys, [thumbprint], 'the admin keeps its key');
});

withOpenssl(init, 'without it the directory counts, and the server has no JetStream', async () => {
  const root = join(temporaryDirectory(), 'cluster');
  await initAt(root);
  assert.is(readOptions(join(root, 'brokers/one/argus.yaml')).policy.source, 'watch');
  assert.not.match(readFileSync(join(root, 'nats/nats-server.conf'), 'utf8'), /^jetstream/m);
});

init.run();
