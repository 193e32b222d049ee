/** The file of `argus net dhcp`: the network, its options, fixed addresses and the pool. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { reasonOf } from '../../../../broker/base/index.ts';
import { OUR_WORDS, problemOf, readYamlText } from '../../../../broker/config/index.ts';
import { formatIpv4, formatMac, parseIpv4, parseMac } from '../address.ts';
import { NetError } from '../errors.ts';
import { DEFAULT_LEASE_SECONDS, MAX_LEASE_SECONDS, MAX_POOL_ADDRESSES, MIN_LEASE_SECONDS } from '../limits.ts';

export interface DhcpHost {
  /** Domain, as the broker names it; also the host name given to the client. */
  readonly name: string;
  /** Lower case. */
  readonly mac: string;
  readonly ipv4: number;
}

export interface StaticRoute {
  readonly network: number;
  readonly length: number;
  readonly via: number;
}

export interface DhcpConfig {
  /** The server's own address, which is its identifier. Addresses are u32. */
  readonly server: number;
  readonly network: number;
  readonly mask: number;
  readonly routers: readonly number[];
  readonly dns: readonly number[];
  readonly ntp: readonly number[];
  /** Besides the default route; a client that takes these takes its default route from them as well. */
  readonly routes: readonly StaticRoute[];
  /** Each client gets a network of its own address alone, /32, with its router on the link, as in Qubes. */
  readonly pointToPoint: boolean;
  readonly domainName: string | null;
  readonly mtu: number | null;
  readonly leaseSeconds: number;
  readonly hosts: readonly DhcpHost[];
  /** Both inclusive; null = fixed addresses only. */
  readonly pool: { readonly from: number; readonly to: number } | null;
}

const address = z.string().transform((text, context) => {
  try {
    return parseIpv4(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: reasonOf(error) });
    return z.NEVER;
  }
});
const mac = z.string().transform((text, context) => {
  try {
    return formatMac(parseMac(text));
  } catch (error) {
    context.addIssue({ code: 'custom', message: reasonOf(error) });
    return z.NEVER;
  }
});
const NETWORK = /^([0-9.]+)\/([0-9]{1,2})$/;
/** A host name of RFC 1123, one label. */
const hostName = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'a name is a-z, 0-9 and "-", at most 63');

const schema = z.strictObject({
  server: address,
  network: z.string().regex(NETWORK, 'a network is an address and a length: 10.137.0.0/16'),
  routers: z.array(address).max(8).default([]),
  dns: z.array(address).max(8).default([]),
  ntp: z.array(address).max(8).default([]),
  routes: z
    .array(z.strictObject({ to: z.string().regex(NETWORK, 'a route leads to an address and a length'), via: address }))
    .max(16)
    .default([]),
  pointToPoint: z.boolean().default(false),
  domain: z.string().min(1).max(253).optional(),
  mtu: z.int().min(576).max(9000).optional(),
  leaseSeconds: z.int().min(MIN_LEASE_SECONDS).max(MAX_LEASE_SECONDS).default(DEFAULT_LEASE_SECONDS),
  hosts: z.array(z.strictObject({ name: hostName, mac, ipv4: address })).default([]),
  pool: z.strictObject({ from: address, to: address }).optional(),
});

/** @throws NetError ERR_NET_DHCP_CONFIG, ERR_NET_DHCP_CONFLICT */
export function readDhcpConfig(path: string): DhcpConfig {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const reason = reasonOf(error);
    throw new NetError('ERR_NET_DHCP_CONFIG', `cannot read "${path}": ${reason}; docs/network.md shows one`, error);
  }
  return parseDhcpConfig(text, path);
}

/** @throws NetError ERR_NET_DHCP_CONFIG, ERR_NET_DHCP_CONFLICT */
export function parseDhcpConfig(text: string, origin: string): DhcpConfig {
  const refuse = (reason: string): NetError => new NetError('ERR_NET_DHCP_CONFIG', `${origin}: ${reason}`);
  const content = readYamlText(text);
  if (!content.ok) throw new NetError('ERR_NET_DHCP_CONFIG', `${origin}${content.problem}`);
  const parsed = schema.safeParse(content.value, OUR_WORDS);
  if (!parsed.success) throw refuse(parsed.error.issues.map(problemOf).join('; '));
  const { domain, mtu, pool = null, network, routes, ...rest } = parsed.data;
  const [, base = '', length = ''] = NETWORK.exec(network) ?? [];
  const bits = Number(length);
  if (bits < 8 || bits > 31) throw refuse(`network "${network}": a length of 8 … 31`);
  const mask = (0xffff_ffff << (32 - bits)) >>> 0;
  const config: DhcpConfig = {
    ...rest,
    network: parseIpv4(base),
    mask,
    domainName: domain ?? null,
    mtu: mtu ?? null,
    pool,
    routes: routes.map(({ to, via }) => parseRoute(to, via, refuse)),
  };
  if ((config.network & mask) >>> 0 !== config.network) throw refuse(`network "${network}" has host bits`);
  checkAddresses(config, refuse);
  checkConflicts(config.hosts, origin);
  return config;
}

function parseRoute(to: string, via: number, refuse: (reason: string) => NetError): StaticRoute {
  const [, base = '', digits = ''] = NETWORK.exec(to) ?? [];
  const length = Number(digits);
  if (length > 32) throw refuse(`route "${to}": a length of 0 … 32`);
  const network = parseIpv4(base);
  const mask = length === 0 ? 0 : (0xffff_ffff << (32 - length)) >>> 0;
  if ((network & mask) >>> 0 !== network) throw refuse(`route "${to}" has host bits`);
  return { network, length, via };
}

function checkAddresses(config: DhcpConfig, refuse: (reason: string) => NetError): void {
  const mustFit = (value: number, what: string): void => {
    if (!isHost(config, value)) throw refuse(`${what} ${formatIpv4(value)} is no host address of the network`);
  };
  mustFit(config.server, 'server');
  for (const router of config.routers) mustFit(router, 'router');
  for (const host of config.hosts) {
    mustFit(host.ipv4, `address of "${host.name}"`);
    if (host.ipv4 === config.server) {
      throw new NetError(
        'ERR_NET_DHCP_CONFLICT',
        `"${host.name}" has the address of the server, ${formatIpv4(host.ipv4)}`,
      );
    }
  }
  const { pool } = config;
  if (pool === null) return;
  mustFit(pool.from, 'pool');
  mustFit(pool.to, 'pool');
  if (pool.from > pool.to) throw refuse('the pool ends before it begins');
  if (pool.to - pool.from >= MAX_POOL_ADDRESSES) throw refuse(`the pool has more than ${MAX_POOL_ADDRESSES} addresses`);
}

/** Of the network, and neither its own address nor its broadcast address, which a /31 has not (RFC 3021). */
export function isHost({ network, mask }: DhcpConfig, value: number): boolean {
  const host = (value & ~mask) >>> 0;
  if (~mask >>> 0 === 1) return (value & mask) >>> 0 === network;
  return (value & mask) >>> 0 === network && host !== 0 && host !== ~mask >>> 0;
}

function checkConflicts(hosts: readonly DhcpHost[], origin: string): void {
  for (const key of ['name', 'mac', 'ipv4'] as const) {
    const owners = new Map<string | number, DhcpHost>();
    for (const host of hosts) {
      const other = owners.get(host[key]);
      owners.set(host[key], host);
      if (other === undefined) continue;
      const value = key === 'ipv4' ? formatIpv4(host.ipv4) : host[key];
      const message = `${origin}: ${key} ${value} belongs to both "${other.name}" (${other.mac}) and "${host.name}" (${host.mac})`;
      throw new NetError('ERR_NET_DHCP_CONFLICT', message);
    }
  }
}
