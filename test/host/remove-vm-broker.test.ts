/** Removing a VM from a host whose broker runs, and from one whose broker starts later. */
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readOptions, startBroker } from '../../broker/index.ts';
import { removeVm } from '../../clients/host/index.ts';
import { connect } from '../../clients/sdk/index.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { hostWith } from './hosts.ts';

const removal = suite('removing a VM at a broker');
const NAME = 'files-vm';

async function startAt(directory: string) {
  const { identity, policy, audit, runtime } = readOptions(join(directory, 'argus.yaml'));
  return startBroker({ identity, policy: policy.directory, audit, runtime, log: { level: 'silent' } });
}

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
    assert.equal(await removeVm(directory, NAME, { reason: 'stolen' }), { serial: 1, broker: 'running', ended: 1 });
    assert.is(await lost, 'ERR_CLIENT_CREDENTIAL_REVOKED');
    assert.is(broker.status().keys.revocationSerial, 1);
  } finally {
    await broker.close();
  }
});

removal('a broker that does not run finds the list when it starts', async () => {
  const directory = await hostWith(NAME);
  await removeVm(directory, NAME, { reason: 'stolen' });
  const broker = await startAt(directory);
  assert.is(broker.status().keys.revocationSerial, 1);
  await broker.close();
});

removal.run();
