/** What attaches a domain: the exact words for each hypervisor, from what the inventory says. */
import { spawnSync } from 'node:child_process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { qemuArguments } from '../../../clients/vm/fragments.ts';
import { attachmentOf, fragment, guestRecipe, HYPERVISORS, type VmError } from '../../../clients/vm/index.ts';
import { findBinary, needs } from '../../support/needs.ts';

const attach = suite('vm: attachment');
const domain = (carrier: string | null) => ({ name: 'chrome-vm', domid: 101, carrier, vmm: null });
const words = (hypervisor: string, carrier: string): string =>
  fragment(hypervisor, attachmentOf(domain(carrier), '/run/argus'));

const FRAGMENTS: readonly (readonly [hypervisor: string, carrier: string, text: string])[] = [
  [
    'qemu',
    'serial',
    '-device virtio-serial-pci \\\n-chardev socket,id=argus,path=/run/argus/chrome-vm.sock,server=off,reconnect=1 \\\n-device virtserialport,chardev=argus,name=argus.0\n',
  ],
  [
    'qemu',
    'serial:/run/vm/a b,c.sock',
    "-device virtio-serial-pci \\\n-chardev 'socket,id=argus,path=/run/vm/a b,,c.sock,server=on,wait=off' \\\n-device virtserialport,chardev=argus,name=argus.0\n",
  ],
  [
    'libvirt',
    'serial',
    "<channel type='unix'>\n  <source mode='connect' path='/run/argus/chrome-vm.sock'>\n    <reconnect enabled='yes' timeout='1'/>\n  </source>\n  <target type='virtio' name='argus.0'/>\n</channel>\n",
  ],
  [
    'libvirt',
    'serial:/run/vm/x.sock',
    "<channel type='unix'>\n  <source mode='bind' path='/run/vm/x.sock'/>\n  <target type='virtio' name='argus.0'/>\n</channel>\n",
  ],
  [
    'microvm.nix',
    'serial',
    'microvm.hypervisor = "qemu";\nmicrovm.qemu.extraArgs = [\n  "-device"\n  "virtio-serial-device"\n  "-chardev"\n  "socket,id=argus,path=/run/argus/chrome-vm.sock,server=off,reconnect=1"\n  "-device"\n  "virtserialport,chardev=argus,name=argus.0"\n];\n',
  ],
  ['cloud-hypervisor', 'vsock:/run/argus/chrome-vm.vsock:7100', '--vsock cid=104,socket=/run/argus/chrome-vm.vsock\n'],
  [
    'firecracker',
    'vsock-connect:/run/argus/chrome-vm.vsock:7100',
    '{\n  "vsock": {\n    "guest_cid": 104,\n    "uds_path": "/run/argus/chrome-vm.vsock"\n  }\n}\n',
  ],
];

for (const [hypervisor, carrier, text] of FRAGMENTS)
  attach(`${hypervisor} with ${carrier}`, () => assert.is(words(hypervisor, carrier), text));

attach('a VMM with a user of its own is told the socket in that user’s directory', () => {
  const machine = { ...domain('serial'), vmm: 64_055 };
  assert.match(
    fragment('qemu', attachmentOf(machine, '/run/argus')),
    'path=/run/argus/chrome-vm/argus.sock,server=off',
  );
});

attach('the guest’s recipe depends on who calls', () => {
  const recipe = (carrier: string): string => {
    const attachment = attachmentOf(domain(carrier), '/run/argus');
    return attachment.kind === 'vsock' ? guestRecipe(attachment) : '';
  };
  assert.match(recipe('vsock:/v:7100'), /VSOCK-CONNECT:2:7100/);
  assert.match(recipe('vsock-connect:/v:7100'), /VSOCK-LISTEN:7100/);
});

attach('what the inventory and the hypervisor do not agree on is refused with what would do', () => {
  const refusal = (hypervisor: string, carrier: string | null): string => {
    try {
      return words(hypervisor, carrier as string);
    } catch (error) {
      return `${(error as VmError).code} ${(error as VmError).message}`;
    }
  };
  assert.match(refusal('qemu', null), /^ERR_VM_CARRIER .*carrier: serial/);
  assert.match(refusal('qemu', 'unix:/x'), /^ERR_VM_CARRIER /);
  assert.match(refusal('qemu', 'vsock:/v:1'), /^ERR_VM_CARRIER .*cloud-hypervisor, firecracker/);
  assert.match(refusal('firecracker', 'serial'), /^ERR_VM_CARRIER .*qemu, libvirt, microvm\.nix/);
  for (const bad of ['serial:relative', 'vsock:/v', 'vsock:/v:99999999999', 'vsock:/v:', 'tcp:1.2.3.4:5', 'unix:/x:7'])
    assert.match(refusal('qemu', bad), /^ERR_BROKER_SOCKET_PATH /, bad);
  for (const hypervisor of HYPERVISORS) assert.match(refusal(hypervisor, 'constructor:/x'), /^ERR_BROKER_/);
});

needs('qemu-system-x86_64', 'qemu-system-x86')(attach, 'QEMU takes the arguments as they are', () => {
  const attachment = attachmentOf(domain('serial:/nonexistent/chrome-vm.sock'), '/run/argus');
  if (attachment.kind !== 'serial') return assert.unreachable();
  const given = ['-nodefaults', '-display', 'none', '-machine', 'pc', '-S', ...qemuArguments(attachment)];
  const { stderr } = spawnSync(findBinary('qemu-system-x86_64') ?? '', given, { encoding: 'utf8' });
  // The arguments are understood: what is missing is the directory.
  assert.match(stderr, /Failed to bind socket to \/nonexistent\/chrome-vm\.sock/);
});

attach.run();
