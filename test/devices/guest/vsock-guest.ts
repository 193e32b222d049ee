/** The vsock driver of a guest, for tests: packets in and out of two queues, over any memory. */
import {
  decodePacket,
  encodePacket,
  Operation,
  type Packet,
  SocketType,
} from '../../../clients/devices/vsock/index.ts';
import type { DriverMemory, DriverQueue } from './driver-queue.ts';

export interface Heard extends Packet {
  readonly text: string;
}

/** What Linux offers for each packet: a header and a page. */
const BUFFER_BYTES = 44 + 4_096;
export const WINDOW_BYTES = 262_144;
const SEND_SLOTS = 16;
const SEND_SLOT_BYTES = 1_024;

export interface GuestWires {
  readonly memory: DriverMemory;
  readonly receive: DriverQueue;
  readonly send: DriverQueue;
  /** First free byte of the guest's memory. */
  readonly free: number;
  kick(index: number): void;
}

export class VsockGuest {
  readonly cid: number;
  readonly #wires: GuestWires;
  readonly #bufferBytes: number;
  readonly #sendAt: number;
  #slot = 0;
  readonly #buffers = new Map<number, number>();
  readonly heard: Heard[] = [];

  constructor(cid: number, wires: GuestWires, { buffers = 32, bufferBytes = BUFFER_BYTES } = {}) {
    this.cid = cid;
    this.#wires = wires;
    this.#bufferBytes = bufferBytes;
    this.#sendAt = wires.free;
    let at = wires.free + 70_000 + SEND_SLOTS * SEND_SLOT_BYTES;
    for (let count = 0; count < buffers; count++) {
      this.#offer(at);
      at += bufferBytes;
    }
    wires.kick(0);
  }

  packet(
    operation: Operation,
    peer: number,
    ports: readonly [own: number, peer: number],
    more: Partial<Packet> = {},
  ): Packet {
    return {
      sourceCid: this.cid,
      destinationCid: peer,
      sourcePort: ports[0],
      destinationPort: ports[1],
      type: SocketType.stream,
      operation,
      flags: 0,
      bufAlloc: WINDOW_BYTES,
      fwdCnt: 0,
      ...more,
    };
  }

  send(packet: Packet, payload = ''): void {
    this.sendBytes(encodePacket(packet, Buffer.from(payload)));
  }

  sendBytes(bytes: Uint8Array): void {
    this.#wires.send.take();
    // The device reads a packet some time later, so the next one lies elsewhere; a large one has a place of its own.
    const isSmall = bytes.length <= SEND_SLOT_BYTES;
    const address = this.#sendAt + (isSmall ? 70_000 + (this.#slot++ % SEND_SLOTS) * SEND_SLOT_BYTES : 0);
    this.#wires.memory.write(address, bytes);
    this.#wires.send.add([{ address, length: bytes.length, isWritable: false }]);
    this.#wires.kick(1);
  }

  /** Takes what the device has delivered into `heard`, and offers the buffers again. */
  take(): void {
    let isTaken = false;
    for (const { head, length } of this.#wires.receive.take()) {
      const at = this.#buffers.get(head) ?? 0;
      this.#buffers.delete(head);
      const bytes = Buffer.alloc(length);
      this.#wires.memory.read(at, bytes);
      const packet = decodePacket(bytes);
      if (packet === null) throw new Error(`the device delivered nonsense: ${bytes.toString('hex')}`);
      this.heard.push({ ...packet, text: bytes.subarray(44).toString() });
      this.#offer(at);
      isTaken = true;
    }
    if (isTaken) this.#wires.kick(0);
  }

  #offer(at: number): void {
    const head = this.#wires.receive.add([{ address: at, length: this.#bufferBytes, isWritable: true }]);
    this.#buffers.set(head, at);
  }
}

export function summary({ operation, text }: Heard): string {
  const [name = ''] = Object.entries(Operation).find(([, number]) => number === operation) ?? [];
  return text === '' ? name : `${name} ${text.length > 40 ? `${text.length} bytes` : text}`;
}
