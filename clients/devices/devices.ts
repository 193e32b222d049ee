/** The devices of one domain, on one session with the broker. */
import { NODE_CLOCK } from '../agents/audio/index.ts';
import { Link, lossesOf, MAX_FRAME_BYTES } from '../agents/network/index.ts';
import type { Vm } from '../sdk/index.ts';
import { LimitedLines } from './base/index.ts';
import { serveEntropy } from './entropy/index.ts';
import { HostServices } from './host-service/index.ts';
import { type IvshmemDevice, startIvshmem } from './ivshmem/index.ts';
import { type NetCounts, NetDevice } from './net/index.ts';
import type { DeviceConfig, NetConfig, SoundConfig } from './options.ts';
import { AudioVmSide, type SoundCounts, SoundDevice } from './sound/index.ts';
import { openSystem, type System } from './sys/index.ts';
import { type DeviceReport, serveVhostUser } from './vhost-user/index.ts';
import { BrokerExchange, type VsockCounts, VsockDevice } from './vsock/index.ts';

export interface Devices {
  readonly vsock: { readonly counts: Readonly<VsockCounts>; readonly connections: number } | null;
  readonly hostServices: { readonly connections: number } | null;
  readonly net: { readonly counts: Readonly<NetCounts> } | null;
  readonly sound: { readonly counts: Readonly<SoundCounts> } | null;
  readonly ivshmem: Pick<IvshmemDevice, 'counts'> | null;
  close(): Promise<void>;
}

/**
 * Serves each device at its socket until `close`. `say` gets what an operator wants to know.
 *
 * @throws DeviceError ERR_DEVICE_KOFFI, ERR_DEVICE_CID, ERR_DEVICE_SOCKET, ERR_DEVICE_SYSTEM
 */
export async function startDevices(vm: Vm, config: DeviceConfig, say: (line: string) => void): Promise<Devices> {
  let opened: System | null = null;
  // Services of the host need no native code.
  const system = (): System => {
    opened ??= openSystem();
    return opened;
  };
  const limited = new LimitedLines(say, NODE_CLOCK.schedule);
  const reportOf = (name: string): DeviceReport => {
    return (event, line) => limited.say(`${name} ${event}`, `${name}: ${line}`);
  };
  const closers: (() => void | Promise<void>)[] = [];
  let vsock: VsockDevice | null = null;
  if (config.vsock !== null) {
    const { socket, services } = config.vsock;
    const exchange = new BrokerExchange(vm, (line) => say(`vsock: ${line}`));
    const device = new VsockDevice(exchange, NODE_CLOCK);
    const served = await serveVhostUser(system(), socket, device, reportOf('vsock'));
    exchange.open(device, services);
    closers.push(
      () => served.close(),
      () => device.close(),
      () => exchange.close(),
    );
    vsock = device;
    say(`vsock: CID ${exchange.cid}, waiting for a VMM at ${socket}`);
  }
  let hostServices: HostServices | null = null;
  if (config.hostServices.length > 0) {
    const exchange = new BrokerExchange(vm, (line) => say(`host-service: ${line}`));
    const services = new HostServices(exchange, config.hostServices);
    exchange.open(
      services,
      config.hostServices.map(({ port }) => port),
    );
    closers.push(
      () => services.close(),
      () => exchange.close(),
    );
    hostServices = services;
    const ports = config.hostServices.map(({ port, socket }) => `${port} at ${socket}`);
    say(`host-service: CID ${exchange.cid}, ports ${ports.join(', ')}`);
  }
  let net: NetDevice | null = null;
  if (config.net !== null) {
    const served = await serveNet(vm, system(), config.net, (line) => say(`net: ${line}`), reportOf('net'));
    closers.push(served.close);
    net = served.device;
  }
  let sound: SoundDevice | null = null;
  if (config.sound !== null) {
    const served = await serveSound(vm, system(), config.sound, (line) => say(`sound: ${line}`), reportOf('sound'));
    closers.push(served.close);
    sound = served.device;
  }
  if (config.entropy !== null) {
    const { socket } = config.entropy;
    const served = await serveEntropy(system(), socket, reportOf('entropy'));
    closers.push(() => served.close());
    say(`entropy: waiting for a VMM at ${socket}`);
  }
  let ivshmem: IvshmemDevice | null = null;
  if (config.ivshmem !== null) {
    const device = await startIvshmem(
      vm,
      system(),
      config.ivshmem,
      (line) => say(`ivshmem: ${line}`),
      reportOf('ivshmem'),
    );
    closers.push(() => device.close());
    ivshmem = device;
  }
  return {
    vsock,
    hostServices,
    net,
    sound,
    ivshmem,
    close: async () => {
      await Promise.all(closers.map((close) => close()));
      limited.close();
    },
  };
}

async function serveNet(
  vm: Vm,
  system: System,
  { socket, peers, dhcp, queuePairs }: NetConfig,
  say: (line: string) => void,
  report: DeviceReport,
): Promise<{ readonly device: NetDevice; readonly close: () => Promise<void> }> {
  const link = new Link(vm, { peers, dhcp, say });
  const { send, sendPacket } = link;
  const device = new NetDevice({ send, sendPacket, maxFrameBytes: MAX_FRAME_BYTES, queuePairs });
  await link.open();
  try {
    const served = await serveVhostUser(system, socket, device, report);
    link.attach(device);
    say(`linked to ${peers.join(', ')}, waiting for a VMM at ${socket}`);
    return {
      device,
      close: async () => {
        served.close();
        await link.close();
        const { malformed, tooLong, nothingAttached } = device.counts;
        const lost = { malformed, 'too long for the guest': tooLong, 'nothing attached': nothingAttached };
        for (const [reason, count] of Object.entries(lost)) if (count > 0) link.counters.lost.set(reason, count);
        say(lossesOf(link.counters));
      },
    };
  } catch (error) {
    await link.close();
    throw error;
  }
}

async function serveSound(
  vm: Vm,
  system: System,
  config: SoundConfig,
  say: (line: string) => void,
  report: DeviceReport,
): Promise<{ readonly device: SoundDevice; readonly close: () => Promise<void> }> {
  const { socket, audioVm } = config;
  const side = await AudioVmSide.open(vm, config, NODE_CLOCK, say);
  const device = new SoundDevice(side, NODE_CLOCK);
  side.attach(device);
  try {
    const served = await serveVhostUser(system, socket, device, report);
    say(`plays at ${audioVm}, waiting for a VMM at ${socket}`);
    return {
      device,
      close: async () => {
        served.close();
        device.reset();
        await side.close();
        const lost = { ...side.losses, ...device.counts };
        const lines = Object.entries(lost).filter(([, count]) => count > 0);
        if (lines.length > 0) say(lines.map(([what, count]) => `${what} ${count}`).join(', '));
      },
    };
  } catch (error) {
    await side.close();
    throw error;
  }
}
