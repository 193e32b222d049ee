/**
 * A virtio-msg bus over a session with the broker. Both domains have a ring at the port of the bus for each other, and each
 * message is one `sendv`, so the broker decides it as class `virtio-control`. The rings take the other domain only, so
 * each message comes from the domain that the bus was opened with.
 */
import { ArgusError, type Message, type Ring, type Vm } from '../../sdk/index.ts';
import { DeviceError } from '../base/index.ts';
import { DeviceBus } from './device-bus.ts';
import type { DeviceEndOptions } from './device-end.ts';
import { DriverEnd } from './driver-end.ts';
import { BUS_RING_BYTES, MAX_BUS, MAX_DEVICES, SEND_DEADLINE_MS, VIRTIO_MSG_PORT_BASE } from './limits.ts';
import { decodeMessage, MessageLayout } from './message.ts';

export interface OfferedDevices {
  /** The domain whose driver is served. */
  readonly driver: string;
  /** Number of the bus; default 0. The Argo port is 2 101 000 000 plus this. */
  readonly bus?: number;
  /** Numbered from 0. */
  readonly devices: readonly DeviceEndOptions[];
  /** What an operator wants to know: faults of the driver, and messages that policy refused. */
  readonly say?: (line: string) => void;
}

export interface DeviceService {
  /** Resolves when the ring has ended: policy took it away, or the session was closed. */
  readonly ended: Promise<void>;
  close(): Promise<void>;
}

/**
 * The device side: offers devices to the driver of one domain.
 *
 * @throws DeviceError ERR_DEVICE_OPTION; ArgusError as `registerRing`
 */
export async function offerVirtioMsg(
  vm: Vm,
  { driver, bus = 0, devices, say = () => {} }: OfferedDevices,
): Promise<DeviceService> {
  if (devices.length < 1 || devices.length > MAX_DEVICES)
    throw new DeviceError('ERR_DEVICE_OPTION', `a bus has 1 … ${MAX_DEVICES} devices, not ${devices.length}`);
  const port = portOf(bus);
  const end = new DeviceBus(devices, {
    send: (message) => {
      vm.sendv({ to: { domain: driver, port }, iov: message, deadline: SEND_DEADLINE_MS }).then(
        undefined,
        (error: unknown) => {
          // The driver would wait for this message for ever, so it starts again.
          say(`"${driver}" does not get an answer: ${error instanceof ArgusError ? error.code : 'EIO'}`);
          end.reset();
        },
      );
    },
    soon: (run) => void setImmediate(run),
    report: say,
  });
  return openRing(
    vm,
    { port, partner: driver },
    ({ payload }) => end.receive(payload),
    () => end.reset(),
  );
}

export interface WantedDevice {
  /** The domain that offers the device. */
  readonly from: string;
  /** Number of the bus; default 0. */
  readonly bus?: number;
  /** Number of the device on the bus; default 0. */
  readonly number?: number;
  /** Which of the two message layouts to speak; default the newer one. */
  readonly layout?: MessageLayout;
}

/** One device of another domain, until `close`. */
export interface OpenDevice {
  readonly device: DriverEnd;
  close(): Promise<void>;
}

/**
 * The driver side: one device of another domain. Nothing is sent until `start`, `info` or another call.
 *
 * @throws DeviceError ERR_DEVICE_OPTION; ArgusError as `registerRing`
 */
export async function openVirtioMsg(
  vm: Vm,
  { from, bus = 0, number = 0, layout = MessageLayout.draft }: WantedDevice,
): Promise<OpenDevice> {
  const port = portOf(bus);
  const device = new DriverEnd(number, layout, {
    send: (message) => vm.sendv({ to: { domain: from, port }, iov: message, deadline: SEND_DEADLINE_MS }),
    after: (ms, task) => {
      const timer = setTimeout(task, ms);
      return () => clearTimeout(timer);
    },
  });
  const take = ({ payload }: Message): void => {
    const message = decodeMessage(payload);
    if (message !== null && !message.isBus && message.device === number) device.receive(message);
    else device.dropped++;
  };
  const { close } = await openRing(vm, { port, partner: from }, take, () => device.end(`"${from}" has gone`));
  return { device, close };
}

function portOf(bus: number): number {
  if (!Number.isInteger(bus) || bus < 0 || bus > MAX_BUS)
    throw new DeviceError('ERR_DEVICE_OPTION', `a bus has a number of 0 … ${MAX_BUS}, not ${bus}`);
  return VIRTIO_MSG_PORT_BASE + bus;
}

/** `gone`: the partner has gone, or the ring has ended. */
async function openRing(
  vm: Vm,
  { port, partner }: { readonly port: number; readonly partner: string },
  take: (message: Message) => void,
  gone: () => void,
): Promise<DeviceService> {
  const ring: Ring = await vm.registerRing({ port, partner, length: BUS_RING_BYTES });
  let domid: number | null = null;
  const onPeerGone = (event: { readonly domid: number }): void => {
    if (event.domid === domid) gone();
  };
  vm.on('peer-gone', onPeerGone);
  const ended = ring
    .consume((message) => {
      domid = message.source.domid;
      take(message);
    })
    .catch((error: unknown) => {
      if (!(error instanceof ArgusError)) throw error;
    })
    .finally(() => {
      vm.off('peer-gone', onPeerGone);
      gone();
    });
  return {
    ended,
    close: async () => {
      await ring.close().catch(() => {}); // the ring is gone already
      await ended;
    },
  };
}
