/** Removing a VM from a host: what goes, what is revoked, and what keeps a removal from happening. */
import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readOptions, startBroker } from '../../broker/index.ts';
import { addVm, HostError, initHost, removeVm } from '../../clients/host/index.ts';
import { connect } from '../../clients/sdk/index.ts';
import { listHolders, openAuthority } from '../../keys/index.ts';
import { temporaryDirectory } from '../support/temp.ts';

const removal = suite('removing a VM');
const NAME = 'files-vm';

async function hostWith(name: string): Promise<string> {
  const directory = join(temporaryDirectory(), 'host');
  await initHost(directory, 'argus');
  await addVm(directory, { name, labels: ['@app'] });
  return directory;
}

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
  } catch (error) {
    assert.instance(error, HostError);
    return (error as HostError).code;
  }
  return 'none';
}

async function startAt(directory: string) {
  const { identity, policy, audit, runtime } = readOptions(join(directory, 'argus.yaml'));
  return startBroker({ identity, policy: policy.directory, audit, runtime, log: { level: 'silent' } });
}

const inventory = (directory: string): string => readFileSync(join(directory, 'policy/domains.yaml'), 'utf8');

removal('adding and removing leaves the inventory as it was, and nothing of the machine', async () => {
  const directory = join(temporaryDirectory(), 'host');
  await initHost(directory, 'argus');
  await addVm(directory, { name: 'other-vm', labels: [] });
  const before = inventory(directory);
  await addVm(directory, { name: NAME, labels: ['@app'] });
  assert.equal(await removeVm(directory, NAME, 'no longer needed'), { serial: 1, broker: 'stopped', ended: 0 });
  assert.is(inventory(directory), before);
  assert.equal(readdirSync(join(directory, 'vms')), ['other-vm']);
  const keys = await listHolders(await openAuthority(join(directory, 'authority')), Date.now());
  const [removed] = keys.filter((key) => key.name === NAME);
  assert.equal([removed?.state, removed?.revocation?.reason], ['revoked', 'no longer needed']);
});

removal('a broker that runs ends the session at once, and refuses a copy of the key', async () => {
  const directory = await hostWith(NAME);
  const copy = join(temporaryDirectory(), 'copy');
  await mkdir(copy, { mode: 0o700 });
  await cp(join(directory, 'vms', NAME, 'identity'), copy, { recursive: true });
  const broker = await startAt(directory);
  try {
    const carrier = broker.carrierOf(NAME);
    const vm = await connect({ carrier, identity: copy, reconnect: false });
    const lost = new Promise<string>((resolve) => vm.on('disconnected', ({ reason }) => resolve(reason.code)));
    assert.equal(await removeVm(directory, NAME, 'stolen'), { serial: 1, broker: 'running', ended: 1 });
    assert.is(await lost, 'ERR_CLIENT_CREDENTIAL_REVOKED');
    assert.is(broker.status().keys.revocationSerial, 1);
  } finally {
    await broker.close();
  }
});

removal('a broker that does not run finds the list when it starts', async () => {
  const directory = await hostWith(NAME);
  await removeVm(directory, NAME, 'stolen');
  const broker = await startAt(directory);
  assert.is(broker.status().keys.revocationSerial, 1);
  await broker.close();
});

removal('a removal that was cut short is finished by the next run', async () => {
  const directory = await hostWith(NAME);
  const home = join(directory, 'vms', NAME);
  renameSync(home, `${home}.away`);
  await removeVm(directory, NAME, 'stolen');
  renameSync(`${home}.away`, home);
  assert.is((await removeVm(directory, NAME, 'stolen')).serial, 2);
  assert.not.ok(existsSync(home));
});

removal('a machine that the policy still names stays, with its keys', async () => {
  const directory = await hostWith(NAME);
  const before = inventory(directory);
  assert.is(await codeOf(removeVm(directory, 'chrome-vm', 'x')), 'ERR_HOST_INVENTORY');
  assert.is(inventory(directory), before);
  const { list } = await (await openAuthority(join(directory, 'authority'))).revocations();
  assert.is(list.serial, 0);
  assert.equal(
    readdirSync(directory).filter((name) => name.startsWith('.policy')),
    [],
  );
});

removal('a machine that is not there is refused, whatever its name', async () => {
  const directory = await hostWith(NAME);
  for (const name of ['nobody', '..', '.', '', 'vms/../..', 'Files'])
    assert.is(await codeOf(removeVm(directory, name, 'x')), 'ERR_HOST_VM_UNKNOWN', name);
  assert.ok(existsSync(join(directory, 'vms', NAME, 'identity')));
});

removal.run();
