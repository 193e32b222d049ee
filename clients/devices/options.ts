/** The options of `argus device`, checked once. */
import { DeviceError } from './base/index.ts';
import type { HostService } from './host-service/index.ts';
import type { IvshmemConfig } from './ivshmem/index.ts';
import { MAX_NET_QUEUE_PAIRS } from './net/index.ts';
import { MAX_SERVICE_PORT } from './vsock/index.ts';

const DEFAULT_SECTION_BYTES = 65_536;
const DEFAULT_VECTORS = 2;
const DEFAULT_AUDIO_VM = 'audio-vm';
const DEFAULT_MIC_LABEL = '@mic';

/** As the command line gives it. */
export interface DeviceInput {
  readonly vsock?: string | undefined;
  /** Vsock ports that other domains may reach. */
  readonly listen?: readonly string[] | undefined;
  /** PORT=SOCKET: vsock ports that lead to unix sockets of this host. */
  readonly hostService?: readonly string[] | undefined;
  readonly net?: string | undefined;
  /** Domains at the other ends of the network card's link. */
  readonly link?: readonly string[] | undefined;
  readonly dhcpFrom?: string | undefined;
  readonly dhcpServe?: boolean | undefined;
  readonly queues?: string | undefined;
  readonly sound?: string | undefined;
  readonly audioVm?: string | undefined;
  readonly micLabel?: string | undefined;
  readonly entropy?: string | undefined;
  readonly ivshmem?: string | undefined;
  readonly peers?: readonly string[] | undefined;
  readonly region?: string | undefined;
  readonly section?: string | undefined;
  readonly vectors?: string | undefined;
}

export interface DeviceConfig {
  readonly vsock: { readonly socket: string; readonly services: readonly number[] } | null;
  readonly hostServices: readonly HostService[];
  readonly net: NetConfig | null;
  readonly sound: SoundConfig | null;
  readonly entropy: { readonly socket: string } | null;
  readonly ivshmem: IvshmemConfig | null;
}

export interface NetConfig {
  readonly socket: string;
  readonly peers: readonly string[];
  readonly dhcp: { readonly ask: string } | { readonly serve: true } | null;
  /** Pairs of queues that the VMM may ask for. */
  readonly queuePairs: number;
}

export interface SoundConfig {
  readonly socket: string;
  readonly audioVm: string;
  readonly micLabel: string;
}

/** @throws DeviceError ERR_DEVICE_OPTION */
export function resolveDevices(input: DeviceInput): DeviceConfig {
  const { vsock, hostService, net, sound, entropy, ivshmem } = input;
  if ([vsock, hostService, net, sound, entropy, ivshmem].every((socket) => socket === undefined))
    throw new DeviceError(
      'ERR_DEVICE_OPTION',
      'no device was asked for: give --vsock, --host-service, --net, --sound, --entropy or --ivshmem (docs/devices.md)',
    );
  if (vsock !== undefined && hostService !== undefined)
    throw new DeviceError(
      'ERR_DEVICE_OPTION',
      '--vsock and --host-service exclude each other: the services of a host are a domain of their own',
    );
  if (vsock === undefined && input.listen !== undefined) throw lonely('--listen', '--vsock');
  for (const [name, flag] of NET_FLAGS) if (net === undefined && input[name] !== undefined) throw lonely(flag, '--net');
  for (const [name, flag] of SOUND_FLAGS)
    if (sound === undefined && input[name] !== undefined) throw lonely(flag, '--sound');
  for (const name of ['peers', 'region', 'section', 'vectors'] as const)
    if (ivshmem === undefined && input[name] !== undefined) throw lonely(`--${name}`, '--ivshmem');
  return Object.freeze({
    vsock: vsock === undefined ? null : { socket: vsock, services: servicePorts(input.listen ?? []) },
    hostServices: (hostService ?? []).map(hostServiceOf),
    net: net === undefined ? null : netConfig(net, input),
    sound: sound === undefined ? null : soundConfig(sound, input),
    entropy: entropy === undefined ? null : { socket: entropy },
    ivshmem: ivshmem === undefined ? null : ivshmemConfig(ivshmem, input),
  });
}

const NET_FLAGS = [
  ['link', '--link'],
  ['dhcpFrom', '--dhcp-from'],
  ['dhcpServe', '--dhcp-serve'],
  ['queues', '--queues'],
] as const;

const SOUND_FLAGS = [
  ['audioVm', '--audio-vm'],
  ['micLabel', '--mic-label'],
] as const;

function soundConfig(
  socket: string,
  { audioVm = DEFAULT_AUDIO_VM, micLabel = DEFAULT_MIC_LABEL }: DeviceInput,
): SoundConfig {
  return { socket, audioVm, micLabel };
}

function netConfig(socket: string, { link = [], dhcpFrom, dhcpServe = false, queues }: DeviceInput): NetConfig {
  if (link.length === 0)
    throw new DeviceError('ERR_DEVICE_OPTION', '--net needs --link: the domains at the other ends of the cable');
  if (dhcpFrom !== undefined && dhcpServe)
    throw new DeviceError('ERR_DEVICE_OPTION', '--dhcp-from and --dhcp-serve exclude each other');
  const dhcp = dhcpFrom !== undefined ? { ask: dhcpFrom } : dhcpServe ? ({ serve: true } as const) : null;
  const queuePairs = queues === undefined ? 1 : wholeNumber('--queues', queues);
  if (queuePairs < 1 || queuePairs > MAX_NET_QUEUE_PAIRS)
    throw new DeviceError('ERR_DEVICE_OPTION', `--queues ${queuePairs}: a card has 1 to ${MAX_NET_QUEUE_PAIRS} pairs`);
  return { socket, peers: link, dhcp, queuePairs };
}

function ivshmemConfig(socket: string, { peers = [], region, section, vectors }: DeviceInput): IvshmemConfig {
  return {
    socket,
    region: region === undefined ? 0 : wholeNumber('--region', region),
    peers,
    sectionBytes: section === undefined ? DEFAULT_SECTION_BYTES : wholeNumber('--section', section),
    vectors: vectors === undefined ? DEFAULT_VECTORS : wholeNumber('--vectors', vectors),
  };
}

function servicePorts(texts: readonly string[]): readonly number[] {
  return [...new Set(texts.map(servicePort))];
}

function hostServiceOf(text: string): HostService {
  const at = text.indexOf('=');
  const socket = text.slice(at + 1);
  if (at < 0 || !socket.startsWith('/'))
    throw new DeviceError('ERR_DEVICE_OPTION', `--host-service "${text}": expected PORT=/path/of/a/socket`);
  return { port: servicePort(text.slice(0, at)), socket };
}

function servicePort(text: string): number {
  const port = /^\d{1,9}$/.test(text) ? Number(text) : -1;
  if (port < 0 || port > MAX_SERVICE_PORT)
    throw new DeviceError('ERR_DEVICE_OPTION', `"${text}" is no vsock port: expected 0 … ${MAX_SERVICE_PORT}`);
  return port;
}

function wholeNumber(flag: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new DeviceError('ERR_DEVICE_OPTION', `${flag} "${text}": expected a whole number`);
  return Number(text);
}

function lonely(flag: string, owner: string): DeviceError {
  return new DeviceError('ERR_DEVICE_OPTION', `${flag} belongs to ${owner}, which is not there`);
}
