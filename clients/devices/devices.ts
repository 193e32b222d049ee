/** The devices of one domain, on one session with the broker. */
import type { Vm } from '../sdk/index.ts';
import { type IvshmemDevice, startIvshmem } from './ivshmem/index.ts';
import type { DeviceConfig } from './options.ts';
import { openSystem } from './sys/index.ts';
import { serveVhostUser } from './vhost-user/index.ts';
import { BrokerExchange, type Timers, type VsockCounts, VsockDevice } from './vsock/index.ts';

export interface Devices {
  readonly vsock: { readonly counts: Readonly<VsockCounts>; readonly connections: number } | null;
  readonly ivshmem: Pick<IvshmemDevice, 'counts'> | null;
  close(): void;
}

const CLOCK: Timers = {
  now: () => performance.now(),
  schedule: (delayMs, task) => {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
};

/**
 * Serves each device at its socket until `close`. `say` gets what an operator wants to know.
 *
 * @throws DeviceError ERR_DEVICE_KOFFI, ERR_DEVICE_CID, ERR_DEVICE_SOCKET, ERR_DEVICE_SYSTEM
 */
export async function startDevices(vm: Vm, config: DeviceConfig, say: (line: string) => void): Promise<Devices> {
  const system = await openSystem();
  const closers: (() => void)[] = [];
  let vsock: VsockDevice | null = null;
  if (config.vsock !== null) {
    const { socket, services } = config.vsock;
    const exchange = new BrokerExchange(vm, (line) => say(`vsock: ${line}`));
    const device = new VsockDevice(exchange, CLOCK);
    const served = await serveVhostUser(system, socket, device, (_event, line) => say(`vsock: ${line}`));
    exchange.open(device, services);
    closers.push(
      () => served.close(),
      () => device.close(),
      () => exchange.close(),
    );
    vsock = device;
    say(`vsock: CID ${exchange.cid}, waiting for a VMM at ${socket}`);
  }
  let ivshmem: IvshmemDevice | null = null;
  if (config.ivshmem !== null) {
    const device = await startIvshmem(vm, system, config.ivshmem, (line) => say(`ivshmem: ${line}`));
    closers.push(() => device.close());
    ivshmem = device;
  }
  return {
    vsock,
    ivshmem,
    close: () => {
      for (const close of closers) close();
    },
  };
}
