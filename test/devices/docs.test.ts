/** docs/devices.md: its codes, its flags and its policy rows. */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { INSPECTORS } from '../../broker/index.ts';
import { argusProgram } from '../../clients/cli/program.ts';
import { DEVICE_ERROR_CODES, type DeviceError, resolveDevices } from '../../clients/devices/index.ts';
import { deviceFragment } from '../../clients/vm/index.ts';
import { copyShippedPolicy, loadPolicy } from '../../policy/index.ts';
import { temporaryDirectory } from '../support/temp.ts';

const docs = suite('docs/devices.md');
const text = readFileSync(new URL('../../docs/devices.md', import.meta.url), 'utf8');

docs('explains every error code, and no other', () => {
  const explained = [...text.matchAll(/^\| `(ERR_DEVICE_[A-Z_]+)` \|/gm)].map(([, code]) => code);
  assert.equal([...explained].sort(), [...DEVICE_ERROR_CODES].sort());
});

const ivshmem = readFileSync(new URL('../../docs/ivshmem.md', import.meta.url), 'utf8');

docs('names only flags that there are', async () => {
  const device = (await argusProgram()).commands.find((command) => command.name() === 'device');
  const known = new Set(device?.options.map(({ long }) => long));
  const lines = [...`${text}${ivshmem}`.matchAll(/^argus device .*$/gm)];
  assert.ok(lines.length >= 4);
  for (const [line] of lines) for (const [flag] of line.matchAll(/--[a-z-]+/g)) assert.ok(known.has(flag), flag);
});

const VSOCK = { kind: 'vsock', mac: null } as const;

docs('its arguments of QEMU are those of argus vm command', () => {
  const socket = '/run/argus/vm/chrome-vm/vsock';
  const printed = deviceFragment('qemu', { ...VSOCK, domain: 'chrome-vm', socket, memoryMib: 768 });
  const words = printed.replaceAll('\\\n', ' ').trim().split(/\s+/);
  for (const word of words) assert.ok(text.includes(word), word);
  assert.match(deviceFragment('libvirt', { ...VSOCK, domain: 'a', socket, memoryMib: 768 }), `path=${socket}`);
  assert.match(deviceFragment('microvm.nix', { ...VSOCK, domain: 'a', socket: '/a,b', memoryMib: 768 }), 'path=/a,,b');
  assert.throws(
    () => deviceFragment('firecracker', { ...VSOCK, domain: 'a', socket, memoryMib: 768 }),
    /not known to have the device/,
  );
});

docs('its arguments of QEMU for the sound card are those of argus vm command', () => {
  const card = { kind: 'sound', mac: null, domain: 'chrome-vm', socket: '/run/argus/vm/chrome-vm/sound' };
  const printed = deviceFragment('qemu', { ...card, memoryMib: 768 });
  for (const word of printed.replaceAll('\\\n', ' ').trim().split(/\s+/)) assert.ok(text.includes(word), word);
  assert.match(deviceFragment('microvm.nix', { ...card, memoryMib: 768 }), 'vhost-user-snd-device');
});

docs('its arguments of QEMU for the network card are those of argus vm command, with the MAC', () => {
  const card = { kind: 'net', mac: '02:00:00:00:01:01', domain: 'chrome-vm', socket: '/run/argus/vm/chrome-vm/net' };
  const printed = deviceFragment('qemu', { ...card, memoryMib: 768 });
  for (const word of printed.replaceAll('\\\n', ' ').trim().split(/\s+/)) assert.ok(text.includes(word), word);
  assert.match(
    deviceFragment('libvirt', { ...card, memoryMib: 768 }),
    `value='virtio-net-pci,netdev=net,mac=${card.mac}'`,
  );
  assert.match(deviceFragment('microvm.nix', { ...card, memoryMib: 768 }), 'virtio-net-device,netdev=net');
  const words = deviceFragment('cloud-hypervisor', { ...card, memoryMib: 768 }).replaceAll('\\\n', ' ');
  assert.match(words, '--memory size=768M,shared=on');
  assert.match(words, `--net mac=${card.mac},vhost_user=true,socket=${card.socket},num_queues=2`);
  assert.throws(
    () => deviceFragment('cloud-hypervisor', { ...VSOCK, domain: 'a', socket: '/a', memoryMib: 768 }),
    /needs qemu, libvirt, microvm.nix for it/,
  );
});

docs('its arguments of QEMU for several pairs of queues are those of argus vm command', () => {
  const card = { kind: 'net', mac: '02:00:00:00:01:01', domain: 'chrome-vm', socket: '/run/argus/vm/chrome-vm/net' };
  const several = { ...card, memoryMib: 768, queuePairs: 2 };
  for (const word of deviceFragment('qemu', several).replaceAll('\\\n', ' ').trim().split(/\s+/))
    assert.ok(text.includes(word), word);
  assert.match(deviceFragment('libvirt', several), `mac=${card.mac},mq=on'`);
  assert.match(deviceFragment('qemu', { ...several, queuePairs: 1 }), /chardev=net \\\n.*mac=[\d:]+\n$/);
  assert.throws(() => deviceFragment('cloud-hypervisor', several), /one pair of queues; "chrome-vm" needs qemu/);
});

docs('its policy rows load on top of the shipped policy, and allow one direction only', async () => {
  const directory = join(temporaryDirectory(), 'policy');
  await copyShippedPolicy(directory);
  const [, rows = ''] = /```csv\n([\s\S]*?)```/.exec(text) ?? [];
  appendFileSync(join(directory, 'policy.csv'), rows);
  const tests = [
    'chrome-vm, gui-vm, vsock, connect, allow',
    'gui-vm, chrome-vm, vsock, connect, deny',
    'gui-vm, chrome-vm, vsock, listen, allow',
  ];
  appendFileSync(join(directory, 'tests.csv'), `${tests.join('\n')}\n`);
  await loadPolicy(directory, { revision: 1, inspectors: INSPECTORS });
});

docs('the policy rows of docs/ivshmem.md load, and allow one vector in one direction', async () => {
  const directory = join(temporaryDirectory(), 'policy');
  await copyShippedPolicy(directory);
  const [, rows = ''] = /```csv\n([\s\S]*?)```/.exec(ivshmem) ?? [];
  appendFileSync(join(directory, 'policy.csv'), rows);
  const tests = [
    'chrome-vm, gui-vm, ivshmem, vector-0, allow',
    'chrome-vm, gui-vm, ivshmem, vector-1, deny',
    'gui-vm, chrome-vm, ivshmem, vector-0, deny',
  ];
  appendFileSync(join(directory, 'tests.csv'), `${tests.join('\n')}\n`);
  await loadPolicy(directory, { revision: 1, inspectors: INSPECTORS });
});

docs('the policy rows of docs/virtio-msg.md load, and allow a console without its configuration', async () => {
  const virtioMsg = readFileSync(new URL('../../docs/virtio-msg.md', import.meta.url), 'utf8');
  const directory = join(temporaryDirectory(), 'policy');
  await copyShippedPolicy(directory);
  const [, rows = ''] = /```csv\n([\s\S]*?)```/.exec(virtioMsg) ?? [];
  appendFileSync(join(directory, 'policy.csv'), rows);
  const tests = [
    'chrome-vm, gui-vm, virtio-control, chain, allow',
    'chrome-vm, gui-vm, virtio-control, set-config, deny',
    'gui-vm, chrome-vm, virtio-control, used, allow',
    'gui-vm, chrome-vm, virtio-control, chain, deny',
  ];
  appendFileSync(join(directory, 'tests.csv'), `${tests.join('\n')}\n`);
  await loadPolicy(directory, { revision: 1, inspectors: INSPECTORS });
  const listed = [...virtioMsg.matchAll(/^\|.*\|.*\| (`[^|]*`) \|$/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name),
  );
  assert.equal([...listed].sort(), [...(INSPECTORS.get('virtio-control')?.permissions ?? [])].sort());
});

for (const [rule, input] of [
  ['no device at all', {}],
  ['--listen without --vsock', { ivshmem: '/run/i', listen: ['22'] }],
  ['--net without --link', { net: '/run/n' }],
  ['--link without --net', { vsock: '/run/v', link: ['net-vm'] }],
  ['--queues without --net', { vsock: '/run/v', queues: '2' }],
  ['a card without queues', { net: '/run/n', link: ['a'], queues: '0' }],
  ['more pairs of queues than there are', { net: '/run/n', link: ['a'], queues: '9' }],
  ['a guest that asks for addresses and gives them', { net: '/run/n', link: ['a'], dhcpFrom: 'a', dhcpServe: true }],
  ['--audio-vm without --sound', { vsock: '/run/v', audioVm: 'audio-vm' }],
  ['--mic-label without --sound', { vsock: '/run/v', micLabel: '@mic' }],
  ['--peers without --ivshmem', { vsock: '/run/v', peers: ['a', 'b'] }],
  ['a section that is no number', { ivshmem: '/run/i', section: '4K' }],
  ['a port that is no number', { vsock: '/run/v', listen: ['ssh'] }],
  ['a port beyond the range of services', { vsock: '/run/v', listen: ['100000000'] }],
] as const) {
  docs(`${rule} is refused before anything runs`, () => {
    try {
      resolveDevices(input);
      assert.unreachable();
    } catch (error) {
      assert.is((error as DeviceError).code, 'ERR_DEVICE_OPTION');
    }
  });
}

docs.run();
