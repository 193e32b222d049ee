/**
 * File descriptors that carriers leave to the log, the policy and the admin.
 *
 * Every VM holds a descriptor of the broker. Without a reserve, enough of them keep the broker from opening a new segment of
 * the log, from reading a policy, and from answering `argus revoke`.
 */
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { RESERVED_DESCRIPTORS } from '../process/index.ts';

/** A small limit keeps this part of it, so that VMs can connect at all. */
const LARGEST_SHARE = 4;

export class DescriptorReserve {
  readonly #first: number;

  /** @param limit how many descriptors this process may open */
  constructor(limit: number) {
    this.#first = limit - Math.min(RESERVED_DESCRIPTORS, Math.floor(limit / LARGEST_SHARE));
  }

  /** The kernel gives the lowest number that is free: a high one means that all below it are in use. */
  leaves(socket: Socket): boolean {
    return descriptorOf(socket) < this.#first;
  }
}

let own: DescriptorReserve | null = null;

/** That of this process. */
export function ownReserve(): DescriptorReserve {
  own ??= new DescriptorReserve(openFilesLimit());
  return own;
}

/** The limit of this process; none where the system does not tell. */
function openFilesLimit(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY; // no /proc
  }
}

/** The number of an open socket's descriptor; -1 when Node does not show it. */
export function descriptorOf(socket: Socket): number {
  const handle = '_handle' in socket ? socket._handle : null;
  const isOpen = typeof handle === 'object' && handle !== null && 'fd' in handle && typeof handle.fd === 'number';
  return isOpen ? Number(handle.fd) : -1;
}
