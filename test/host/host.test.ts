/** Making a host and adding VMs to it: what is made, and what is refused without a trace. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { INSPECTORS, readOptions } from '../../broker/index.ts';
import { vmCommand } from '../../clients/cli/commands/vm.ts';
import {
  addVm,
  firstLabelOf,
  HOST_ERROR_CODES,
  HOST_TEMPLATES,
  initHost,
  type NewVm,
} from '../../clients/host/index.ts';
import { loadIdentity } from '../../keys/index.ts';
import { loadPolicy } from '../../policy/index.ts';
import { runCommand } from '../policy/run-policy.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { codeOf, inventory, newHost } from './hosts.ts';

const host = suite('host');

host('a new host has a configuration that a broker takes, and only its owner may enter it', async () => {
  const directory = await newHost();
  const options = readOptions(join(directory, 'argus.yaml'));
  assert.is((await loadIdentity(options.identity)).name, 'argus');
  await loadPolicy(options.policy.directory, { revision: 1, inspectors: INSPECTORS });
  assert.is(statSync(directory).mode & 0o077, 0);
  assert.match(readFileSync(join(directory, '.gitignore'), 'utf8'), /^authority\/$/m);
});

host('a directory that is not empty is refused, and nothing is written or left next to it', async () => {
  const parent = temporaryDirectory();
  writeFileSync(join(parent, 'mine'), 'kept');
  assert.is(await codeOf(initHost(parent, 'argus', 'unsealed')), 'ERR_HOST_NOT_EMPTY');
  assert.equal(readdirSync(parent), ['mine']);
  assert.is(await codeOf(initHost(join(parent, 'mine'), 'argus', 'unsealed')), 'ERR_HOST_DIRECTORY');
  assert.equal(readdirSync(parent), ['mine']);
});

host('an added VM has a row, the labels it was given, an identity and a configuration for its agent', async () => {
  const directory = await newHost();
  const first = await addVm(directory, { name: 'files-vm', labels: ['@app', '@speaker'] });
  const second = await addVm(directory, { name: 'work-vm', labels: [], carrier: 'serial' });
  assert.equal([first.domid, second.domid], [100, 103]); // 101 and 102 are in the shipped inventory
  const policy = await loadPolicy(join(directory, 'policy'), { revision: 1, inspectors: INSPECTORS });
  assert.equal([...(policy.domains.byName('files-vm')?.labels ?? [])].sort(), ['@app', '@speaker']);
  assert.is((await loadIdentity(first.identity)).name, 'files-vm');
  assert.match(readFileSync(first.agentConfig, 'utf8'), `carrier: unix:${first.socket}`);
  assert.match(readFileSync(second.agentConfig, 'utf8'), 'carrier: serial:/dev/virtio-ports/argus.0');
});

host('adding a machine always says what attaches it, or that nothing does', async () => {
  const directory = await newHost();
  const add = async (...words: string[]): Promise<string> => {
    const { output, error } = await runCommand(vmCommand(), ['add', ...words, '--host', directory]);
    assert.is(error, null);
    return output;
  };
  const shown = await add('work-vm', '--carrier', 'serial');
  const { output } = await runCommand(vmCommand(), ['command', 'work-vm', '--config', join(directory, 'argus.yaml')]);
  assert.match(output, 'virtserialport,chardev=argus');
  assert.ok(shown.includes(output.split('\n')[0] ?? 'nothing'), shown);
  assert.match(await add('files-vm'), 'its hypervisor: none');
  assert.match(await add('far-vm', '--carrier', 'nats'), 'its hypervisor needs no device');
  const file = join(directory, 'policy/domains.yaml');
  writeFileSync(file, `${inventory(directory).trimEnd()}\n  - { name: by-hand, domid: 900, carrier: serial }\n`);
  assert.match(await add('by-hand', '--listed'), 'chardev=argus', 'its row says how it is attached');
});

host(
  'the pairs of queues of a network card are printed for both sides, and a number that no card has is refused',
  async () => {
    const directory = await newHost();
    const words = ['command', 'chrome-vm', '--config', join(directory, 'argus.yaml'), '--device'];
    const run = (...more: string[]) => runCommand(vmCommand(), [...words, ...more]);
    const { output } = await run('net', '--queues', '2', '--json');
    const { fragment, notes } = JSON.parse(output);
    assert.match(fragment, 'queues=2');
    assert.match(notes[0], /argus device .* --queues 2$/);
    for (const wrong of [
      ['net', '--queues', '0'],
      ['net', '--queues', '9'],
      ['vsock', '--queues', '2'],
    ])
      assert.match(String((await run(...wrong)).error), /--queues/);
  },
);

host('comments of the inventory survive', async () => {
  const directory = await newHost();
  const comments = (text: string): string[] => text.split('\n').filter((line) => line.trim().startsWith('#'));
  const before = comments(inventory(directory));
  await addVm(directory, { name: 'files-vm', labels: ['@app'] });
  assert.equal(comments(inventory(directory)), before);
});

const REFUSED: readonly (readonly [what: string, vm: NewVm, code: string])[] = [
  ['a name that is taken', { name: 'chrome-vm', labels: [] }, 'ERR_HOST_VM_EXISTS'],
  ['a name that leads elsewhere', { name: '../evil', labels: [] }, 'ERR_HOST_VM_NAME'],
  ['a name in capitals', { name: 'Files', labels: [] }, 'ERR_HOST_VM_NAME'],
  ['a label that is not declared', { name: 'files-vm', labels: ['@ap'] }, 'ERR_HOST_VM_LABEL'],
  ['a domid that is taken', { name: 'files-vm', labels: [], domid: 101 }, 'ERR_HOST_VM_DOMID'],
  ['a domid beyond Xen’s', { name: 'files-vm', labels: [], domid: 32_752 }, 'ERR_HOST_VM_DOMID'],
  ['a carrier that does not exist', { name: 'files-vm', labels: [], carrier: 'pigeon' }, 'ERR_HOST_VM_CARRIER'],
  ['a name that the policy reserves', { name: 'broker', labels: [] }, 'ERR_HOST_INVENTORY'],
];

for (const [what, vm, code] of REFUSED) {
  host(`${what} is refused, and nothing is changed`, async () => {
    const directory = await newHost();
    const before = inventory(directory);
    assert.is(await codeOf(addVm(directory, vm)), code);
    assert.is(inventory(directory), before);
    assert.equal(readdirSync(join(directory, 'vms')), []);
    assert.equal(
      readdirSync(directory).filter((name) => name.startsWith('.policy')),
      [],
    );
  });
}

host('a mistyped label is refused with the nearest one that is declared', async () => {
  const directory = await newHost();
  await addVm(directory, { name: 'files-vm', labels: ['@srevice'] }).then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, 'did you mean "@service"?; there are'),
  );
});

for (const template of HOST_TEMPLATES) {
  host(`a host of ${template} loads, and machines that it lists, or that it says to add, get keys`, async () => {
    const directory = join(temporaryDirectory(), 'host');
    await initHost(directory, 'argus', 'unsealed', { template });
    const load = () => loadPolicy(join(directory, 'policy'), { revision: 1, inspectors: INSPECTORS });
    const listed = (await load()).domains.all.at(-1)?.name ?? '';
    const before = inventory(directory);
    const { identity, agentConfig, socket } = await addVm(directory, { name: listed, labels: [], isListed: true });
    assert.is(inventory(directory), before);
    assert.is((await loadIdentity(identity)).name, listed);
    assert.match(readFileSync(agentConfig, 'utf8'), `carrier: unix:${socket}`);
    await addVm(directory, { name: 'my-vm', labels: [firstLabelOf(template)] });
    assert.ok((await load()).domains.byName('my-vm')?.labels.includes(firstLabelOf(template)));
    assert.is(await codeOf(addVm(directory, { name: listed, labels: [], isListed: true })), 'ERR_HOST_VM_EXISTS');
  });
}

const NOT_LISTED: readonly (readonly [what: string, vm: NewVm, code: string])[] = [
  ['that the inventory does not list', { name: 'chrom-vm', labels: [] }, 'ERR_HOST_VM_UNKNOWN'],
  ['with labels of its own', { name: 'chrome-vm', labels: ['@app'] }, 'ERR_HOST_VM_EXISTS'],
  ['with a domid of its own', { name: 'chrome-vm', labels: [], domid: 101 }, 'ERR_HOST_VM_EXISTS'],
  ['with a carrier of its own', { name: 'chrome-vm', labels: [], carrier: 'serial' }, 'ERR_HOST_VM_EXISTS'],
];

for (const [what, vm, code] of NOT_LISTED) {
  host(`a listed machine ${what} is refused, and gets no keys`, async () => {
    const directory = await newHost();
    assert.is(await codeOf(addVm(directory, { ...vm, isListed: true })), code);
    assert.equal(readdirSync(join(directory, 'vms')), []);
  });
}

host('a machine whose keys are still there is refused before its row is written', async () => {
  const directory = await newHost();
  mkdirSync(join(directory, 'vms', 'files-vm'));
  const before = inventory(directory);
  assert.is(await codeOf(addVm(directory, { name: 'files-vm', labels: ['@app'] })), 'ERR_HOST_VM_EXISTS');
  assert.is(inventory(directory), before);
});

host('a directory without a host says how to make one', async () => {
  const attempt = addVm(temporaryDirectory(), { name: 'files-vm', labels: [] });
  assert.is(await codeOf(attempt), 'ERR_HOST_CONFIG');
});

host('each code is explained in docs/hosts.md', () => {
  const docs = readFileSync(new URL('../../docs/hosts.md', import.meta.url), 'utf8');
  for (const code of HOST_ERROR_CODES) assert.match(docs, `| \`${code}\` |`);
});

host.run();
