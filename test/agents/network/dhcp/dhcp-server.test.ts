import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatIpv4, formatMac, parseIpv4, parseMac } from '../../../../clients/agents/network/address.ts';
import { parseDhcpConfig } from '../../../../clients/agents/network/dhcp/config.ts';
import { MessageType, type MessageTypeName, Option } from '../../../../clients/agents/network/dhcp/constants.ts';
import { readLeases, writeLeases } from '../../../../clients/agents/network/dhcp/lease-file.ts';
import { Leases } from '../../../../clients/agents/network/dhcp/leases.ts';
import {
  addressOption,
  type DhcpMessage,
  decodeDhcp,
  ethernetMessage,
  messageTypeOf,
  u16Option,
  u32Option,
} from '../../../../clients/agents/network/dhcp/message.ts';
import { DhcpServer } from '../../../../clients/agents/network/dhcp/server.ts';
import { NetError } from '../../../../clients/agents/network/errors.ts';
import { temporaryDirectory } from '../../../support/temp.ts';

const dhcp = suite('the DHCP server');
const CONFIG = `
server: 10.137.0.2
network: 10.137.0.0/16
routers: [10.137.0.2]
dns: [10.137.0.2, 10.137.0.3]
domain: vm.internal
mtu: 1400
leaseSeconds: 3600
hosts:
  - {name: chrome-vm, mac: '02:00:00:00:01:01', ipv4: 10.137.1.1}
  - {name: mail-vm, mac: '02:00:00:00:01:02', ipv4: 10.137.1.2}
pool: {from: 10.137.2.1, to: 10.137.2.3}
`;
const CHROME = '02:00:00:00:01:01';
const NOW = 1_800_000_000;
const guest = (index: number): string => `02:00:00:00:02:0${index}`;

interface Ask {
  readonly type: MessageTypeName;
  readonly mac?: string;
  readonly domain?: string;
  readonly at?: number;
  readonly ciaddr?: string;
  readonly requested?: string;
  readonly server?: string;
  readonly options?: readonly (readonly [number, Uint8Array])[];
  readonly fields?: Partial<DhcpMessage>;
}

interface Answer {
  readonly type: MessageTypeName | 'silence';
  readonly address: string;
  readonly message: DhcpMessage | null;
  readonly isChanged: boolean;
}

function serverOf(text = CONFIG, leases = new Leases()): { ask(ask: Ask): Answer; leases: Leases } {
  const server = new DhcpServer(parseDhcpConfig(text, 'dhcp.yaml'), leases);
  return {
    leases,
    ask: ({
      type,
      mac = CHROME,
      domain = mac === CHROME ? 'chrome-vm' : `vm-${mac}`,
      at = NOW,
      ciaddr,
      requested,
      server: chosen,
      options = [],
      fields = {},
    }) => {
      const all = new Map<number, Uint8Array>([[Option.messageType, Uint8Array.of(MessageType[type])]]);
      if (requested !== undefined) all.set(Option.requestedAddress, u32Option(parseIpv4(requested)));
      if (chosen !== undefined) all.set(Option.serverIdentifier, u32Option(parseIpv4(chosen)));
      for (const [code, value] of options) all.set(code, value);
      const message = ethernetMessage({
        op: 1,
        xid: 7,
        chaddr: parseMac(mac),
        options: all,
        ciaddr: parseIpv4(ciaddr ?? '0.0.0.0'),
        ...fields,
      });
      const { bytes, isChanged } = server.handle(message, domain, at);
      const reply = bytes === null ? null : decodeDhcp(bytes);
      if (bytes !== null && reply === null) throw new Error('the answer is malformed');
      const number = reply === null ? null : messageTypeOf(reply);
      const names = Object.entries(MessageType).find(([, value]) => value === number)?.[0] as
        | MessageTypeName
        | undefined;
      return { type: names ?? 'silence', address: formatIpv4(reply?.yiaddr ?? 0), message: reply, isChanged };
    },
  };
}

function codeOf(text: string): string {
  try {
    parseDhcpConfig(text, 'dhcp.yaml');
    return 'accepted';
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    return error.code;
  }
}

dhcp('a client gets its fixed address, and the options it asked for in its order', () => {
  const { ask } = serverOf();
  const offer = ask({ type: 'discover', options: [[Option.parameterRequestList, Uint8Array.of(3, 6, 1, 15, 12, 26)]] });
  assert.is(offer.type, 'offer');
  assert.is(offer.address, '10.137.1.1');
  assert.is(offer.isChanged, false);
  const ack = ask({
    type: 'request',
    requested: '10.137.1.1',
    server: '10.137.0.2',
    options: [[Option.parameterRequestList, Uint8Array.of(3, 6, 1, 15, 12, 26)]],
  });
  assert.is(ack.type, 'ack');
  assert.is(ack.isChanged, true);
  const { message } = ack;
  if (message === null) throw new Error('no message');
  assert.equal([...message.options.keys()], [53, 54, 51, 58, 59, 1, 3, 6, 15, 12, 26]);
  assert.equal(message.options.get(Option.leaseTime), u32Option(3600));
  assert.equal(message.options.get(Option.renewalTime), u32Option(1800));
  assert.equal(message.options.get(Option.rebindingTime), u32Option(3150));
  assert.equal(message.options.get(Option.subnetMask), Uint8Array.of(255, 255, 0, 0));
  assert.equal(message.options.get(Option.router), Uint8Array.of(10, 137, 0, 2));
  assert.equal(message.options.get(Option.domainNameServer), Uint8Array.of(10, 137, 0, 2, 10, 137, 0, 3));
  assert.equal(message.options.get(Option.hostName), new TextEncoder().encode('chrome-vm'));
  assert.equal(message.options.get(Option.interfaceMtu), u16Option(1400));
  assert.is(addressOption(message, Option.serverIdentifier), parseIpv4('10.137.0.2'));
  assert.is(formatMac(message.chaddr), CHROME);
});

dhcp('the client identifier comes back, relay fields too, and the broadcast flag', () => {
  const { ask } = serverOf();
  const identifier = Uint8Array.of(1, ...parseMac(CHROME));
  const relay = Uint8Array.of(1, 1, 5);
  const { message } = ask({
    type: 'discover',
    options: [
      [Option.clientIdentifier, identifier],
      [Option.relayAgentInformation, relay],
    ],
    fields: { flags: 0x8000, giaddr: parseIpv4('10.137.0.9') },
  });
  assert.equal(message?.options.get(Option.clientIdentifier), identifier);
  assert.equal(message?.options.get(Option.relayAgentInformation), relay);
  assert.is(message?.flags, 0x8000);
  assert.is(message?.giaddr, parseIpv4('10.137.0.9'));
});

dhcp('a pool is given out once each, then nobody gets anything until a lease ends', () => {
  const { ask } = serverOf();
  const given = [1, 2, 3].map((index) => {
    const { address } = ask({ type: 'discover', mac: guest(index) });
    assert.is(ask({ type: 'request', mac: guest(index), requested: address, server: '10.137.0.2' }).type, 'ack');
    return address;
  });
  assert.equal(given, ['10.137.2.1', '10.137.2.2', '10.137.2.3']);
  assert.is(ask({ type: 'discover', mac: guest(4) }).type, 'silence');
  assert.is(ask({ type: 'discover', mac: guest(4), at: NOW + 3599 }).type, 'silence');
  assert.is(ask({ type: 'discover', mac: guest(4), at: NOW + 3600 }).address, '10.137.2.1');
});

dhcp('a client gets back the address that it had, and a wish is granted when it is free', () => {
  const { ask } = serverOf();
  ask({ type: 'discover', mac: guest(1), requested: '10.137.2.3' });
  assert.is(ask({ type: 'request', mac: guest(1), requested: '10.137.2.3', server: '10.137.0.2' }).type, 'ack');
  assert.is(ask({ type: 'discover', mac: guest(2), requested: '10.137.2.3' }).address, '10.137.2.1');
  assert.is(ask({ type: 'discover', mac: guest(1), at: NOW + 9999 }).address, '10.137.2.3');
  assert.is(ask({ type: 'discover', mac: guest(3), requested: '10.137.1.2' }).address, '10.137.2.2');
});

dhcp('renewing and rebinding extend a lease; after a restart of the client it is confirmed', () => {
  const { ask, leases } = serverOf();
  ask({ type: 'discover' });
  ask({ type: 'request', requested: '10.137.1.1', server: '10.137.0.2' });
  assert.is(ask({ type: 'request', ciaddr: '10.137.1.1', at: NOW + 1800 }).type, 'ack');
  assert.is(leases.ofMac(CHROME)?.until, NOW + 1800 + 3600);
  assert.is(ask({ type: 'request', requested: '10.137.1.1', at: NOW + 2000 }).type, 'ack');
});

dhcp('the wished lease time is kept within the configuration', () => {
  const { ask } = serverOf();
  const timeOf = (wish: number): Uint8Array | undefined =>
    ask({ type: 'discover', options: [[Option.leaseTime, u32Option(wish)]] }).message?.options.get(Option.leaseTime);
  assert.equal(timeOf(600), u32Option(600));
  assert.equal(timeOf(1), u32Option(60));
  assert.equal(timeOf(0xffff_ffff), u32Option(3600));
});

const REFUSED: readonly (readonly [label: string, ask: Ask, type: string])[] = [
  ['another’s fixed address', { type: 'request', requested: '10.137.1.2' }, 'nak'],
  ['an address of another network', { type: 'request', requested: '192.168.1.5' }, 'nak'],
  ['renewing another’s address', { type: 'request', ciaddr: '10.137.1.2' }, 'nak'],
  ['the server’s own address', { type: 'request', requested: '10.137.0.2', mac: guest(1) }, 'nak'],
  ['a pool address of which nothing is known', { type: 'request', requested: '10.137.2.1', mac: guest(1) }, 'silence'],
  ['no address at all', { type: 'request' }, 'silence'],
  ['another server', { type: 'request', requested: '10.137.1.1', server: '10.137.0.9' }, 'silence'],
  ['the MAC of another domain', { type: 'discover', domain: 'mail-vm' }, 'silence'],
  ['a server’s message', { type: 'offer' }, 'silence'],
  ['releasing what it does not have', { type: 'release', ciaddr: '10.137.1.1' }, 'silence'],
  ['declining what it does not have', { type: 'decline', requested: '10.137.1.1' }, 'silence'],
  ['no Ethernet', { type: 'discover', fields: { htype: 6 } }, 'silence'],
];
for (const [label, ask, type] of REFUSED) dhcp(`${label}: ${type}`, () => assert.is(serverOf().ask(ask).type, type));

dhcp('without a pool an unknown client gets nothing', () => {
  assert.is(serverOf(CONFIG.replace(/pool:.*\n/, '')).ask({ type: 'discover', mac: guest(1) }).type, 'silence');
});

dhcp('a refusal is broadcast, names the server and no address', () => {
  const { message } = serverOf().ask({ type: 'request', requested: '10.137.1.2' });
  assert.is(message?.flags, 0x8000);
  assert.is(message?.yiaddr, 0);
  assert.is(message?.options.has(Option.leaseTime), false);
  assert.is(message?.options.has(Option.serverIdentifier), true);
});

dhcp('an address that was declined is not given out for an hour', () => {
  const { ask } = serverOf();
  ask({ type: 'discover', mac: guest(1) });
  ask({ type: 'request', mac: guest(1), requested: '10.137.2.1', server: '10.137.0.2' });
  assert.is(ask({ type: 'decline', mac: guest(1), requested: '10.137.2.1', server: '10.137.0.2' }).isChanged, true);
  assert.is(ask({ type: 'discover', mac: guest(1) }).address, '10.137.2.2');
  assert.is(ask({ type: 'discover', mac: guest(2), requested: '10.137.2.1', at: NOW + 3600 }).address, '10.137.2.1');
});

dhcp('a released address is free at once', () => {
  const { ask } = serverOf(CONFIG.replace('to: 10.137.2.3', 'to: 10.137.2.1'));
  ask({ type: 'discover', mac: guest(1) });
  ask({ type: 'request', mac: guest(1), requested: '10.137.2.1', server: '10.137.0.2' });
  assert.is(ask({ type: 'discover', mac: guest(2) }).type, 'silence');
  assert.is(ask({ type: 'release', mac: guest(1), ciaddr: '10.137.2.1' }).isChanged, true);
  assert.is(ask({ type: 'discover', mac: guest(2) }).address, '10.137.2.1');
});

dhcp('an offer holds its address for a minute only', () => {
  const { ask } = serverOf(CONFIG.replace('to: 10.137.2.3', 'to: 10.137.2.1'));
  ask({ type: 'discover', mac: guest(1) });
  assert.is(ask({ type: 'discover', mac: guest(2), at: NOW + 59 }).type, 'silence');
  assert.is(ask({ type: 'discover', mac: guest(2), at: NOW + 60 }).type, 'offer');
});

dhcp('a client that only informs gets options, no address and no time', () => {
  const { type, message } = serverOf().ask({ type: 'inform', ciaddr: '10.137.1.1' });
  assert.is(type, 'ack');
  assert.is(message?.yiaddr, 0);
  assert.is(message?.options.has(Option.leaseTime), false);
  assert.is(message?.options.has(Option.router), true);
});

dhcp('leases survive a restart; offers do not', async () => {
  const path = join(temporaryDirectory(), 'leases.json');
  const { ask, leases } = serverOf();
  ask({ type: 'discover', mac: guest(2) });
  ask({ type: 'discover', mac: guest(1) });
  ask({ type: 'request', mac: guest(1), requested: '10.137.2.2', server: '10.137.0.2' });
  await writeLeases(path, leases.all);
  const again = serverOf(CONFIG, await readLeases(path));
  assert.is(again.leases.all.length, 1);
  assert.is(again.ask({ type: 'request', mac: guest(1), ciaddr: '10.137.2.2', at: NOW + 10 }).type, 'ack');
  assert.is(again.ask({ type: 'discover', mac: guest(3), requested: '10.137.2.2' }).address, '10.137.2.1');
});

dhcp('a lease of an earlier configuration is refused when it is renewed', async () => {
  const { ask, leases } = serverOf();
  ask({ type: 'discover', mac: guest(1) });
  ask({ type: 'request', mac: guest(1), requested: '10.137.2.1', server: '10.137.0.2' });
  const moved = serverOf(
    CONFIG.replace('{from: 10.137.2.1, to: 10.137.2.3}', '{from: 10.137.3.1, to: 10.137.3.3}'),
    leases,
  );
  assert.is(moved.ask({ type: 'request', mac: guest(1), ciaddr: '10.137.2.1' }).type, 'nak');
});

dhcp('a lease file that cannot be understood is an error, one that is not there is none', async () => {
  const path = join(temporaryDirectory(), 'leases.json');
  assert.is((await readLeases(path)).all.length, 0);
  for (const text of ['', '{}', '{"format":2,"leases":[]}', '{"format":1,"leases":[{"mac":"x"}]}']) {
    writeFileSync(path, text);
    try {
      await readLeases(path);
      assert.unreachable(text);
    } catch (error) {
      assert.is(error instanceof NetError ? error.code : error, 'ERR_NET_DHCP_LEASE_FILE');
    }
  }
});

const CONFIGS: readonly (readonly [label: string, from: string, to: string, code: string])[] = [
  ['two hosts of one MAC', "'02:00:00:00:01:02'", "'02:00:00:00:01:01'", 'ERR_NET_DHCP_CONFLICT'],
  ['two hosts of one address', 'ipv4: 10.137.1.2', 'ipv4: 10.137.1.1', 'ERR_NET_DHCP_CONFLICT'],
  ['two hosts of one name', 'name: mail-vm', 'name: chrome-vm', 'ERR_NET_DHCP_CONFLICT'],
  ['a host with the address of the server', 'ipv4: 10.137.1.2', 'ipv4: 10.137.0.2', 'ERR_NET_DHCP_CONFLICT'],
  ['a host outside the network', 'ipv4: 10.137.1.2', 'ipv4: 10.138.1.2', 'ERR_NET_DHCP_CONFIG'],
  ['the broadcast address', 'ipv4: 10.137.1.2', 'ipv4: 10.137.255.255', 'ERR_NET_DHCP_CONFIG'],
  ['a pool that ends before it begins', 'to: 10.137.2.3', 'to: 10.137.2.0', 'ERR_NET_DHCP_CONFIG'],
  ['a network with host bits', '10.137.0.0/16', '10.137.0.1/16', 'ERR_NET_DHCP_CONFIG'],
  ['an unknown key', 'mtu:', 'mut:', 'ERR_NET_DHCP_CONFIG'],
  ['an address that is none', 'server: 10.137.0.2', 'server: 10.137.0', 'ERR_NET_DHCP_CONFIG'],
  ['no YAML', 'server:', '}', 'ERR_NET_DHCP_CONFIG'],
];
for (const [label, from, to, code] of CONFIGS) {
  dhcp(`${label} is refused at load: ${code}`, () => assert.is(codeOf(CONFIG.replace(from, to)), code));
}

dhcp('a conflict names both', () => {
  assert.throws(
    () => parseDhcpConfig(CONFIG.replace('ipv4: 10.137.1.2', 'ipv4: 10.137.1.1'), 'x'),
    /"chrome-vm".*"mail-vm"/,
  );
});

const hex = (message: DhcpMessage | null, code: number): string =>
  Buffer.from(message?.options.get(code) ?? new Uint8Array(0)).toString('hex');

// Its router is the one that the inventory names, not a fixed one (Qubes 5022).
dhcp('a client with an address alone, as in Qubes, gets its router on the link and a default route through it', () => {
  const { message } = serverOf(`${CONFIG}pointToPoint: true\nntp: [10.137.0.9]\n`).ask({
    type: 'discover',
    options: [[Option.parameterRequestList, Uint8Array.of(1, 3, 42)]],
  });
  assert.is(hex(message, Option.subnetMask), 'ffffffff');
  assert.is(hex(message, Option.router), '0a890002');
  assert.is(hex(message, Option.ntpServers), '0a890009');
  // 10.137.0.2/32 by 0.0.0.0 (on the link), 0.0.0.0/0 by 10.137.0.2: RFC 3442.
  assert.is(hex(message, Option.classlessRoutes), '200a89000200000000000a890002');
  assert.is(hex(message, Option.broadcastAddress), '');
});

dhcp('static routes come with the default route, since a client that takes them ignores the router', () => {
  const text = `${CONFIG}routes:\n  - {to: 172.16.0.0/12, via: 10.137.0.7}\n`;
  const { message } = serverOf(text).ask({ type: 'discover' });
  assert.is(hex(message, Option.classlessRoutes), '0cac100a890007000a890002');
  for (const bad of ['172.16.0.1/12', '172.16.0.0/33'])
    assert.throws(() => serverOf(`${CONFIG}routes:\n  - {to: ${bad}, via: 10.137.0.7}\n`), /route "172/);
});

dhcp('both addresses of a /31 are hosts (RFC 3021)', () => {
  const text =
    'server: 10.0.0.0\nnetwork: 10.0.0.0/31\nhosts:\n  - {name: chrome-vm, mac: "02:00:00:00:01:01", ipv4: 10.0.0.1}\n';
  assert.equal(
    [serverOf(text).ask({ type: 'discover' })].map(({ type, address }) => [type, address]),
    [['offer', '10.0.0.1']],
  );
});

dhcp('a client is known by its MAC, whatever identifier it sends (RFC 4361 §6.3)', () => {
  const duid: readonly [number, Uint8Array] = [Option.clientIdentifier, Uint8Array.of(255, 1, 2, 3, 4, 5)];
  const { ask } = serverOf();
  const offer = ask({ type: 'discover', options: [duid] });
  assert.is(offer.address, '10.137.1.1');
  assert.is(hex(offer.message, Option.clientIdentifier), 'ff0102030405');
  assert.is(ask({ type: 'discover' }).address, '10.137.1.1');
});

dhcp.run();
