/** `argus keys authority` and a domain whose credential ends: the messages go through a broker and its policy. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withInstallation } from '../../support/installation/installation.ts';
import { CLI, nodeArguments, ROOT } from '../../support/program.ts';

const service = suite('argus keys authority');

service('a domain in the last third of its term gets a new credential through the broker', () =>
  withInstallation({}, async (installation) => {
    await installation.broker();
    // Issued an hour ago but ten minutes.
    const now = Date.now() - 3_000_000;
    await installation.issue('chrome-vm', 'domain', { ttlSeconds: 3_600, now }).catch(() => {});
    const file = join(installation.identityOf('chrome-vm'), 'credential.jwt');
    const before = readFileSync(file, 'utf8');
    const { authorityDirectory: directory } = installation;
    const options = [
      '--identity',
      installation.identityOf('audio-vm'),
      '--carrier',
      installation.carrierOf('audio-vm'),
    ];
    const child = spawn(process.execPath, nodeArguments(CLI, 'keys', 'authority', directory, '--json', ...options), {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines: string[] = [];
    const ready = new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        lines.push(...text.trim().split('\n'));
        resolve();
      });
    });
    try {
      await Promise.race([ready, once(child, 'exit').then(() => Promise.reject(new Error('it ended')))]);
      const vm = await installation.connect('chrome-vm', {
        identity: installation.identityOf('chrome-vm'),
        renewal: { domain: 'audio-vm', port: 17 },
      });
      const expiresAt = await new Promise<number>((resolve, reject) => {
        vm.on('renewed', (event) => resolve(event.expiresAt));
        vm.on('expiring', ({ reason }) => reject(reason));
      });
      assert.ok(expiresAt > Date.now() / 1000 + 3_000);
      assert.is.not(readFileSync(file, 'utf8'), before);
    } finally {
      child.kill('SIGTERM');
    }
    const [code] = await once(child, 'exit');
    assert.is(code, 0);
    assert.equal(
      lines.map((line) => JSON.parse(line).event),
      ['ready', 'renewed'],
    );
  }),
);

service.run();
