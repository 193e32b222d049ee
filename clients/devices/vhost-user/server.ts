/** The unix socket that a VMM connects to: one VMM at a time, whose messages go to a back-end. */
import { ACCEPTS_PER_WAKE_UP, MAX_MESSAGE_DESCRIPTORS } from '../base/index.ts';
import { type Descriptor, listenUnix, type System, type Watch } from '../sys/index.ts';
import { Backend } from './backend.ts';
import type { VirtioDevice } from './device.ts';
import { HEADER_BYTES, MAX_PAYLOAD_BYTES } from './protocol.ts';

export interface DeviceSocket {
  close(): void;
}

/** A report of the device process. `line` is for a person. */
export type DeviceReport = (
  event: 'attached' | 'detached' | 'refused' | 'vmm-fault' | 'guest-fault',
  line: string,
) => void;

/** @throws DeviceError ERR_DEVICE_SOCKET */
export async function serveVhostUser(
  system: System,
  path: string,
  device: VirtioDevice,
  report: DeviceReport,
): Promise<DeviceSocket> {
  const listener = await listenUnix(system, path);
  let current: Connection | null = null;
  const watch = system.watch(listener, () => {
    for (let accepted = 0; accepted < ACCEPTS_PER_WAKE_UP; accepted++) {
      const socket = system.accept(listener);
      if (socket === null) return;
      if (current === null) {
        current = new Connection(system, socket, device, report, () => {
          current = null;
        });
        report('attached', 'a VMM has attached');
      } else {
        socket.close();
        report('refused', 'a second VMM was refused: the first one is still attached');
      }
    }
  });
  return {
    close: () => {
      watch.close();
      listener.close();
      current?.close(null);
    },
  };
}

class Connection {
  readonly #system: System;
  readonly #socket: Descriptor;
  readonly #backend: Backend;
  readonly #report: DeviceReport;
  readonly #onClosed: () => void;
  readonly #watch: Watch;
  #isClosed = false;
  /** The message so far; descriptors belong to the message whose header they came with. */
  #bytes = Buffer.alloc(0);
  #descriptors: Descriptor[] = [];

  constructor(system: System, socket: Descriptor, device: VirtioDevice, report: DeviceReport, onClosed: () => void) {
    this.#system = system;
    this.#socket = socket;
    this.#report = report;
    this.#onClosed = onClosed;
    this.#backend = new Backend(device, system, {
      reply: (message) => system.send(socket, message, []),
      guestFault: (reason) => report('guest-fault', `the guest is at fault, its device is stopped: ${reason}`),
    });
    this.#watch = system.watch(socket, () => this.#read());
  }

  close(fault: string | null): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#watch.close();
    this.#backend.close();
    for (const descriptor of this.#descriptors) descriptor.close();
    this.#socket.close();
    this.#onClosed();
    if (fault === null) this.#report('detached', 'the VMM has detached');
    else this.#report('vmm-fault', `the VMM is at fault and was detached: ${fault}`);
  }

  #read(): void {
    let isMore = true;
    while (isMore && !this.#isClosed) isMore = this.#readOnce();
  }

  /** Reads a header, then exactly its payload, so that descriptors stay with their message. False: no more for now. */
  #readOnce(): boolean {
    const wanted = this.#wanted();
    if (wanted > HEADER_BYTES + MAX_PAYLOAD_BYTES) return this.#end('a message that is too long');
    const received = this.#system.receive(this.#socket, wanted - this.#bytes.length);
    if (received.status === 'again') return false;
    if (received.status === 'end') return this.#end(null);
    if (received.status === 'flood') return this.#end('too many descriptors in one message');
    this.#bytes = Buffer.concat([this.#bytes, received.bytes]);
    this.#descriptors.push(...received.descriptors);
    if (this.#descriptors.length > MAX_MESSAGE_DESCRIPTORS) return this.#end('too many descriptors in one message');
    return this.#bytes.length < this.#wanted() || this.#handle();
  }

  #handle(): boolean {
    const message = this.#bytes;
    const descriptors = this.#descriptors;
    this.#bytes = Buffer.alloc(0);
    this.#descriptors = [];
    const payload = message.subarray(HEADER_BYTES);
    const fault = this.#backend.message(message.readUInt32LE(0), message.readUInt32LE(4), payload, descriptors);
    return fault === null || this.#end(fault);
  }

  #end(fault: string | null): false {
    this.close(fault);
    return false;
  }

  /** Bytes of the whole message as far as it is known. */
  #wanted(): number {
    return this.#bytes.length < HEADER_BYTES ? HEADER_BYTES : HEADER_BYTES + this.#bytes.readUInt32LE(8);
  }
}
