/** The exact words with which each hypervisor attaches a domain: arguments, JSON, XML or Nix, to be pasted as they are. */
import { PORT_NAME, type VmAttachment } from './attachment.ts';
import { VmError } from './errors.ts';

type Serial = Extract<VmAttachment, { kind: 'serial' }>;
type Vsock = Extract<VmAttachment, { kind: 'vsock' }>;

interface Hypervisor {
  readonly serial: ((attachment: Serial) => string) | null;
  readonly vsock: ((attachment: Vsock) => string) | null;
}

/** Seconds between QEMU's attempts to connect: while the broker restarts, the machine runs on. */
const RECONNECT_SECONDS = 1;

/** A Map, so that a name like "constructor" finds nothing. A new hypervisor is a new row. */
const TABLE: ReadonlyMap<string, Hypervisor> = new Map([
  ['qemu', { serial: qemu, vsock: null }],
  ['libvirt', { serial: libvirt, vsock: null }],
  ['microvm.nix', { serial: microvmNix, vsock: null }],
  ['cloud-hypervisor', { serial: null, vsock: cloudHypervisor }],
  ['firecracker', { serial: null, vsock: firecracker }],
]);

export const HYPERVISORS: readonly string[] = [...TABLE.keys()];

/** @throws VmError ERR_VM_CARRIER when the hypervisor cannot do what the inventory says */
export function fragment(hypervisor: string, attachment: VmAttachment): string {
  const row = TABLE.get(hypervisor);
  const write = attachment.kind === 'serial' ? row?.serial?.(attachment) : row?.vsock?.(attachment);
  if (write === undefined)
    throw new VmError(
      'ERR_VM_CARRIER',
      `${hypervisor} has no ${attachment.kind === 'serial' ? 'virtio-serial' : 'vsock on unix sockets'}; "${attachment.domain}" needs ${[...TABLE].flatMap(([name, each]) => (each[attachment.kind] === null ? [] : [name])).join(', ')} or another carrier in domains.yaml`,
    );
  return write;
}

/** The hypervisor that is meant when none is named. */
export function defaultHypervisor(attachment: VmAttachment): string {
  return attachment.kind === 'serial' ? 'qemu' : 'firecracker';
}

export function qemuArguments({ path, vmmListens }: Serial): readonly string[] {
  const role = vmmListens ? 'server=on,wait=off' : `server=off,reconnect=${RECONNECT_SECONDS}`;
  return [
    ...['-device', 'virtio-serial-pci'],
    ...['-chardev', `socket,id=argus,path=${qemuEscaped(path)},${role}`],
    ...['-device', `virtserialport,chardev=argus,name=${PORT_NAME}`],
  ];
}

function qemu(attachment: Serial): string {
  return shellLines(qemuArguments(attachment));
}

/** An option and its value on each line. */
export function shellLines(words: readonly string[]): string {
  const lines = words.flatMap((word, index) =>
    index % 2 === 0 ? [`${word} ${shellQuoted(words[index + 1] ?? '')}`] : [],
  );
  return `${lines.join(' \\\n')}\n`;
}

/** A comma ends an option of QEMU, unless it is doubled. */
export function qemuEscaped(text: string): string {
  return text.replaceAll(',', ',,');
}

function libvirt({ path, vmmListens }: Serial): string {
  const source = vmmListens
    ? `  <source mode='bind' path='${xmlEscaped(path)}'/>`
    : `  <source mode='connect' path='${xmlEscaped(path)}'>\n    <reconnect enabled='yes' timeout='${RECONNECT_SECONDS}'/>\n  </source>`;
  return `<channel type='unix'>\n${source}\n  <target type='virtio' name='${PORT_NAME}'/>\n</channel>\n`;
}

function microvmNix(attachment: Serial): string {
  // The microvm machine has no PCI bus; with a machine that has one this is "virtio-serial-pci".
  const words = qemuArguments(attachment).map((word) => (word === 'virtio-serial-pci' ? 'virtio-serial-device' : word));
  return `microvm.hypervisor = "qemu";\nmicrovm.qemu.extraArgs = [\n${words.map((word) => `  ${nixQuoted(word)}\n`).join('')}];\n`;
}

function cloudHypervisor({ cid, path }: Vsock): string {
  return `--vsock cid=${cid},socket=${shellQuoted(path)}\n`;
}

function firecracker({ cid, path }: Vsock): string {
  return `${JSON.stringify({ vsock: { guest_cid: cid, uds_path: path } }, null, 2)}\n`;
}

/** What the guest runs next to its agent, since Node knows no vsock: a socket of its own for the agent's carrier. */
export function guestRecipe({ port, guestCalls }: Vsock): string {
  const local = '/run/argus/broker.sock';
  return guestCalls
    ? `socat UNIX-LISTEN:${local},mode=0600,unlink-early,fork VSOCK-CONNECT:2:${port}\n`
    : `while :; do socat VSOCK-LISTEN:${port},reuseaddr UNIX-LISTEN:${local},mode=0600,unlink-early; done\n`;
}

function shellQuoted(word: string): string {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

export function xmlEscaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll("'", '&apos;');
}

export function nixQuoted(word: string): string {
  return `"${word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('${', '\\${')}"`;
}
