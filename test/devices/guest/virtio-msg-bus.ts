/** A driver and the devices of a bus in one process: what one sends, the other receives, when the test says so. */
import { INSPECTORS, MALFORMED } from '../../../broker/core/inspectors/index.ts';
import { DeviceBus } from '../../../clients/devices/virtio-msg/device-bus.ts';
import type { DeviceEndOptions } from '../../../clients/devices/virtio-msg/device-end.ts';
import { DriverEnd } from '../../../clients/devices/virtio-msg/driver-end.ts';
import {
  decodeMessage,
  encodeMessage,
  MessageLayout,
  type VirtioMessage,
} from '../../../clients/devices/virtio-msg/message.ts';
import type { Domain } from '../../../policy/contract/index.ts';
import { FakeClock } from '../../support/clock.ts';

/** The inspector does not look at the source. */
const NOBODY = {} as Domain;

/** The permission that the broker asks for, or 'malformed'. */
export function permissionOf(message: Uint8Array): string {
  const inspector = INSPECTORS.get('virtio-control');
  if (inspector === undefined) throw new Error('no inspector');
  const framed = Buffer.concat([Buffer.alloc(3, 0xff), message, Buffer.alloc(3, 0xff)]);
  const index = inspector.inspect(framed, 3, 3 + message.length, NOBODY);
  return index === MALFORMED ? 'malformed' : (inspector.permissions[index] ?? 'none');
}

export class MessageBus {
  readonly clock = new FakeClock();
  readonly devices: DeviceBus;
  readonly driver: DriverEnd;
  readonly layout: MessageLayout;
  readonly reports: string[] = [];
  /** Permissions of what the driver and the device have sent, as the broker reads them. */
  readonly asked: string[] = [];
  readonly answered: string[] = [];
  /** What the devices have sent, the newest last. */
  readonly fromDevice: VirtioMessage[] = [];
  /** False: messages of the device stay where they are. */
  isConnected = true;
  readonly #soon: (() => void)[] = [];
  #isRunning = false;

  constructor(devices: readonly DeviceEndOptions[], layout: MessageLayout = MessageLayout.draft, number = 0) {
    this.layout = layout;
    this.devices = new DeviceBus(devices, {
      send: (message) => {
        this.answered.push(permissionOf(message));
        const decoded = decodeMessage(message);
        if (decoded === null) throw new Error('the device sent nonsense');
        this.fromDevice.push(decoded);
        if (this.isConnected) this.#later(() => this.driver.receive(decoded));
      },
      soon: (run) => this.#later(run),
      report: (line) => this.reports.push(line),
    });
    this.driver = new DriverEnd(number, layout, {
      send: (message) => {
        this.asked.push(permissionOf(message));
        this.#later(() => this.devices.receive(message));
        return Promise.resolve();
      },
      after: this.clock.after,
    });
  }

  /** A message of the driver's domain that its SDK would not send. */
  tell(id: number, payload: Buffer, changes: Partial<VirtioMessage> = {}): void {
    const message = { layout: this.layout, isResponse: false, isBus: false, id, device: 0, token: 7, payload };
    this.devices.receive(encodeMessage({ ...message, ...changes }));
  }

  /** Runs what waits, also what comes meanwhile. Without an event loop, so a test has no need to wait. */
  run(): void {
    for (let turns = 0; this.#soon.length > 0; turns++) {
      if (turns > 10_000) throw new Error('the bus keeps itself busy');
      this.#soon.shift()?.();
    }
  }

  /** Messages travel in turns of their own, as they do through a broker. */
  #later(run: () => void): void {
    this.#soon.push(run);
    if (this.#isRunning) return;
    this.#isRunning = true;
    queueMicrotask(() => {
      this.#isRunning = false;
      this.run();
    });
  }
}
