/**
 * What one domain does on the network, over its one session: any of a link, a DHCP server, routes and streams.
 *
 * A domain has a single session with its broker, so what it does at the same time runs in one process. `argus net link`,
 * `dhcp`, `routes`, `connect` and `listen` are agents with one part; `argus net agent` reads several from a file.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { type HostPort, parseHostPort, reasonOf } from '../../../broker/base/index.ts';
import { OUR_WORDS, problemOf, readYamlText } from '../../../broker/config/index.ts';
import { ArgusError } from '../../sdk/index.ts';
import { readDhcpConfig } from './dhcp/config.ts';
import { leaseFile } from './dhcp/lease-file.ts';
import { serveDhcp } from './dhcp/serve.ts';
import { NetError } from './errors.ts';
import type { DomainSession } from './kept-ring.ts';
import { DEFAULT_CONNECT_TIMEOUT_MS, MAX_CONNECT_TIMEOUT_MS } from './limits.ts';
import type { LinkAttachment } from './link/attachment.ts';
import { Link, lossesOf } from './link/link.ts';
import { listenQemu } from './link/qemu.ts';
import { connectQemu } from './link/qemu-connect.ts';
import { attachSegmentTap, attachTap } from './link/tap.ts';
import { tapCalls } from './link/tap-calls.ts';
import { announceRoutes } from './routes/announce.ts';
import { applyRoutes } from './routes/apply.ts';
import { addressBytes, type Prefix, parsePrefix } from './routes/prefix.ts';
import { StreamProxy } from './stream/proxy.ts';
import { dialTcp, listenTcp } from './stream/tcp.ts';

const path = z.string().min(1);
const domainName = z.string().min(1).max(63);

const linkPart = z.strictObject({
  /** Domains at the other ends. */
  peers: z.array(domainName).min(1),
  /** Unix socket for QEMU's `-netdev stream,server=off`, … */
  qemu: path.optional(),
  /** … or the socket of its `-netdev stream,server=on`, which outlives restarts of the agent, … */
  qemuConnect: path.optional(),
  /** … or a TAP device. */
  tap: z.string().optional(),
  /** The TAP device stays when the agent has gone, with its addresses and routes. */
  persist: z.boolean().default(false),
  /** With a TAP device: segments of up to 64 KiB, and checksums left to the kernels, where the other ends take them. */
  offload: z.boolean().default(true),
  mac: z.string().optional(),
  mtu: z.int().min(576).max(9000).optional(),
  /** DHCP requests of the attached guest go to this domain. */
  dhcpFrom: domainName.optional(),
  /** A DHCP server is attached. */
  dhcpServe: z.boolean().default(false),
});

const dhcpPart = z.strictObject({ config: path, leases: path });

const prefix = z.string().transform((text, context): Prefix => {
  const parsed = parsePrefix(text);
  if (parsed !== null) return parsed;
  context.addIssue({ code: 'custom', message: `"${text}" is no prefix without host bits, such as 10.137.0.0/16` });
  return z.NEVER;
});
const EVERYTHING: readonly Prefix[] = [4, 6].flatMap((family) => {
  const all = parsePrefix('default', family === 4 ? 4 : 6);
  return all === null ? [] : [all];
});

/** Of a router. */
const announcePart = z.strictObject({
  to: z.array(domainName).min(1),
  /** Its own addresses, as the inventory has them. */
  ipv4: z.ipv4().optional(),
  ipv6: z.ipv6().optional(),
  internet: z.boolean().default(false),
  prefixes: z.array(prefix).default([]),
  /** Network of the VMs, which no uplink may overlap. */
  internal: z.array(prefix).default([]),
  /** Device on which the VMs are. */
  device: z.string().optional(),
});

/** Of a guest. */
const routesPart = z.strictObject({
  from: domainName,
  device: z.string().regex(/^[A-Za-z0-9_.-]{1,15}$/, 'a device name'),
  accept: z.array(prefix).default([...EVERYTHING]),
});

const argoPort = z.int().min(1).max(0xffff_ffff);
const endpoint = z.string().transform((text, context): HostPort => {
  const parsed = parseHostPort(text);
  if (parsed !== null) return parsed;
  context.addIssue({ code: 'custom', message: `"${text}" is no host:port, such as 127.0.0.1:8080` });
  return z.NEVER;
});
const timeoutMs = z.int().min(1).max(MAX_CONNECT_TIMEOUT_MS).default(DEFAULT_CONNECT_TIMEOUT_MS);

/** TCP connections to `local` become streams to `domain`'s listener at `port`. */
const connectPart = z.strictObject({
  local: endpoint,
  domain: domainName,
  port: argoPort,
  /** Argo port of our own ring for the answers. */
  replyPort: argoPort,
  timeoutMs,
});

/** Streams that come to `port` become TCP connections to `to`. */
const listenPart = z.strictObject({ port: argoPort, partner: domainName.default('any'), to: endpoint, timeoutMs });

export const networkConfig = z.strictObject({
  carrier: z.string().min(1),
  identity: path,
  link: linkPart.optional(),
  dhcp: dhcpPart.optional(),
  announce: announcePart.optional(),
  routes: routesPart.optional(),
  connect: z.array(connectPart).default([]),
  listen: z.array(listenPart).default([]),
});

export type NetworkConfig = z.output<typeof networkConfig>;
type LinkPart = z.output<typeof linkPart>;
type DhcpPart = z.output<typeof dhcpPart>;
type AnnouncePart = z.output<typeof announcePart>;
type RoutesPart = z.output<typeof routesPart>;
type ListenPart = z.output<typeof listenPart>;
type ConnectPart = z.output<typeof connectPart>;

/** What the parts say and how they end. */
export interface EndpointHost {
  readonly say: (line: string) => void;
  /** A part cannot go on. */
  readonly fail: (error: Error) => void;
}

type Stop = () => Promise<void> | void;

/** @throws NetError ERR_NET_OPTION */
export function parseNetworkConfig(input: unknown, origin: string): NetworkConfig {
  const parsed = networkConfig.safeParse(input, OUR_WORDS);
  if (!parsed.success) {
    throw new NetError('ERR_NET_OPTION', `${origin}: ${parsed.error.issues.map(problemOf).join('; ')}`);
  }
  const { link, dhcp, announce, routes, connect, listen } = parsed.data;
  if ([link, dhcp, announce, routes, ...connect, ...listen].every((part) => part === undefined))
    throw new NetError('ERR_NET_OPTION', `${origin}: no part: one of link, dhcp, announce, routes, connect, listen`);
  if (announce !== undefined && routes !== undefined)
    throw new NetError('ERR_NET_OPTION', `${origin}: a domain announces routes or takes them, not both`);
  if (link?.dhcpServe === true && dhcp !== undefined)
    throw new NetError(
      'ERR_NET_OPTION',
      `${origin}: DHCP is served by "dhcp" or behind the link ("dhcpServe"), not both`,
    );
  if (link !== undefined) {
    if ([link.qemu, link.qemuConnect, link.tap].filter((each) => each !== undefined).length !== 1)
      throw new NetError('ERR_NET_OPTION', `${origin}: a link has one of "qemu", "qemuConnect" and "tap"`);
    if (link.persist && link.tap === undefined)
      throw new NetError('ERR_NET_OPTION', `${origin}: only a TAP device can be kept ("persist")`);
    if (link.dhcpFrom !== undefined && link.dhcpServe)
      throw new NetError('ERR_NET_OPTION', `${origin}: "dhcpFrom" and "dhcpServe" exclude each other`);
  }
  return parsed.data;
}

/** Paths in it are relative to the file. @throws NetError ERR_NET_OPTION */
export function readNetworkConfig(file: string): NetworkConfig {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new NetError('ERR_NET_OPTION', `cannot read "${file}": ${reasonOf(error)}`, error);
  }
  const content = readYamlText(text);
  if (!content.ok) throw new NetError('ERR_NET_OPTION', `${file}${content.problem}`);
  const config = parseNetworkConfig(content.value, file);
  const at = (relative: string): string => resolve(dirname(resolve(file)), relative);
  const { link } = config;
  return {
    ...config,
    ...(link?.qemu === undefined ? {} : { link: { ...link, qemu: at(link.qemu) } }),
    ...(link?.qemuConnect === undefined ? {} : { link: { ...link, qemuConnect: at(link.qemuConnect) } }),
    identity: at(config.identity),
    ...(config.dhcp === undefined ? {} : { dhcp: { config: at(config.dhcp.config), leases: at(config.dhcp.leases) } }),
  };
}

/**
 * Starts every part; the function returned stops them, the last first. A part that does not start, or cannot go on, is named
 * to the operator and leaves the others alone; only where it is the only one does its error end the endpoint.
 */
export async function startNetworkEndpoint(
  vm: DomainSession,
  config: NetworkConfig,
  host: EndpointHost,
): Promise<() => Promise<void>> {
  const { link, dhcp, announce, routes } = config;
  const parts: (readonly [name: string, start: (host: EndpointHost) => Promise<Stop>])[] = [];
  if (dhcp !== undefined) parts.push(['dhcp', (each) => startDhcp(vm, dhcp, each)]);
  if (link !== undefined) parts.push(['link', (each) => startLink(vm, link, each)]);
  if (announce !== undefined) parts.push(['announce', (each) => startAnnounce(vm, announce, each)]);
  if (routes !== undefined) parts.push(['routes', (each) => startRoutes(vm, routes, each)]);
  const isOnly = parts.length + config.listen.length + config.connect.length === 1;
  for (const part of config.listen) parts.push([`listen ${part.port}`, (each) => startListen(vm, part, each, isOnly)]);
  for (const part of config.connect)
    parts.push([`connect ${part.local.host}:${part.local.port}`, (each) => startConnect(vm, part, each, isOnly)]);

  const stops: Stop[] = [];
  const stop = async (): Promise<void> => {
    for (let undo = stops.pop(); undo !== undefined; undo = stops.pop()) await undo();
  };
  for (const [name, start] of parts) {
    let end: Stop | null = null;
    let isStopping = false;
    const lose = (error: Error): void =>
      host.say(`${vm.name}: part "${name}" has ended: ${error.message}; the other parts go on`);
    const fail = (error: Error): void => {
      // What a part closes in order reports its end too: that is no loss, and stopping it again would do all twice.
      if (isStopping) return;
      if (isOnly) {
        host.fail(error);
        return;
      }
      lose(error);
      const last = end;
      end = null;
      Promise.resolve(last?.()).catch((another: unknown) => lose(another instanceof Error ? another : error));
    };
    try {
      end = await start({ say: host.say, fail });
      stops.push(() => {
        isStopping = true;
        return end?.();
      });
    } catch (error) {
      const isExpected = error instanceof ArgusError || error instanceof NetError;
      if (!isOnly && isExpected) lose(error);
      else {
        await stop();
        throw error;
      }
    }
  }
  return stop;
}

async function startDhcp(vm: DomainSession, { config, leases }: DhcpPart, { say, fail }: EndpointHost): Promise<Stop> {
  const store = leaseFile(leases);
  const service = await serveDhcp(vm, { config: readDhcpConfig(config), store, log: say, onFailure: fail });
  say(`${vm.name}: giving out addresses`);
  return () => service.close();
}

async function startAnnounce(vm: DomainSession, part: AnnouncePart, host: EndpointHost): Promise<Stop> {
  const { to, ipv4, ipv6, internet, prefixes, internal, device = null } = part;
  const gateway4 = ipv4 === undefined ? null : addressBytes(ipv4, 4);
  const gateway6 = ipv6 === undefined ? null : addressBytes(ipv6, 6);
  const service = await announceRoutes(vm, {
    ...host,
    to,
    rules: { internet, prefixes, internal, device },
    gateway4,
    gateway6,
  });
  host.say(`${vm.name}: announcing routes to ${to.join(', ')}`);
  return () => service.close();
}

async function startRoutes(vm: DomainSession, part: RoutesPart, host: EndpointHost): Promise<Stop> {
  const service = await applyRoutes(vm, { ...host, ...part });
  host.say(`${vm.name}: taking routes from ${part.from}`);
  return () => service.close();
}

/** The proxy asks for its ring again and again, so a refusal by a quota or a policy is not final. */
async function registered(
  proxy: StreamProxy,
  vm: DomainSession,
  port: number,
  say: EndpointHost['say'],
  isOnly: boolean,
): Promise<void> {
  try {
    await proxy.registered;
  } catch (error) {
    if (!isOnly && error instanceof ArgusError) {
      say(`${vm.name}: no ring at port ${port} yet: ${error.message}; it is asked for again`);
      return;
    }
    await proxy.close();
    throw error;
  }
}

async function startListen(vm: DomainSession, part: ListenPart, { say }: EndpointHost, isOnly: boolean): Promise<Stop> {
  const { port, partner, to, timeoutMs: connectTimeoutMs } = part;
  const dial = () => dialTcp(to, connectTimeoutMs);
  const proxy = new StreamProxy(vm, { port, partner, dial, connectTimeoutMs, say });
  await registered(proxy, vm, port, say, isOnly);
  say(`${vm.name}: streams to port ${port} go to ${to.host}:${to.port}`);
  return () => proxy.close();
}

async function startConnect(
  vm: DomainSession,
  part: ConnectPart,
  { say }: EndpointHost,
  isOnly: boolean,
): Promise<Stop> {
  const { local, domain, port, replyPort, timeoutMs: connectTimeoutMs } = part;
  const proxy = new StreamProxy(vm, { port: replyPort, partner: domain, dial: null, connectTimeoutMs, say });
  await registered(proxy, vm, replyPort, say, isOnly);
  try {
    const server = await listenTcp(local, (socket) => proxy.connect(socket, domain, port));
    const bound = server.address();
    const at = bound !== null && typeof bound === 'object' ? bound.port : local.port;
    say(`${vm.name}: connections to ${local.host}:${at} go to ${domain} port ${port}`);
    return async () => {
      server.close();
      await proxy.close();
    };
  } catch (error) {
    await proxy.close();
    throw error;
  }
}

async function startLink(vm: DomainSession, part: LinkPart, { say, fail }: EndpointHost): Promise<Stop> {
  const { peers, qemu, qemuConnect, tap, persist, offload, mac = null, mtu = null, dhcpFrom, dhcpServe } = part;
  const dhcp = dhcpFrom !== undefined ? { ask: dhcpFrom } : dhcpServe ? ({ serve: true } as const) : null;
  const calls = tap === undefined ? null : offload ? tapCalls() : 'switched off ("offload")';
  const isDirect = calls !== null && typeof calls !== 'string';
  const link = new Link(vm, { peers, dhcp, isDirect, say });
  const stop = async (): Promise<void> => {
    await link.close();
    say(lossesOf(link.counters));
  };
  try {
    await link.open();
    if (tap !== undefined) {
      const onEnd = (error: Error | null): void =>
        fail(error ?? new NetError('ERR_NET_TAP', `device "${tap}" is gone`));
      const options = { device: tap, mac, mtu, persist };
      if (isDirect) link.attach(await attachSegmentTap(calls, options, link.sendPacket, onEnd));
      else {
        link.attach(await attachTap(options, link.send, onEnd));
        say(`${vm.name}: frames of one MTU: ${calls}`);
      }
      say(`${vm.name}: TAP device ${tap} linked to ${peers.join(', ')}`);
      return stop;
    }
    const onAttached = (attachment: LinkAttachment): void => {
      link.attach(attachment);
      say(`${vm.name}: a VM is attached`);
    };
    const onDetached = (): void => {
      link.attach(null);
      say(`${vm.name}: the VM is gone; waiting for the next`);
    };
    if (qemuConnect !== undefined) {
      say(`${vm.name}: connecting to QEMU at ${qemuConnect}, linked to ${peers.join(', ')}`);
      const connection = connectQemu({ path: qemuConnect, onFrame: link.send, onAttached, onDetached });
      return async () => {
        connection.close();
        await stop();
      };
    }
    const socket = await listenQemu(qemu ?? '', link.send, onAttached, onDetached);
    say(`${vm.name}: waiting for QEMU at ${qemu}, linked to ${peers.join(', ')}`);
    return async () => {
      await socket.close();
      await stop();
    };
  } catch (error) {
    await link.close();
    throw error;
  }
}
