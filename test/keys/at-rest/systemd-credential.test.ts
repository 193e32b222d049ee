/**
 * The lines of docs/keys.md for systemd: the passphrase of a sealed key as an encrypted credential of a service.
 *
 * No service is started, because that takes a booted systemd. The key of the host is a file of the test, and not that of
 * the machine.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createAuthority, issueIdentity, loadIdentity } from '../../../keys/index.ts';
import { wordsOf } from '../../docs/page-steps.ts';
import { needs } from '../../support/needs.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { codeOf } from '../forge.ts';

const credentials = suite('systemd credentials');
const PAGE = readFileSync(new URL('../../../docs/keys.md', import.meta.url), 'utf8');
const BROKER_PAGE = readFileSync(new URL('../../../docs/broker.md', import.meta.url), 'utf8');
const AGENT_UNIT = readFileSync(
  new URL('../../../clients/agents/guest/init/argus-agent.service', import.meta.url),
  'utf8',
);

const found = (text: string, pattern: RegExp): string => {
  const [whole, part] = pattern.exec(text) ?? [];
  assert.ok(whole !== undefined, `the page has ${pattern}`);
  return part ?? whole ?? '';
};
const ENCRYPT = found(PAGE, /^systemd-creds encrypt .*$/m);
const DROP_IN = found(PAGE, /```ini\n(\[Service\]\nLoadCredentialEncrypted=[\s\S]*?)```/);

needs('systemd-creds', 'systemd')(credentials, 'the credential that the page makes opens a sealed key', async () => {
  const base = temporaryDirectory();
  const path = (name: string): string => join(base, name);
  const [passphrase, sealed] = [path('argus.passphrase'), path('argus-key.cred')];
  writeFileSync(passphrase, 'correct horse battery staple\n', { mode: 0o600 });
  const creds = (words: readonly string[]): string =>
    execFileSync('systemd-creds', words, {
      encoding: 'utf8',
      env: { ...process.env, SYSTEMD_CREDENTIAL_SECRET: path('credential.secret') },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const [, ...words] = wordsOf(ENCRYPT);
  const places = new Map([
    ['/root/argus.passphrase', passphrase],
    ['/etc/argus/argus-key.cred', sealed],
  ]);
  creds(['--with-key=host', ...words.map((word) => places.get(word) ?? word)]);
  assert.not.match(readFileSync(sealed, 'latin1'), 'correct horse');

  const vm = path('vm');
  const authority = await createAuthority(path('authority'), 'unsealed');
  process.env.ARGUS_KEY_PASSPHRASE_FILE = passphrase;
  await issueIdentity(authority, vm, { name: 'chrome-vm', role: 'domain', ttlSeconds: 3_600 }, 'unsealed');
  delete process.env.ARGUS_KEY_PASSPHRASE_FILE;
  assert.is(await codeOf(() => loadIdentity(vm)), 'ERR_KEY_SEALED');

  // What systemd does for the service: the credential in clear in a directory that only the service can read.
  const [, name = ''] = /LoadCredentialEncrypted=([^:]+):/.exec(DROP_IN) ?? [];
  mkdirSync(path('credentials'), { mode: 0o700 });
  process.env.CREDENTIALS_DIRECTORY = path('credentials');
  try {
    creds([`--name=${name}`, 'decrypt', sealed, join(path('credentials'), name)]);
    assert.is((await loadIdentity(vm)).name, 'chrome-vm');
  } finally {
    delete process.env.CREDENTIALS_DIRECTORY;
  }
});

needs('systemd-analyze', 'systemd')(
  credentials,
  'systemd understands the drop-in of the page for broker and agent',
  () => {
    const brokerUnit = found(BROKER_PAGE, /```ini\n(# \/etc\/systemd\/system\/argus\.service[\s\S]*?)```/);
    const complaintsOf = (name: string, unit: string, dropIn: string): readonly string[] => {
      const path = join(temporaryDirectory(), name);
      writeFileSync(path, unit);
      mkdirSync(`${path}.d`);
      writeFileSync(join(`${path}.d`, 'override.conf'), dropIn);
      const said = execFileSync('sh', ['-c', 'systemd-analyze verify --man=no "$0" 2>&1 || true', path], {
        encoding: 'utf8',
      });
      return said.split('\n').filter((line) => line !== '' && !/Command \S+ is not executable/.test(line));
    };
    assert.equal(complaintsOf('argus.service', brokerUnit, DROP_IN), []);
    assert.equal(complaintsOf('argus-agent.service', AGENT_UNIT, DROP_IN), []);
    const wrong = DROP_IN.replace('argus-key:', '');
    assert.is.not(complaintsOf('argus.service', brokerUnit, wrong).length, 0);
  },
);

credentials.run();
