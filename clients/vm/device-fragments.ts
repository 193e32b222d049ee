/** The fragments that attach a device of `argus device` to a machine, in the words of each hypervisor. */
import { VmError } from './errors.ts';
import { nixQuoted, qemuEscaped, shellLines, xmlEscaped } from './fragments.ts';

export const DEVICE_KINDS: readonly string[] = ['vsock'];

export interface DeviceAttachment {
  readonly domain: string;
  /** Where `argus device` serves it. */
  readonly socket: string;
  /** Memory of the machine: all of it is shared with the device process, and with no other process. */
  readonly memoryMib: number;
}

const TABLE: ReadonlyMap<string, (attachment: DeviceAttachment) => string> = new Map([
  ['qemu', (attachment) => shellLines(qemuDeviceArguments(attachment))],
  ['libvirt', libvirt],
  ['microvm.nix', microvmNix],
]);

/** @throws VmError ERR_VM_CARRIER when the hypervisor has no such device */
export function deviceFragment(hypervisor: string, attachment: DeviceAttachment): string {
  const write = TABLE.get(hypervisor);
  if (write === undefined)
    throw new VmError(
      'ERR_VM_CARRIER',
      `${hypervisor} has no vhost-user-vsock; "${attachment.domain}" needs ${[...TABLE.keys()].join(', ')} for it`,
    );
  return write(attachment);
}

/** QEMU seals the size of the memfd, so the device process can rely on it. */
function qemuDeviceArguments({ socket, memoryMib }: DeviceAttachment): readonly string[] {
  return [
    ...['-m', `${memoryMib}`],
    ...['-object', `memory-backend-memfd,id=mem,size=${memoryMib}M,share=on`],
    ...['-machine', 'memory-backend=mem'],
    ...['-chardev', `socket,id=vsock,path=${qemuEscaped(socket)}`],
    ...['-device', 'vhost-user-vsock-pci,chardev=vsock'],
  ];
}

function libvirt({ socket, memoryMib }: DeviceAttachment): string {
  // The vsock element of libvirt is the kernel's own device, so the arguments of QEMU are passed through.
  return `<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <memory unit='MiB'>${memoryMib}</memory>
  <memoryBacking>
    <source type='memfd'/>
    <access mode='shared'/>
  </memoryBacking>
  <qemu:commandline>
    <qemu:arg value='-chardev'/>
    <qemu:arg value='socket,id=vsock,path=${xmlEscaped(qemuEscaped(socket))}'/>
    <qemu:arg value='-device'/>
    <qemu:arg value='vhost-user-vsock-pci,chardev=vsock'/>
  </qemu:commandline>
</domain>
`;
}

function microvmNix(attachment: DeviceAttachment): string {
  // The microvm machine has no PCI bus; microvm.mem sets the memory.
  const words = qemuDeviceArguments(attachment).slice(2);
  const args = words.map((word) => word.replace('vhost-user-vsock-pci', 'vhost-user-vsock-device'));
  return `microvm.hypervisor = "qemu";\nmicrovm.mem = ${attachment.memoryMib};\nmicrovm.qemu.extraArgs = [\n${args.map((word) => `  ${nixQuoted(word)}\n`).join('')}];\n`;
}
