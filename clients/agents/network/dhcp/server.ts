/**
 * The server's side of RFC 2131 §4.3: a message in, an answer or silence out. Pure: time comes in, and what changed in
 * the leases is said, so that the caller can make it durable before the answer leaves.
 */
import { formatIpv4, formatMac } from '../address.ts';
import {
  DECLINE_HOLD_SECONDS,
  DEFAULT_DHCP_BYTES,
  MAX_DHCP_BYTES,
  MIN_LEASE_SECONDS,
  OFFER_HOLD_SECONDS,
} from '../limits.ts';
import { type DhcpConfig, isHost } from './config.ts';
import { BOOTREPLY, BOOTREQUEST, HTYPE_ETHERNET, MessageType, Option } from './constants.ts';
import { chooseAddress, isFree, isReserved, type Lease, type Leases } from './leases.ts';
import {
  addressOption,
  type DhcpMessage,
  encodeDhcp,
  ethernetMessage,
  messageTypeOf,
  u16Option,
  u32Option,
} from './message.ts';

export interface Reply {
  /** Null: silence. */
  readonly bytes: Uint8Array | null;
  /** The leases have changed in a way that must survive a restart before the answer is sent. */
  readonly isChanged: boolean;
  /** One line for the operator. */
  readonly note: string;
}

/** Octets of IP and UDP headers, which option 57 counts and the message does not. */
const IP_UDP_BYTES = 28;
const MIN_MAX_MESSAGE_SIZE = 576;
/** A network of one address. */
const ALONE = 0xffff_ffff;

export class DhcpServer {
  readonly #config: DhcpConfig;
  readonly #leases: Leases;

  constructor(config: DhcpConfig, leases: Leases) {
    this.#config = config;
    this.#leases = leases;
  }

  /** `domain` sent it, as the broker has authenticated it; `now` is Unix time in seconds. */
  handle(message: DhcpMessage, domain: string, now: number): Reply {
    const type = messageTypeOf(message);
    if (message.op !== BOOTREQUEST || message.htype !== HTYPE_ETHERNET || message.chaddr.length !== 6 || type === null)
      return silence('not a DHCP request of an Ethernet client');
    const mac = formatMac(message.chaddr);
    const fixed = this.#config.hosts.find((host) => host.mac === mac);
    // The broker holds chaddr against its inventory; this holds it against ours.
    if (fixed !== undefined && fixed.name !== domain)
      return silence(`"${domain}" asks with the MAC of "${fixed.name}", ${mac}`);
    const client: Client = { message, mac, domain, now };
    switch (type) {
      case MessageType.discover:
        return this.#discover(client);
      case MessageType.request:
        return this.#request(client);
      case MessageType.decline:
        return this.#decline(client);
      case MessageType.release:
        return this.#release(client);
      case MessageType.inform:
        return { bytes: this.#inform(client), isChanged: false, note: `inform: ${domain} told its options` };
      default:
        return silence(`message type ${type} is a server's`);
    }
  }

  #discover(client: Client): Reply {
    const { message, mac, domain, now } = client;
    const ipv4 = chooseAddress(this.#config, this.#leases, mac, addressOption(message, Option.requestedAddress), now);
    if (ipv4 === null) return silence(`discover: no address is left for ${domain} (${mac})`);
    const held = this.#leases.ofMac(mac);
    // An offer must not shorten or undo a lease that the client still has.
    if (held === null || held.ipv4 !== ipv4 || held.state !== 'bound' || held.until <= now) {
      this.#leases.put(this.#lease(client, ipv4, 'offered', now + OFFER_HOLD_SECONDS));
    }
    const bytes = this.#answer(client, MessageType.offer, ipv4);
    return { bytes, isChanged: false, note: `offer: ${formatIpv4(ipv4)} to ${domain} (${mac})` };
  }

  /** RFC 2131 §4.3.2: which state the client is in shows in which fields are filled. */
  #request(client: Client): Reply {
    const { message, mac, domain, now } = client;
    const chosen = addressOption(message, Option.serverIdentifier);
    const requested = addressOption(message, Option.requestedAddress);
    if (chosen !== null && chosen !== this.#config.server) {
      const offered = this.#leases.ofMac(mac);
      if (offered?.state === 'offered') this.#leases.put({ ...offered, state: 'ended', until: now });
      return silence(`request: ${domain} has chosen another server`);
    }
    const ipv4 = message.ciaddr !== 0 ? message.ciaddr : requested;
    if (ipv4 === null) return silence(`request: ${domain} names no address`);
    const lease = this.#leases.ofMac(mac);
    const isFixed = this.#config.hosts.some((host) => host.mac === mac && host.ipv4 === ipv4);
    const isHeld = lease !== null && lease.ipv4 === ipv4 && lease.state !== 'declined';
    if ((isHeld || isFixed) && isFree(this.#leases, ipv4, mac, now) && this.#isStillOurs(ipv4, mac)) {
      this.#leases.put(this.#lease(client, ipv4, 'bound', now + this.#leaseSeconds(message)));
      const bytes = this.#answer(client, MessageType.ack, ipv4);
      return { bytes, isChanged: true, note: `ack: ${formatIpv4(ipv4)} to ${domain} (${mac})` };
    }
    // An unknown client in INIT-REBOOT or later belongs to another server. It gets an answer only on the wrong network.
    const isUnknown = lease === null && chosen === null && this.#leases.ofAddress(ipv4) === null;
    if (isUnknown && isHost(this.#config, ipv4) && !isReserved(this.#config, ipv4))
      return silence(`request: nothing is known of ${domain} (${mac}) and ${formatIpv4(ipv4)}`);
    const bytes = this.#refusal(client, 'the address is not yours');
    return { bytes, isChanged: false, note: `nak: ${formatIpv4(ipv4)} is not for ${domain} (${mac})` };
  }

  /** A lease from the file may be of an earlier configuration. */
  #isStillOurs(ipv4: number, mac: string): boolean {
    const fixed = this.#config.hosts.find((host) => host.mac === mac);
    if (fixed !== undefined) return fixed.ipv4 === ipv4;
    const { pool } = this.#config;
    return pool !== null && ipv4 >= pool.from && ipv4 <= pool.to && !isReserved(this.#config, ipv4);
  }

  #decline(client: Client): Reply {
    const { message, mac, domain, now } = client;
    const ipv4 = addressOption(message, Option.requestedAddress);
    const lease = this.#leases.ofMac(mac);
    if (ipv4 === null || lease === null || lease.ipv4 !== ipv4 || lease.state === 'ended')
      return silence(`decline: ${domain} declines an address that it does not have`);
    const until = now + DECLINE_HOLD_SECONDS;
    this.#leases.put({ mac: '', ipv4, domain, hostName: null, state: 'declined', until });
    return { bytes: null, isChanged: true, note: `decline: ${domain} found ${formatIpv4(ipv4)} in use` };
  }

  #release(client: Client): Reply {
    const { message, mac, domain, now } = client;
    const lease = this.#leases.ofMac(mac);
    if (lease === null || lease.ipv4 !== message.ciaddr || lease.state !== 'bound')
      return silence(`release: ${domain} releases an address that it does not have`);
    this.#leases.put({ ...lease, state: 'ended', until: now });
    return { bytes: null, isChanged: true, note: `release: ${formatIpv4(lease.ipv4)} by ${domain} (${mac})` };
  }

  #lease({ message, mac, domain }: Client, ipv4: number, state: Lease['state'], until: number): Lease {
    return { mac, ipv4, domain, hostName: hostNameOf(message), state, until };
  }

  /** The client's wish (option 51), within the configuration. */
  #leaseSeconds({ options }: DhcpMessage): number {
    const { leaseSeconds } = this.#config;
    const value = options.get(Option.leaseTime);
    if (value?.length !== 4) return leaseSeconds;
    const wish = new DataView(value.buffer, value.byteOffset, 4).getUint32(0);
    return Math.min(leaseSeconds, Math.max(MIN_LEASE_SECONDS, wish));
  }

  #answer(client: Client, type: number, ipv4: number): Uint8Array {
    const lease = this.#leases.ofMac(client.mac);
    const isBound = lease !== null && lease.state === 'bound' && lease.ipv4 === ipv4;
    const seconds = isBound ? Math.max(1, lease.until - client.now) : this.#leaseSeconds(client.message);
    const options = new Map([
      [Option.messageType, Uint8Array.of(type)],
      [Option.serverIdentifier, u32Option(this.#config.server)],
      [Option.leaseTime, u32Option(seconds)],
      [Option.renewalTime, u32Option(Math.floor(seconds / 2))],
      [Option.rebindingTime, u32Option(Math.floor((seconds * 7) / 8))],
    ] as const satisfies (readonly [number, Uint8Array])[]);
    return this.#encode(client, ipv4, new Map<number, Uint8Array>([...options, ...this.#wished(client)]));
  }

  /** RFC 2131 §4.3.5: no address and no lease time. */
  #inform(client: Client): Uint8Array {
    const options = new Map<number, Uint8Array>([
      [Option.messageType, Uint8Array.of(MessageType.ack)],
      [Option.serverIdentifier, u32Option(this.#config.server)],
      ...this.#wished(client),
    ]);
    return this.#encode(client, 0, options);
  }

  #refusal(client: Client, reason: string): Uint8Array {
    const options = new Map<number, Uint8Array>([
      [Option.messageType, Uint8Array.of(MessageType.nak)],
      [Option.serverIdentifier, u32Option(this.#config.server)],
      [Option.message, new TextEncoder().encode(reason)],
    ]);
    return this.#encode(client, 0, options);
  }

  /** Our parameters, in the order of the client's list (RFC 2132 §9.8); all of them for one that sent none. */
  #wished({ message, mac }: Client): [number, Uint8Array][] {
    const { mask, network, routers, dns, ntp, domainName, mtu, hosts, pointToPoint } = this.#config;
    const name = hosts.find((host) => host.mac === mac)?.name;
    const text = (value: string): Uint8Array => new TextEncoder().encode(value);
    const list = (values: readonly number[]): Uint8Array =>
      Uint8Array.from(values.flatMap((value) => [...u32Option(value)]));
    const ours = new Map<number, Uint8Array>([[Option.subnetMask, u32Option(pointToPoint ? ALONE : mask)]]);
    if (routers.length > 0) ours.set(Option.router, list(routers));
    const routes = this.#classlessRoutes();
    if (routes.length > 0) ours.set(Option.classlessRoutes, routes);
    if (dns.length > 0) ours.set(Option.domainNameServer, list(dns));
    if (name !== undefined) ours.set(Option.hostName, text(name));
    if (domainName !== null) ours.set(Option.domainName, text(domainName));
    if (mtu !== null) ours.set(Option.interfaceMtu, u16Option(mtu));
    if (ntp.length > 0) ours.set(Option.ntpServers, list(ntp));
    if (!pointToPoint) ours.set(Option.broadcastAddress, u32Option((network | ~mask) >>> 0));
    const wishes = message.options.get(Option.parameterRequestList);
    // RFC 2132 §3.3: the mask before the router, whatever the order of the list.
    const codes = wishes === undefined ? [...ours.keys()] : [Option.subnetMask, ...wishes];
    // A client with an address alone cannot do without them, whether it lists them or not.
    if (pointToPoint && wishes !== undefined) codes.push(Option.classlessRoutes);
    return [...new Set<number>(codes)].flatMap((code): [number, Uint8Array][] => {
      const value = ours.get(code);
      return value === undefined ? [] : [[code, value]];
    });
  }

  /** RFC 3442: a client that takes them ignores the router option, so the default route is among them. */
  #classlessRoutes(): Uint8Array {
    const { routers, routes, pointToPoint } = this.#config;
    if (routes.length === 0 && !pointToPoint) return new Uint8Array(0);
    const [router] = routers;
    const bytes: number[] = [];
    const add = (network: number, length: number, via: number): void => {
      bytes.push(length, ...u32Option(network).subarray(0, Math.ceil(length / 8)), ...u32Option(via));
    };
    // The router is not in the client's network of one address: it is reached over the link itself.
    if (pointToPoint && router !== undefined) add(router, 32, 0);
    for (const { network, length, via } of routes) add(network, length, via);
    if (router !== undefined && !routes.some(({ length }) => length === 0)) add(0, 0, router);
    return Uint8Array.from(bytes);
  }

  #encode({ message }: Client, yiaddr: number, options: Map<number, Uint8Array>): Uint8Array {
    const { xid, flags, giaddr, chaddr, ciaddr } = message;
    // RFC 6842: the client identifier comes back; RFC 3046: so does what a relay added, last.
    for (const code of [Option.clientIdentifier, Option.relayAgentInformation]) {
      const value = message.options.get(code);
      if (value !== undefined) options.set(code, value);
    }
    const isNak = options.get(Option.messageType)?.[0] === MessageType.nak;
    const reply = ethernetMessage({
      op: BOOTREPLY,
      xid,
      chaddr,
      options,
      // RFC 2131 §4.3.2: a refusal is broadcast, for the client may not have the address that it asked from.
      flags: isNak ? 0x8000 : flags,
      ciaddr: isNak ? 0 : ciaddr,
      yiaddr,
      giaddr,
    });
    return encodeDhcp(reply, maxBytesOf(message));
  }
}

interface Client {
  readonly message: DhcpMessage;
  readonly mac: string;
  readonly domain: string;
  readonly now: number;
}

function silence(note: string): Reply {
  return { bytes: null, isChanged: false, note };
}

/** Option 57 counts the whole datagram and is at least 576. */
function maxBytesOf({ options }: DhcpMessage): number {
  const value = options.get(Option.maxMessageSize);
  if (value?.length !== 2) return DEFAULT_DHCP_BYTES;
  const size = ((value[0] ?? 0) << 8) | (value[1] ?? 0);
  return Math.min(MAX_DHCP_BYTES, Math.max(MIN_MAX_MESSAGE_SIZE, size) - IP_UDP_BYTES);
}

/** The client's name for itself: kept for the operator, in characters that do no harm in a terminal or a file. */
function hostNameOf({ options }: DhcpMessage): string | null {
  const value = options.get(Option.hostName);
  if (value === undefined || value.length === 0 || value.length > 63) return null;
  const name = new TextDecoder('latin1').decode(value);
  return /^[A-Za-z0-9-]+$/.test(name) ? name : null;
}
