/** `vmm:` in the inventory, seen from the operator: sessions through the VMM's socket, and every way to be refused. */

import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { callControl } from '../../../broker/index.ts';
import { codeOf, type Installation, nextEvent, withInstallation } from '../../support/installation/installation.ts';
import { findBinary } from '../../support/needs.ts';
import { CLI, nodeArguments, ROOT } from '../../support/program.ts';
import { ALICE, BOB, reach, withUsers } from './vmm.ts';

const users = suite('users of VMMs');

const PLAN = { domains: { 'chrome-vm': [], 'mail-vm': [] } };

/** The inventory with `vmm:` for some. */
async function declare(installation: Installation, vmm: Readonly<Record<string, string | number>>): Promise<void> {
  const entries = Object.keys(PLAN.domains).map((name, index) => {
    const user = vmm[name];
    return `  - { name: ${name}, domid: ${index + 1}, labels: ["@member"]${user === undefined ? '' : `, vmm: ${user}`} }`;
  });
  const text = `labels:\n  - { name: "@member" }\n  - { name: "@audio" }\ndomains:\n${entries.join('\n')}\n  - { name: audio-vm, domid: 9, labels: ["@audio"] }\n`;
  await installation.writePolicyFile('domains.yaml', text);
}

const socketOf = (installation: Installation, domain: string): string =>
  join(installation.runtime, domain, 'argus.sock');

withUsers(users, 'a domain has its session over its VMM’s socket, and a reload can give it one', () =>
  withInstallation(PLAN, async (installation) => {
    await declare(installation, { 'chrome-vm': ALICE });
    const broker = await installation.broker({ watchPolicy: false });
    assert.is(broker.carrierOf('chrome-vm'), `unix:${socketOf(installation, 'chrome-vm')}`);
    const chrome = await installation.connect('chrome-vm', { carrier: broker.carrierOf('chrome-vm') });
    assert.is(chrome.name, 'chrome-vm');
    const other = installation.connect('mail-vm', { carrier: broker.carrierOf('chrome-vm'), reconnect: false });
    assert.is(await codeOf(other), 'ERR_CLIENT_WRONG_CARRIER');
    const told = nextEvent(chrome, 'revision');
    await declare(installation, { 'chrome-vm': ALICE, 'mail-vm': BOB });
    assert.equal(await broker.reload(), { ok: true, revision: 2, changed: true });
    await told;
    assert.is((await installation.connect('mail-vm', { carrier: broker.carrierOf('mail-vm') })).name, 'mail-vm');
    assert.not.ok(existsSync(join(installation.runtime, 'mail-vm.sock')));
  }),
);

withUsers(
  users,
  'a user that the host does not know keeps the broker from starting, and a new policy out of force',
  () =>
    withInstallation(PLAN, async (installation) => {
      await declare(installation, { 'chrome-vm': 'no-such-user-here' });
      assert.is(await codeOf(installation.broker()), 'ERR_BROKER_VMM_USER');
      assert.equal(
        readdirSync(installation.runtime).filter((name) => name !== '.making'),
        [],
      );
      await declare(installation, {});
      const broker = await installation.broker({ watchPolicy: false });
      await declare(installation, { 'mail-vm': 'no-such-user-here' });
      const result = await broker.reload();
      assert.is(result.ok ? 'ok' : result.code, 'ERR_BROKER_VMM_USER');
      assert.is(broker.status().policy.revision, 1);
      assert.is((await installation.connect('mail-vm')).name, 'mail-vm');
    }),
);

/** `argus broker` as setpriv makes it: what it says until it serves or ends. */
async function brokerWith(
  installation: Installation,
  privileges: readonly string[],
  whileRunning: () => Promise<void>,
): Promise<string> {
  await installation.configure({ log: { level: 'info' }, watchPolicy: false });
  const command = [process.execPath, ...nodeArguments(CLI, 'broker', '--config', installation.config)];
  const broker = spawn(findBinary('setpriv') ?? 'setpriv', [...privileges, ...command], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  for await (const line of createInterface({ input: broker.stderr })) {
    said += `${line}\n`;
    if (!line.includes('"broker running"')) continue;
    await whileRunning();
    broker.kill('SIGTERM');
  }
  return said;
}

for (const capabilities of ['-chown', '-dac_override,-dac_read_search']) {
  withUsers(users, `without ${capabilities} the broker says what it needs before anything listens`, () =>
    withInstallation(PLAN, async (installation) => {
      await declare(installation, { 'chrome-vm': ALICE, 'mail-vm': BOB });
      const said = await brokerWith(installation, [`--bounding-set=${capabilities}`], async () => assert.unreachable());
      assert.match(said, /41001.*CAP_CHOWN and CAP_DAC_OVERRIDE.*ERR_BROKER_VMM_OWNER/);
      assert.not.match(said, 'broker running');
      assert.equal(readdirSync(installation.runtime), ['.making']);
    }),
  );
}

withUsers(users, 'without CAP_CHOWN a reload that would need it is refused, and the old policy stays', () =>
  withInstallation(PLAN, async (installation) => {
    await declare(installation, {});
    await brokerWith(installation, ['--bounding-set=-chown'], async () => {
      await declare(installation, { 'chrome-vm': ALICE });
      const refusal = await callControl(installation.control, 'POST', '/v1/policy/reload');
      assert.match(JSON.stringify(refusal), 'ERR_BROKER_VMM_OWNER');
      assert.is((await installation.connect('chrome-vm')).name, 'chrome-vm');
      assert.not.ok(existsSync(join(installation.runtime, 'chrome-vm')));
    });
  }),
);

withUsers(users, 'a broker that is not root, but has these two capabilities, serves them', () =>
  withInstallation(PLAN, async (installation) => {
    const uid = 41_003;
    chmodSync(installation.directory, 0o711);
    await declare(installation, { 'chrome-vm': ALICE, 'mail-vm': BOB });
    const two = '+chown,+dac_override';
    const privileges = [
      `--reuid=${uid}`,
      `--regid=${uid}`,
      '--clear-groups',
      `--inh-caps=${two}`,
      `--ambient-caps=${two}`,
    ];
    let isServing = false;
    const said = await brokerWith(installation, privileges, async () => {
      isServing = true;
      const [own, other] = [socketOf(installation, 'chrome-vm'), socketOf(installation, 'mail-vm')];
      assert.equal(await reach(ALICE, own, other), ['ok', 'EACCES']);
      assert.is((await installation.connect('chrome-vm', { carrier: `unix:${own}` })).name, 'chrome-vm');
    });
    assert.ok(isServing, said);
  }),
);

users.run();
