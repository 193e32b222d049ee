/**
 * What a domain is on a network, in the form in which packets say it: its own addresses, and the prefixes it routes.
 *
 * `routes` is the one statement that lets a domain speak for others. A prefix in it means: this domain may pass on packets
 * from there, and may announce it (or a part of it). The default route is the Internet, and not the neighbours: it does
 * not cover the address of a declared domain, nor a prefix in which domains choose addresses (`slaac`); only a longer prefix
 * in the same list does. So routing to the Internet
 * and routing between VMs are written down separately, and no router speaks for a VM unless it was said to.
 */
import {
  ipv4Of,
  mask4,
  type Prefix,
  parseIpv4,
  parseIpv6,
  parseMac,
  parsePrefix,
  sharesPrefix,
} from '../../broker/base/index.ts';

/** An IPv4 prefix as the inspectors compare it, which do so for each packet. */
export interface Ipv4Prefix {
  /** u32; bits beyond `length` are zero. */
  readonly base: number;
  /** 0 … 32 */
  readonly length: number;
}

export interface Station {
  /** 6 bytes. */
  readonly mac: Uint8Array | null;
  /** u32, the first number of the dotted quad uppermost. */
  readonly ipv4: number | null;
  /** 16 bytes. */
  readonly ipv6: Uint8Array | null;
  readonly routes4: readonly Ipv4Prefix[];
  readonly routes6: readonly Prefix[];
  /** IPv4 addresses of all domains of this revision; one set for all. */
  readonly declared4: ReadonlySet<number>;
  readonly declared6: readonly Uint8Array[];
  /** 16 bytes each, /64: prefixes in which this domain chooses addresses by itself, fe80::/64 among them. Empty: in none. */
  readonly slaac: readonly Uint8Array[];
  /** The prefixes of all domains of this revision in which addresses are chosen, without fe80::/64; one list for all. */
  readonly slaacOfAll: readonly Uint8Array[];
  /** MACs of all domains of this revision as numbers; one set for all. */
  readonly declaredMacs: ReadonlySet<number>;
}

/** The inventory's entry for a domain, already checked. */
export interface StationText {
  readonly mac: string | null;
  readonly ipv4: string | null;
  readonly ipv6: string | null;
  readonly routes: readonly string[];
  readonly slaac: readonly string[];
}

/** Bits of a prefix in which hosts choose their addresses (RFC 4862 with RFC 2464). */
export const SLAAC_PREFIX_BITS = 64;
/** fe80::/64, in which a host that chooses addresses chooses its link-local address too. */
const LINK_LOCAL = Uint8Array.from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

/** One station per entry, in their order. */
export function createStations(entries: readonly StationText[]): Station[] {
  const own = entries.map(({ mac, ipv4, ipv6 }) => ({
    mac: mac === null ? null : parseMac(mac),
    ipv4: ipv4 === null ? null : parseIpv4(ipv4),
    ipv6: ipv6 === null ? null : parseIpv6(ipv6),
  }));
  const declared4 = new Set(own.flatMap(({ ipv4 }) => (ipv4 === null ? [] : [ipv4])));
  const declared6 = own.flatMap(({ ipv6 }) => (ipv6 === null ? [] : [ipv6]));
  const declaredMacs = new Set(own.flatMap(({ mac }) => (mac === null ? [] : [macNumber(mac)])));
  const slaacOf = entries.map(({ slaac }) =>
    slaac.map((text) => parsePrefix(text)?.base).filter((base) => base !== undefined),
  );
  const slaacOfAll = slaacOf.flat();
  return entries.map(({ routes }, index) => {
    const chosen = slaacOf[index] ?? [];
    const prefixes = routes.map(parsePrefix).filter((prefix) => prefix !== null);
    return Object.freeze({
      mac: own[index]?.mac ?? null,
      ipv4: own[index]?.ipv4 ?? null,
      ipv6: own[index]?.ipv6 ?? null,
      routes4: prefixes
        .filter(({ family }) => family === 4)
        .map(({ base, length }) => ({ base: ipv4Of(base), length })),
      routes6: prefixes.filter(({ family }) => family === 6),
      declared4,
      declared6,
      slaac: chosen.length === 0 ? [] : [...chosen, LINK_LOCAL],
      slaacOfAll,
      declaredMacs,
    });
  });
}

export const NO_STATION: Station = Object.freeze({
  mac: null,
  ipv4: null,
  ipv6: null,
  routes4: [],
  routes6: [],
  declared4: new Set<number>(),
  declared6: [],
  slaac: [],
  slaacOfAll: [],
  declaredMacs: new Set<number>(),
});

/** The six bytes of a MAC as one number: 48 bits fit. */
export function macNumber(bytes: Uint8Array): number {
  return bytes.reduce((number, byte) => number * 256 + byte, 0);
}

/** True when the domain's `routes` cover the whole of `base/length`; an address is a prefix of 32 bits. */
export function routes4(station: Station, base: number, length: number): boolean {
  let hasDefault = false;
  for (const route of station.routes4) {
    if (route.length === 0) hasDefault = true;
    else if (route.length <= length && mask4(base, route.length) === route.base) return true;
  }
  if (!hasDefault || length === 0) return hasDefault;
  if (length === 32) return !station.declared4.has(base);
  for (const address of station.declared4) if (mask4(address, length) === base) return false;
  return true;
}

/** The same for the 16 bytes at `bytes[at]`. */
export function routes6(station: Station, bytes: Uint8Array, at: number, length: number): boolean {
  let hasDefault = false;
  for (const route of station.routes6) {
    if (route.length === 0) hasDefault = true;
    else if (route.length <= length && sharesPrefix(route.base, bytes, at, route.length)) return true;
  }
  if (!hasDefault || length === 0) return hasDefault;
  for (const address of station.declared6) if (sharesPrefix(address, bytes, at, length)) return false;
  const common = Math.min(length, SLAAC_PREFIX_BITS);
  for (const base of station.slaacOfAll) if (sharesPrefix(base, bytes, at, common)) return false;
  return true;
}
