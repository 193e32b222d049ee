/**
 * Who has which address until when. Two maps that always agree: at most one lease per MAC and one per address.
 *
 * A lease outlives its end as a memory: the client gets the same address again as long as nobody else needed it.
 */
import type { DhcpConfig } from './config.ts';

export interface Lease {
  /** Lower case; empty for an address that a client found in use (declined). */
  readonly mac: string;
  readonly ipv4: number;
  /** Domain that asked, as the broker has authenticated it. */
  readonly domain: string;
  readonly hostName: string | null;
  readonly state: 'offered' | 'bound' | 'declined' | 'ended';
  /** Unix time, seconds. */
  readonly until: number;
}

export class Leases {
  readonly #byMac = new Map<string, Lease>();
  readonly #byAddress = new Map<number, Lease>();

  get all(): readonly Lease[] {
    return [...this.#byAddress.values()];
  }

  ofMac(mac: string): Lease | null {
    return this.#byMac.get(mac) ?? null;
  }

  ofAddress(ipv4: number): Lease | null {
    return this.#byAddress.get(ipv4) ?? null;
  }

  /** Replaces the earlier leases of the MAC and of the address. */
  put(lease: Lease): void {
    this.#forget(this.#byMac.get(lease.mac));
    this.#forget(this.#byAddress.get(lease.ipv4));
    this.#byAddress.set(lease.ipv4, lease);
    if (lease.mac !== '') this.#byMac.set(lease.mac, lease);
  }

  #forget(lease: Lease | undefined): void {
    if (lease === undefined) return;
    if (this.#byMac.get(lease.mac) === lease) this.#byMac.delete(lease.mac);
    if (this.#byAddress.get(lease.ipv4) === lease) this.#byAddress.delete(lease.ipv4);
  }
}

/** True when no client except `mac` holds the address now. */
export function isFree(leases: Leases, ipv4: number, mac: string, now: number): boolean {
  const lease = leases.ofAddress(ipv4);
  return lease === null || lease.state === 'ended' || lease.until <= now || (lease.mac === mac && mac !== '');
}

/**
 * The address for a client (RFC 2131 §4.3.1): its fixed one; else the one it has or had; else the one it wishes; else the
 * first that nobody ever had; else the one whose lease ended longest ago. Null when the pool is used up.
 */
export function chooseAddress(
  config: DhcpConfig,
  leases: Leases,
  mac: string,
  wish: number | null,
  now: number,
): number | null {
  const fixed = config.hosts.find((host) => host.mac === mac);
  // An unknown host uses a declined fixed address, so the client gets no address instead.
  if (fixed !== undefined) return isFree(leases, fixed.ipv4, mac, now) ? fixed.ipv4 : null;
  const { pool } = config;
  if (pool === null) return null;
  const isUsable = (ipv4: number): boolean =>
    ipv4 >= pool.from && ipv4 <= pool.to && !isReserved(config, ipv4) && isFree(leases, ipv4, mac, now);
  const own = leases.ofMac(mac);
  if (own !== null && isUsable(own.ipv4)) return own.ipv4;
  if (wish !== null && isUsable(wish)) return wish;
  let oldest: Lease | null = null;
  for (let ipv4 = pool.from; ipv4 <= pool.to; ipv4++) {
    if (!isUsable(ipv4)) continue;
    const earlier = leases.ofAddress(ipv4);
    if (earlier === null) return ipv4;
    if (oldest === null || earlier.until < oldest.until) oldest = earlier;
  }
  return oldest?.ipv4 ?? null;
}

/** Fixed addresses, routers, name servers and the server itself are never given to others, wherever the pool lies. */
export function isReserved(config: DhcpConfig, ipv4: number): boolean {
  return (
    ipv4 === config.server ||
    config.routers.includes(ipv4) ||
    config.dns.includes(ipv4) ||
    config.hosts.some((host) => host.ipv4 === ipv4)
  );
}
