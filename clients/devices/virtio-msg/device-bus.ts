/** The devices that one domain offers to one driver domain, by number, and the messages about the bus itself. */
import { DeviceEnd, type DeviceEndOptions } from './device-end.ts';
import { MAX_DEVICES } from './limits.ts';
import { BusMessageId, decodeMessage, encodeMessage, type VirtioMessage } from './message.ts';
import * as payloads from './payload.ts';

export interface DeviceBusPort {
  /** Sends a whole message to the driver's domain. */
  send(message: Buffer): void;
  /** Runs it soon, once. */
  soon(run: () => void): void;
  /** The driver of a device broke a rule; for an operator. */
  report(line: string): void;
}

export class DeviceBus {
  readonly #devices: readonly DeviceEnd[];
  readonly #port: DeviceBusPort;
  /** Messages that make no sense, or name a device that is not there. */
  dropped = 0;

  constructor(devices: readonly DeviceEndOptions[], port: DeviceBusPort) {
    this.#port = port;
    this.#devices = devices.slice(0, MAX_DEVICES).map(
      (options, number) =>
        new DeviceEnd(options, {
          event: (id, payload, layout) =>
            port.send(
              encodeMessage({ layout, isResponse: false, isBus: false, id, device: number, token: 0, payload }),
            ),
          soon: (run) => port.soon(run),
          fault: (reason) =>
            port.report(`the driver of device ${number} is at fault, the device is stopped: ${reason}`),
        }),
    );
  }

  /** One message of the driver's domain. Its bytes may be used again afterwards. */
  receive(bytes: Uint8Array): void {
    const message = decodeMessage(bytes);
    const answer = message === null || message.isResponse ? null : this.#answer(message);
    if (message !== null && answer !== null)
      this.#port.send(encodeMessage({ ...message, isResponse: true, payload: answer }));
  }

  /** The driver's domain has gone. */
  reset(): void {
    for (const device of this.#devices) if (device.status !== 0) device.reset();
  }

  #answer(message: VirtioMessage): Buffer | null {
    if (message.isBus) return this.#busAnswer(message);
    const device = this.#devices[message.device];
    if (device === undefined) this.dropped++;
    return device?.receive(message.id, message.layout, message.payload) ?? null;
  }

  #busAnswer({ id, payload }: VirtioMessage): Buffer | null {
    if (id === BusMessageId.ping && payload.length === 4) return Buffer.from(payload);
    const span = id === BusMessageId.getDevices ? payloads.decodeDevicesRequest(payload) : null;
    if (span === null || span.count > MAX_DEVICES) {
      this.dropped++;
      return null;
    }
    return payloads.encodeDevices(span.first, span.count, (number) => number < this.#devices.length);
  }
}
