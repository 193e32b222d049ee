/** QEMU's part of the ivshmem protocol, for tests, and a policy under which two guests may ring each other. */
import { readSync, writeSync } from 'node:fs';
import type { Descriptor, System, Watch } from '../../../clients/devices/sys/index.ts';

/** A policy for two guests that may ring each other. */
export const IVSHMEM_SERVICES = `classes:
  - name: ivshmem
    ports: ["2100000000-2100000999"]
    inspector: ivshmem
    permissions: [vector-0, vector-1, vector-2, vector-3, vector-4, vector-5, vector-6, vector-7]
    flow: to-destination
`;
export const IVSHMEM_ROWS = [
  'p, @member, broker, argo, *, allow',
  'p, @member, @member, argo, *, allow',
  'p, chrome-vm, mail-vm, ivshmem, vector-0, allow',
  'p, mail-vm, chrome-vm, ivshmem, vector-0, allow',
];

/** The role of QEMU as a client: it gets numbers and descriptors, and maps the memory for its guest. */
export class IvshmemClient {
  readonly heard: [number: number, descriptor: Descriptor | null][] = [];
  readonly #system: System;
  readonly #socket: Descriptor;
  readonly #watches: Watch[] = [];
  readonly #waiters = new Set<() => void>();
  readonly interrupts: number[] = [];
  isEnded = false;

  constructor(system: System, path: string) {
    this.#system = system;
    this.#socket = system.connect(path);
    this.#watches.push(system.watch(this.#socket, () => this.#read()));
  }

  /** Waits for the whole greeting: `peers` places, `vectors` each, and three messages before. */
  async greeted(peers: number, vectors: number): Promise<this> {
    while (this.heard.length < 3 + peers * vectors) await this.event();
    for (const [vector, descriptor] of this.of(this.self).entries()) {
      this.#watches.push(
        this.#system.watch(descriptor, () => {
          if (this.#system.drain(descriptor)) this.interrupts.push(vector);
          this.#wake();
        }),
      );
    }
    return this;
  }

  get self(): number {
    return this.heard[1]?.[0] ?? -1;
  }

  get memory(): Descriptor {
    const found = this.heard[2]?.[1];
    if (found == null) throw new Error('no memory');
    return found;
  }

  /** Eventfds of a peer, by vector. */
  of(peer: number): Descriptor[] {
    return this.heard
      .slice(3)
      .flatMap(([number, descriptor]) => (number === peer && descriptor !== null ? [descriptor] : []));
  }

  ring(peer: number, vector = 0): void {
    const event = this.of(peer)[vector];
    if (event === undefined) throw new Error(`no doorbell ${peer}:${vector}`);
    this.#system.signal(event);
  }

  write(position: number, text: string | Uint8Array): void {
    const bytes = Buffer.from(text);
    writeSync(this.memory.fd, bytes, 0, bytes.length, position);
  }

  read(position: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    readSync(this.memory.fd, bytes, 0, length, position);
    return bytes;
  }

  async interrupted(count: number): Promise<void> {
    while (this.interrupts.length < count) await this.event();
  }

  speak(): void {
    this.#system.send(this.#socket, Buffer.from('x'), []);
  }

  event(): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiters.delete(wake);
        resolve();
      };
      this.#waiters.add(wake);
    });
  }

  close(): void {
    for (const watch of this.#watches) watch.close();
    for (const [, descriptor] of this.heard) descriptor?.close();
    this.#socket.close();
  }

  #wake(): void {
    for (const wake of [...this.#waiters]) wake();
  }

  #read(): void {
    for (;;) {
      const received = this.#system.receive(this.#socket, 8);
      if (received.status === 'again') break;
      if (received.status !== 'bytes') {
        this.isEnded = true;
        this.#watches[0]?.close();
        break;
      }
      this.heard.push([Number(received.bytes.readBigInt64LE(0)), received.descriptors[0] ?? null]);
    }
    this.#wake();
  }
}
