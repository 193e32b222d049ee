/** The fragments that attach a device of `argus device` to a machine, in the words of each hypervisor. */
import { VmError } from './errors.ts';
import { nixQuoted, qemuEscaped, shellLines, xmlEscaped } from './fragments.ts';

export const DEVICE_KINDS: readonly string[] = ['vsock', 'net', 'sound'];

export interface DeviceAttachment {
  readonly domain: string;
  readonly kind: string;
  /** Of a network card: as in domains.yaml. */
  readonly mac: string | null;
  /** Where `argus device` serves it. */
  readonly socket: string;
  /** Pairs of queues of a network card; default 1. */
  readonly queuePairs?: number;
  /** Memory of the machine: all of it is shared with the device process, and with no other process. */
  readonly memoryMib: number;
}

type Write = (attachment: DeviceAttachment) => string;
interface Hypervisor {
  readonly kinds: readonly string[];
  readonly write: Write;
}

const TABLE: ReadonlyMap<string, Hypervisor> = new Map([
  ['qemu', { kinds: DEVICE_KINDS, write: (attachment) => shellLines(qemuDeviceArguments(attachment)) }],
  ['libvirt', { kinds: DEVICE_KINDS, write: libvirt }],
  ['microvm.nix', { kinds: DEVICE_KINDS, write: microvmNix }],
  // Its vsock ends on a unix socket of its own, and it has no sound card.
  ['cloud-hypervisor', { kinds: ['net'], write: (attachment) => shellLines(cloudHypervisorArguments(attachment)) }],
]);

/** @throws VmError ERR_VM_CARRIER when the hypervisor has no such device */
export function deviceFragment(hypervisor: string, attachment: DeviceAttachment): string {
  const { kind, domain } = attachment;
  const row = TABLE.get(hypervisor);
  if (row?.kinds.includes(kind) === true) return row.write(attachment);
  const able = [...TABLE].filter(([, { kinds }]) => kinds.includes(kind)).map(([name]) => name);
  throw new VmError(
    'ERR_VM_CARRIER',
    `${hypervisor} is not known to have the device; "${domain}" needs ${able.join(', ')} for it`,
  );
}

function cloudHypervisorArguments(attachment: DeviceAttachment): readonly string[] {
  const { socket, mac, memoryMib, queuePairs = 1, domain } = attachment;
  // It compares the number of pairs that the card announces with its own number of queues.
  if (queuePairs > 1)
    throw new VmError('ERR_VM_CARRIER', `cloud-hypervisor has one pair of queues; "${domain}" needs qemu for more`);

  const path = socket.includes(',') ? `"${socket}"` : socket;
  return [
    ...['--memory', `size=${memoryMib}M,shared=on`],
    ...['--net', `mac=${mac ?? ''},vhost_user=true,socket=${path},num_queues=2,queue_size=256`],
  ];
}

/** QEMU seals the size of the memfd, so the device process can rely on it. */
function qemuDeviceArguments(attachment: DeviceAttachment): readonly string[] {
  const { memoryMib } = attachment;
  return [
    ...['-m', `${memoryMib}`],
    ...['-object', `memory-backend-memfd,id=mem,size=${memoryMib}M,share=on`],
    ...['-machine', 'memory-backend=mem'],
    ...deviceArguments(attachment),
  ];
}

/** QEMU connects a network card again when the device process was restarted; it cannot for vsock. */
function deviceArguments({ kind, socket, mac, queuePairs = 1 }: DeviceAttachment): readonly string[] {
  const path = qemuEscaped(socket);
  if (kind === 'vsock')
    return ['-chardev', `socket,id=vsock,path=${path}`, '-device', 'vhost-user-vsock-pci,chardev=vsock'];
  if (kind === 'sound')
    return ['-chardev', `socket,id=sound,path=${path}`, '-device', 'vhost-user-snd-pci,chardev=sound'];
  const isSeveral = queuePairs > 1;
  return [
    ...['-chardev', `socket,id=net,path=${path},reconnect=1`],
    ...['-netdev', `vhost-user,id=net,chardev=net${isSeveral ? `,queues=${queuePairs}` : ''}`],
    ...['-device', `virtio-net-pci,netdev=net,mac=${mac ?? ''}${isSeveral ? ',mq=on' : ''}`],
  ];
}

function libvirt(attachment: DeviceAttachment): string {
  const { memoryMib } = attachment;
  // The vsock element of libvirt is the kernel's own device, so the arguments of QEMU are passed through.
  const args = deviceArguments(attachment).map((word) => `    <qemu:arg value='${xmlEscaped(word)}'/>\n`);
  return `<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <memory unit='MiB'>${memoryMib}</memory>
  <memoryBacking>
    <source type='memfd'/>
    <access mode='shared'/>
  </memoryBacking>
  <qemu:commandline>
${args.join('')}  </qemu:commandline>
</domain>
`;
}

function microvmNix(attachment: DeviceAttachment): string {
  // The microvm machine has no PCI bus; microvm.mem sets the memory.
  const words = qemuDeviceArguments(attachment).slice(2);
  const args = words.map((word) => word.replace(/^(vhost-user-vsock|vhost-user-snd|virtio-net)-pci/, '$1-device'));
  return `microvm.hypervisor = "qemu";\nmicrovm.mem = ${attachment.memoryMib};\nmicrovm.qemu.extraArgs = [\n${args.map((word) => `  ${nixQuoted(word)}\n`).join('')}];\n`;
}
