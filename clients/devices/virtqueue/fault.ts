/** The faults of a guest in a queue. A fault stops its device. It is a value, because the guest causes it. */

export const QUEUE_FAULTS = {
  memory: 'an address that is not memory of the guest',
  ahead: 'more chains available than the queue has places',
  index: 'a descriptor beyond the table',
  loop: 'a chain longer than its table',
  indirect: 'an indirect table with a wrong length, flag or place',
  order: 'a readable buffer after a writable one',
  length: 'more bytes than the device takes',
} as const;

export type QueueFault = keyof typeof QUEUE_FAULTS;
