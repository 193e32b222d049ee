/** The memory that a queue lies in. Both calls are all or nothing; false: the range is not the guest's memory. */
export interface QueueMemory {
  read(address: number, into: Uint8Array): boolean;
  write(address: number, from: Uint8Array): boolean;
  has(address: number, length: number): boolean;
}
