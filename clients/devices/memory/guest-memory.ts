/**
 * The memory of one guest, as its VMM describes it: a list of regions, each a piece of a file.
 *
 * A range is valid only when it lies in one region. Addresses are numbers below 2^53 (decoders refuse larger ones), and
 * `length <= size - offset` is compared instead of a sum, so no arithmetic here can overflow.
 */
import type { MemoryFile } from './memory-file.ts';

export interface RegionPlace {
  /** Where the guest sees the region. Addresses in descriptors are of this kind. */
  readonly guestAddress: number;
  /** Bytes. */
  readonly size: number;
  /** Where the VMM sees the region. Addresses of rings are of this kind. */
  readonly userAddress: number;
  /** Where the region starts in its file. */
  readonly fileOffset: number;
}

export interface MemoryRegion extends RegionPlace {
  readonly file: MemoryFile;
}

export class GuestMemory {
  #regions: readonly MemoryRegion[] = [];

  get regions(): readonly MemoryRegion[] {
    return this.#regions;
  }

  /** Takes over the files of `regions`. The files of the old regions are closed, so that no late read can reach them. */
  replace(regions: readonly MemoryRegion[]): void {
    const old = this.#regions;
    this.#regions = regions;
    for (const region of old) if (!regions.includes(region)) region.file.close();
  }

  add(region: MemoryRegion): void {
    this.#regions = [...this.#regions, region];
  }

  /** False when the region does not exist. */
  remove(place: RegionPlace): boolean {
    const kept = this.#regions.filter(
      (region) =>
        region.guestAddress !== place.guestAddress ||
        region.userAddress !== place.userAddress ||
        region.size !== place.size,
    );
    if (kept.length === this.#regions.length) return false;
    this.replace(kept);
    return true;
  }

  /** Regions must not overlap: two files behind one address would give two answers. */
  overlaps(place: RegionPlace): boolean {
    return this.#regions.some(
      (region) =>
        place.guestAddress < region.guestAddress + region.size && region.guestAddress < place.guestAddress + place.size,
    );
  }

  /** The guest's address of a range that the VMM names by its own address; -1 when it is in no region. */
  guestAddressOf(userAddress: number, length: number): number {
    for (const region of this.#regions) {
      const offset = userAddress - region.userAddress;
      if (offset >= 0 && offset < region.size && length <= region.size - offset) return region.guestAddress + offset;
    }
    return -1;
  }

  has(address: number, length: number): boolean {
    return this.#find(address, length) !== null;
  }

  /** False, and `into` is undefined, when the range is in no region or its file is too short. */
  read(address: number, into: Uint8Array): boolean {
    const region = this.#find(address, into.length);
    return region?.file.read(into, region.fileOffset + (address - region.guestAddress)) === true;
  }

  write(address: number, from: Uint8Array): boolean {
    const region = this.#find(address, from.length);
    return region?.file.write(from, region.fileOffset + (address - region.guestAddress)) === true;
  }

  #find(address: number, length: number): MemoryRegion | null {
    for (const region of this.#regions) {
      const offset = address - region.guestAddress;
      if (offset >= 0 && offset < region.size) return length <= region.size - offset ? region : null;
    }
    return null;
  }
}
