/**
 * Source guard for IPv6 addresses that domains choose by themselves (SLAAC: RFC 4862, temporary RFC 8981, stable RFC 7217),
 * as switches do it (SAVI: RFC 7039, first come first served: RFC 6620).
 *
 * A domain with `slaac` in the inventory may take any free address in these prefixes, and any free link-local address. The
 * first domain that asks for an address or speaks from it has it. Every other domain is refused with FOREIGN_ADDRESS.
 *
 *   never free        the `ipv6` of any domain; an address made of another domain's MAC; reserved identifiers
 *   bounded           a domain has MAX_CHOSEN_ADDRESSES; one more takes the place of its own that it used longest ago
 *   kept              over sessions and policy changes: an address is not free because its owner reboots
 *   defended          a domain may ask whether an address is free that another one uses, so that the owner can answer
 *                     (RFC 4862 §5.4). While the owner still asks itself, nobody else may: the two would stop each other.
 *
 * A broker that starts knows no owner. Where this matters, `ipv6` names the address, and no other domain can take it.
 */
import { type Domain, type Domains, macNumber, SLAAC_PREFIX_BITS } from '../../../policy/contract/index.ts';
import { sharesPrefix } from '../../base/index.ts';
import type { AddressChoice } from './inspector.ts';

/** As many as Linux gives one interface (net.ipv6.conf.*.max_addresses): a stable and a week of temporary ones. */
export const MAX_CHOSEN_ADDRESSES = 16;
const ADDRESS_BYTES = 16;
const IDENTIFIER_BYTES = 8;

interface Chosen {
  readonly owner: string;
  /** A copy of the 16 bytes. */
  readonly address: Uint8Array;
  /** The owner has spoken from it, so it no longer asks whether it is free. */
  isUsed: boolean;
  /** Count of uses at the last one. */
  lastUse: number;
}

export class Neighbours implements AddressChoice {
  readonly #byAddress = new Map<string, Chosen>();
  /** By the name of the owner. */
  readonly #byOwner = new Map<string, Chosen[]>();
  #uses = 0;

  /** Addresses that have an owner. */
  get size(): number {
    return this.#byAddress.size;
  }

  admits(domain: Domain, bytes: Uint8Array, at: number): boolean {
    if (domain.station.slaac.length === 0) return false;
    return (
      this.#own(domain, bytes, at) !== null || (mayChoose(domain, bytes, at) && !this.#byAddress.has(keyOf(bytes, at)))
    );
  }

  isDefended({ name, station }: Domain, bytes: Uint8Array, at: number): boolean {
    if (station.slaac.length === 0) return false;
    const chosen = this.#byAddress.get(keyOf(bytes, at));
    return chosen !== undefined && chosen.owner !== name && chosen.isUsed;
  }

  take(domain: Domain, bytes: Uint8Array, at: number, isUse: boolean): void {
    const chosen = this.#own(domain, bytes, at) ?? this.#add(domain.name, bytes, at);
    chosen.lastUse = ++this.#uses;
    if (isUse) chosen.isUsed = true;
  }

  /** A new inventory: what a domain could not choose any more is free again. */
  keep(domains: Domains): void {
    for (const chosen of [...this.#byAddress.values()]) {
      const domain = domains.byName(chosen.owner);
      if (domain === undefined || !mayChoose(domain, chosen.address, 0)) this.#remove(chosen);
    }
  }

  #own({ name }: Domain, bytes: Uint8Array, at: number): Chosen | null {
    for (const chosen of this.#byOwner.get(name) ?? []) if (isAt(chosen.address, bytes, at)) return chosen;
    return null;
  }

  #add(owner: string, bytes: Uint8Array, at: number): Chosen {
    const own = this.#byOwner.get(owner) ?? [];
    if (own.length >= MAX_CHOSEN_ADDRESSES) {
      this.#remove(own.reduce((oldest, each) => (each.lastUse < oldest.lastUse ? each : oldest)));
    }
    // Not `slice`: that of a Buffer is a view, and the record's memory is used again.
    const address = Uint8Array.from(bytes.subarray(at, at + ADDRESS_BYTES));
    const chosen = { owner, address, isUsed: false, lastUse: 0 };
    this.#byAddress.set(keyOf(address, 0), chosen);
    this.#byOwner.set(owner, [...(this.#byOwner.get(owner) ?? []), chosen]);
    return chosen;
  }

  #remove(chosen: Chosen): void {
    this.#byAddress.delete(keyOf(chosen.address, 0));
    const left = (this.#byOwner.get(chosen.owner) ?? []).filter((each) => each !== chosen);
    if (left.length === 0) this.#byOwner.delete(chosen.owner);
    else this.#byOwner.set(chosen.owner, left);
  }
}

/** By the inventory alone: the address lies in a prefix of the domain, and no other domain or function has it for good. */
function mayChoose({ station }: Domain, bytes: Uint8Array, at: number): boolean {
  if (!station.slaac.some((base) => sharesPrefix(base, bytes, at, SLAAC_PREFIX_BITS))) return false;
  if (station.declared6.some((address) => isAt(address, bytes, at))) return false;
  const identifier = at + ADDRESS_BYTES - IDENTIFIER_BYTES;
  if (isReserved(bytes, identifier)) return false;
  const mac = macOf(bytes, identifier);
  return mac === null || (station.mac !== null && mac === macNumber(station.mac)) || !station.declaredMacs.has(mac);
}

/** RFC 5453: the address of all routers of the prefix (RFC 4291 §2.6.1), and the anycast addresses of RFC 2526. */
function isReserved(bytes: Uint8Array, identifier: number): boolean {
  const upper = word(bytes, identifier);
  const lower = word(bytes, identifier + 4);
  return (upper === 0 && lower === 0) || (upper === 0xfdff_ffff && lower >= 0xffff_ff80);
}

/** The MAC that an identifier is made of (RFC 4291 appendix A) as a number; null when it is not of this form. */
function macOf(bytes: Uint8Array, identifier: number): number | null {
  if (bytes[identifier + 3] !== 0xff || bytes[identifier + 4] !== 0xfe) return null;
  const vendor = word(bytes, identifier) >>> 8;
  const station = word(bytes, identifier + 4) & 0xff_ffff;
  return (vendor ^ 0x02_0000) * 0x100_0000 + station;
}

function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) * 0x100_0000 + (((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0))
  );
}

function isAt(address: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let index = 0; index < ADDRESS_BYTES; index++) if (address[index] !== bytes[at + index]) return false;
  return true;
}

function keyOf(bytes: Uint8Array, at: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, ADDRESS_BYTES).toString('latin1');
}
