/** A driver's queue with buffers of one size, kicked as seldom as Linux does: the device says from which chain on. */
import type { FrontEnd } from '../../test/devices/guest/front-end.ts';

export class RingDriver {
  readonly #vmm: FrontEnd;
  readonly #index: number;
  readonly #bufferBytes: number;
  readonly #isWritable: boolean;
  /** Addresses of buffers that the device does not have. */
  readonly #free: number[] = [];
  /** Addresses of those that it has, by the head of their chain. */
  readonly #out = new Map<number, number>();
  #added = 0;
  #announced = 0;

  constructor(vmm: FrontEnd, index: number, buffers: number, bufferBytes: number, isWritable: boolean) {
    this.#vmm = vmm;
    this.#index = index;
    this.#bufferBytes = bufferBytes;
    this.#isWritable = isWritable;
    for (let count = 0; count < buffers; count++) this.#free.push(vmm.place(bufferBytes));
  }

  get #queue() {
    const queue = this.#vmm.queues[this.#index];
    if (queue === undefined) throw new Error(`no queue ${this.#index}`);
    return queue;
  }

  /** Gives the device all buffers, to write into. */
  offer(): void {
    for (const address of this.#free.splice(0)) this.#add(address, this.#bufferBytes);
    this.announce();
  }

  /** Gives the device `bytes` to read; false: it has all buffers. */
  send(bytes: Uint8Array): boolean {
    if (this.#free.length === 0) this.take(() => {});
    const address = this.#free.pop();
    if (address === undefined) return false;
    this.#vmm.write(address, bytes);
    this.#add(address, bytes.length);
    return true;
  }

  /** Takes back what the device has used. */
  take(each: (address: number, length: number) => void): void {
    // Until nothing is left, as Linux does: the device may use a chain before it reads that we want to hear of it.
    for (let used = this.#queue.take(); used.length > 0; used = this.#queue.take())
      for (const { head, length } of used) {
        const address = this.#out.get(head);
        if (address === undefined) throw new Error('the device gave back what it did not have');
        this.#out.delete(head);
        this.#free.push(address);
        each(address, length);
      }
  }

  /** Kicks if the device asked for one of the new chains (VIRTIO 1.2 §2.7.7.2). */
  announce(): void {
    if (this.#added === this.#announced) return;
    const event = this.#queue.availableEvent();
    const isWanted = ((this.#added - event - 1) & 0xffff) < ((this.#added - this.#announced) & 0xffff);
    this.#announced = this.#added;
    if (isWanted) this.#vmm.kick(this.#index);
  }

  #add(address: number, length: number): void {
    this.#out.set(this.#queue.add([{ address, length, isWritable: this.#isWritable }]), address);
    this.#added = (this.#added + 1) & 0xffff;
  }
}
