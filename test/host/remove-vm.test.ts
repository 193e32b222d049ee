/** Removing a VM from a host: what goes, what is revoked, and what keeps a removal from happening. */
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { addVm, removeVm } from '../../clients/host/index.ts';
import { listHolders, openAuthority } from '../../keys/index.ts';
import { codeOf, hostWith, inventory, newHost } from './hosts.ts';

const removal = suite('removing a VM');
const NAME = 'files-vm';

removal('adding and removing leaves the inventory as it was, and nothing of the machine', async () => {
  const directory = await newHost();
  await addVm(directory, { name: 'other-vm', labels: [] });
  const before = inventory(directory);
  await addVm(directory, { name: NAME, labels: ['@app'] });
  assert.equal(await removeVm(directory, NAME, { reason: 'no longer needed' }), {
    serial: 1,
    broker: 'stopped',
    ended: 0,
  });
  assert.is(inventory(directory), before);
  assert.equal(readdirSync(join(directory, 'vms')), ['other-vm']);
  const keys = await listHolders(await openAuthority(join(directory, 'authority')), Date.now());
  const [removed] = keys.filter((key) => key.name === NAME);
  assert.equal([removed?.state, removed?.revocation?.reason], ['revoked', 'no longer needed']);
});

removal('the row of a listed machine stays if it is told to, as adding left it', async () => {
  const directory = await newHost();
  const before = inventory(directory);
  await addVm(directory, { name: 'chrome-vm', labels: [], isListed: true });
  assert.is((await removeVm(directory, 'chrome-vm', { reason: 'x', isListed: true })).serial, 1);
  assert.is(inventory(directory), before);
  assert.equal(readdirSync(join(directory, 'vms')), []);
});

removal('a removal that was cut short is finished by the next run', async () => {
  const directory = await hostWith(NAME);
  const home = join(directory, 'vms', NAME);
  renameSync(home, `${home}.away`);
  await removeVm(directory, NAME, { reason: 'stolen' });
  renameSync(`${home}.away`, home);
  assert.is((await removeVm(directory, NAME, { reason: 'stolen' })).serial, 2);
  assert.not.ok(existsSync(home));
});

removal('a machine that the policy still names stays, with its keys', async () => {
  const directory = await hostWith(NAME);
  const before = inventory(directory);
  assert.is(await codeOf(removeVm(directory, 'chrome-vm', { reason: 'x' })), 'ERR_HOST_INVENTORY');
  assert.is(inventory(directory), before);
  const { list } = await (await openAuthority(join(directory, 'authority'))).revocations();
  assert.is(list.serial, 0);
  assert.equal(
    readdirSync(directory).filter((name) => name.startsWith('.policy')),
    [],
  );
});

removal('a row that was written by hand goes, and there is no key to revoke', async () => {
  const directory = await hostWith(NAME);
  const file = join(directory, 'policy/domains.yaml');
  writeFileSync(file, `${inventory(directory).trimEnd()}\n  - { name: by-hand, domid: 900 }\n`);
  assert.equal(await removeVm(directory, 'by-hand', { reason: 'x' }), { serial: null, broker: null, ended: 0 });
  assert.not.match(inventory(directory), 'by-hand');
});

removal('a list that is older than the broker’s is not put in force: the authority was put back', async () => {
  const directory = await hostWith(NAME);
  await addVm(directory, { name: 'other-vm', labels: [] });
  const register = join(directory, 'authority/issued.jsonl');
  const before = readFileSync(register, 'utf8');
  await removeVm(directory, 'other-vm', { reason: 'x' });
  await addVm(directory, { name: 'third-vm', labels: [] });
  await removeVm(directory, 'third-vm', { reason: 'x' });
  writeFileSync(register, before);
  assert.is(await codeOf(removeVm(directory, NAME, { reason: 'x' })), 'ERR_HOST_BROKER');
});

removal('a machine that is not there is refused, whatever its name', async () => {
  const directory = await hostWith(NAME);
  for (const name of ['nobody', '..', '.', '', 'vms/../..', 'Files'])
    assert.is(await codeOf(removeVm(directory, name, { reason: 'x' })), 'ERR_HOST_VM_UNKNOWN', name);
  assert.ok(existsSync(join(directory, 'vms', NAME, 'identity')));
});

removal.run();
