/**
 * One descriptor chain: the copies of its descriptors, split into what the device reads and what it writes. Every buffer
 * of it was found in one region of the guest's memory when the chain was made.
 */
export class Chain {
  /** Index of the first descriptor: the name of the chain in the used ring. */
  readonly head: number;
  /** Address and length, one after the other. */
  readonly readable: number[] = [];
  readonly writable: number[] = [];
  readableBytes = 0;
  writableBytes = 0;

  constructor(head: number) {
    this.head = head;
  }
}
