/** The memory of a queue. Both calls are all or nothing. False: the range is not in the guest's memory. */
export interface QueueMemory {
  read(address: number, into: Uint8Array): boolean;
  write(address: number, from: Uint8Array): boolean;
  has(address: number, length: number): boolean;
}
