import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { INSPECTORS } from '../../../../broker/core/inspectors/index.ts';
import { fuzzUntil } from '../../../support/seed.ts';
import { networkDomains } from '../domains.ts';
import { arp, BROADCAST, frame, ip6, ipv4Packet, ipv6Packet, mac, u16, udp } from '../packets.ts';

const ethernet = suite('the inspector of Ethernet frames');
const domain = await networkDomains();
const chrome = domain('chrome-vm');
const net = domain('net-vm');
const CHROME = '02:00:00:00:01:01';
const NET = '02:00:00:00:00:02';
const MAIL = '02:00:00:00:01:02';

function permissionOf(bytes: Uint8Array, source = chrome): string {
  const inspector = INSPECTORS.get('ethernet');
  if (inspector === undefined) throw new Error('no such inspector');
  // Somewhere inside a larger buffer, as in a record: nothing outside may be read as part of it.
  const around = new Uint8Array(bytes.length + 64).fill(0xee);
  around.set(bytes, 32);
  const index = inspector.inspect(around, 32, 32 + bytes.length, source);
  return index < 0 ? 'refused' : (inspector.permissions[index] ?? 'out of range');
}

const ipv4Frame = (payload: readonly number[], from = CHROME): Uint8Array => frame(NET, from, 0x0800, payload);
const own = (rest: object): Uint8Array => ipv4Frame(ipv4Packet({ from: '10.137.1.1', ...rest }));
const foreign = (from: string): Uint8Array => frame(CHROME, NET, 0x0800, ipv4Packet({ from }));

const FRAMES: readonly (readonly [label: string, frame: Uint8Array, permission: string])[] = [
  ['an ARP request of its own', frame(BROADCAST, CHROME, 0x0806, arp({ mac: CHROME, ipv4: '10.137.1.1' })), 'arp'],
  [
    'an ARP reply of its own',
    frame(NET, CHROME, 0x0806, arp({ operation: 2, mac: CHROME, ipv4: '10.137.1.1' })),
    'arp',
  ],
  [
    'an ARP probe, its address still zero',
    frame(BROADCAST, CHROME, 0x0806, arp({ mac: CHROME, ipv4: '0.0.0.0' })),
    'arp',
  ],
  [
    'an ARP request padded to 60 bytes',
    frame(BROADCAST, CHROME, 0x0806, [...arp({ mac: CHROME, ipv4: '10.137.1.1' }), ...new Array(18).fill(0)]),
    'arp',
  ],
  ['an IPv4 packet of its own', own({}), 'ipv4'],
  ['an ICMP echo', own({ protocol: 1, payload: [8, 0, 0, 0, 0, 1, 0, 1] }), 'ipv4'],
  ['a UDP datagram', own({ protocol: 17, payload: udp(5000, 53) }), 'ipv4'],
  ['a router alert option', own({ options: [148, 4, 0, 0] }), 'ipv4'],
  ['a first fragment that shows its ports', own({ protocol: 17, fragment: 0x2000, payload: udp(5000, 53) }), 'ipv4'],
  ['a later fragment', own({ protocol: 17, fragment: 185, payload: new Array(64).fill(0) }), 'ipv4'],
  ['an MTU of 9000 in full', own({ payload: new Array(8980).fill(0) }), 'ipv4'],
  ['another ethertype', frame(NET, CHROME, 0x88cc, [1, 2, 3]), 'other'],
  ['a length field', frame(NET, CHROME, 3, [0x42, 0x42, 3]), 'other'],

  ['nothing', new Uint8Array(0), 'refused'],
  ['a header cut short', frame(NET, CHROME, 0x0800, []).slice(0, 13), 'refused'],
  ['another source MAC', frame(NET, MAIL, 0x0800, ipv4Packet({ from: '10.137.1.1' })), 'refused'],
  ['a length field beyond the frame', frame(NET, CHROME, 4, [1, 2, 3]), 'refused'],
  ['an impossible type, 0x05ff', frame(NET, CHROME, 0x05ff, new Array(1600).fill(0)), 'refused'],
  ['a VLAN tag', frame(NET, CHROME, 0x8100, [0, 5, 8, 0, ...ipv4Packet({ from: '10.137.1.2' })]), 'refused'],
  ['a QinQ tag', frame(NET, CHROME, 0x88a8, [0, 5, 8, 0, ...ipv4Packet({ from: '10.137.1.2' })]), 'refused'],
  [
    'a frame one byte above the largest that is no TCP segment',
    own({ protocol: 17, payload: new Array(8981).fill(0) }),
    'refused',
  ],
  ['a long TCP segment', own({ payload: new Array(8981).fill(0) }), 'ipv4'],
  ['ARP with another sender MAC', frame(BROADCAST, CHROME, 0x0806, arp({ mac: MAIL, ipv4: '10.137.1.1' })), 'refused'],
  [
    'ARP with another sender address',
    frame(BROADCAST, CHROME, 0x0806, arp({ mac: CHROME, ipv4: '10.137.0.2' })),
    'refused',
  ],
  [
    'a reply from no address',
    frame(NET, CHROME, 0x0806, arp({ operation: 2, mac: CHROME, ipv4: '0.0.0.0' })),
    'refused',
  ],
  ['reverse ARP', frame(BROADCAST, CHROME, 0x0806, arp({ operation: 3, mac: CHROME, ipv4: '10.137.1.1' })), 'refused'],
  ['truncated ARP', frame(BROADCAST, CHROME, 0x0806, arp({ mac: CHROME, ipv4: '10.137.1.1' }).slice(0, 27)), 'refused'],
  [
    'ARP with a tail',
    frame(BROADCAST, CHROME, 0x0806, [...arp({ mac: CHROME, ipv4: '10.137.1.1' }), ...new Array(40).fill(7)]),
    'refused',
  ],
  [
    'ARP over another hardware',
    frame(BROADCAST, CHROME, 0x0806, [0, 6, ...arp({ mac: CHROME, ipv4: '10.137.1.1' }).slice(2)]),
    'refused',
  ],
  ['another IPv4 source', ipv4Frame(ipv4Packet({ from: '10.137.1.2' })), 'refused'],
  ['the router’s IPv4 source', ipv4Frame(ipv4Packet({ from: '10.137.0.2' })), 'refused'],
  ['no IPv4 source', ipv4Frame(ipv4Packet({ from: '0.0.0.0' })), 'refused'],
  ['an IPv4 header cut short', ipv4Frame(ipv4Packet({ from: '10.137.1.1' }).slice(0, 19)), 'refused'],
  ['version 5', ipv4Frame([0x55, ...ipv4Packet({ from: '10.137.1.1' }).slice(1)]), 'refused'],
  ['a header of four words', ipv4Frame([0x44, ...ipv4Packet({ from: '10.137.1.1' }).slice(1)]), 'refused'],
  ['a total length beyond the frame', own({ totalLength: 41 }), 'refused'],
  ['a total length within the header', own({ totalLength: 19 }), 'refused'],
  ['bytes behind the packet', own({ payload: new Array(100).fill(0), totalLength: 60 }), 'refused'],
  ['a loose source route', own({ options: [131, 7, 4, 1, 2, 3, 4, 0] }), 'refused'],
  ['a strict source route behind a filler', own({ options: [1, 137, 7, 4, 1, 2, 3, 4] }), 'refused'],
  ['an option without end', own({ options: [7, 40, 4, 0] }), 'refused'],
  ['a fragment that overwrites ports', own({ protocol: 17, fragment: 0x2001 }), 'refused'],
  [
    'a first fragment of eight bytes',
    own({ protocol: 6, fragment: 0x2000, payload: [1, 2, 3, 4, 5, 6, 7, 8] }),
    'refused',
  ],
  ['a DHCP discover', own({ protocol: 17, payload: udp(68, 67) }), 'refused'],
  ['a DHCP offer', own({ protocol: 17, payload: udp(67, 68) }), 'refused'],
  ['a DHCP answer from another port', own({ protocol: 17, payload: udp(1024, 68) }), 'refused'],
  ['DHCP in a first fragment', own({ protocol: 17, fragment: 0x2000, payload: udp(67, 68) }), 'refused'],
  ['a truncated UDP header', own({ protocol: 17, payload: [0, 68, 0, 67] }), 'refused'],
  ['an ICMP redirect', own({ protocol: 1, payload: [5, 1, 0, 0, 10, 0, 0, 1] }), 'refused'],
];

for (const [label, bytes, permission] of FRAMES) {
  ethernet(`${label}: ${permission}`, () => assert.is(permissionOf(bytes), permission));
}

const ROUTED: readonly (readonly [label: string, from: string, permission: string])[] = [
  ['its own address', '10.137.0.2', 'ipv4'],
  ['an address of the Internet, by its default route', '192.0.2.7', 'ipv4'],
  ['a declared domain that a longer prefix covers', '10.137.2.3', 'ipv4'],
  ['a declared domain that only the default route covers', '10.137.1.2', 'refused'],
  ['loopback', '127.0.0.1', 'refused'],
  ['multicast', '224.0.0.1', 'refused'],
  ['broadcast', '255.255.255.255', 'refused'],
  ['no address', '0.0.0.0', 'refused'],
];
for (const [label, from, permission] of ROUTED) {
  ethernet(`a router sends from ${label}: ${permission}`, () =>
    assert.is(permissionOf(foreign(from), net), permission),
  );
}

ethernet('a domain without a MAC in the inventory sends no frame at all', () => {
  assert.is(permissionOf(frame(NET, '00:00:00:00:00:00', 0x88cc, [1]), domain('bare-vm')), 'refused');
});

const OWN6 = 'fd00:0:0:0:0:0:1:1';
const LINK_LOCAL = 'fe80:0:0:0:0:ff:fe00:101';
const UNSPECIFIED = '0:0:0:0:0:0:0:0';
const ipv6Frame = (payload: readonly number[], from = CHROME): Uint8Array => frame(NET, from, 0x86dd, payload);
const solicit = (target: string, hardware: string): number[] => [
  135,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  ...ip6(target),
  1,
  1,
  ...mac(hardware),
];
const advertise = (target: string, hardware: string): number[] => [
  136,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  ...ip6(target),
  2,
  1,
  ...mac(hardware),
];
const TCP = new Array<number>(20).fill(1);

const FRAMES6: readonly (readonly [label: string, frame: Uint8Array, permission: string])[] = [
  ['its own IPv6 address', ipv6Frame(ipv6Packet(OWN6, 6, TCP)), 'ipv6'],
  ['the link-local address of its MAC', ipv6Frame(ipv6Packet(LINK_LOCAL, 6, TCP)), 'ipv6'],
  [
    'a neighbour solicitation with its own MAC',
    ipv6Frame(ipv6Packet(OWN6, 58, solicit('fd00:0:0:0:0:0:0:2', CHROME))),
    'ipv6',
  ],
  ['an advertisement of its own address', ipv6Frame(ipv6Packet(OWN6, 58, advertise(OWN6, CHROME))), 'ipv6'],
  [
    'asking whether its own address is free',
    ipv6Frame(ipv6Packet(UNSPECIFIED, 58, solicit(OWN6, CHROME).slice(0, 24))),
    'ipv6',
  ],
  [
    'a multicast report behind a hop-by-hop header',
    ipv6Frame(ipv6Packet(UNSPECIFIED, 0, [58, 0, 5, 2, 0, 0, 1, 0, 143, 0, 0, 0, 0, 0, 0, 0])),
    'ipv6',
  ],
  [
    'a router solicitation',
    ipv6Frame(ipv6Packet(LINK_LOCAL, 58, [133, 0, 0, 0, 0, 0, 0, 0, 1, 1, ...mac(CHROME)])),
    'ipv6',
  ],
  ['another IPv6 address', ipv6Frame(ipv6Packet('fd00:0:0:0:0:0:0:2', 6, TCP)), 'refused'],
  ['another’s link-local address', ipv6Frame(ipv6Packet('fe80:0:0:0:0:ff:fe00:102', 6, TCP)), 'refused'],
  ['TCP from no address', ipv6Frame(ipv6Packet(UNSPECIFIED, 6, TCP)), 'refused'],
  [
    'an advertisement of another’s address',
    ipv6Frame(ipv6Packet(OWN6, 58, advertise('fd00:0:0:0:0:0:0:2', CHROME))),
    'refused',
  ],
  ['an advertisement with another’s MAC', ipv6Frame(ipv6Packet(OWN6, 58, advertise(OWN6, MAIL))), 'refused'],
  [
    'a solicitation with another’s MAC',
    ipv6Frame(ipv6Packet(OWN6, 58, solicit('fd00:0:0:0:0:0:0:2', MAIL))),
    'refused',
  ],
  [
    'asking whether another’s address is free',
    ipv6Frame(ipv6Packet(UNSPECIFIED, 58, solicit('fd00:0:0:0:0:0:0:2', CHROME).slice(0, 24))),
    'refused',
  ],
  ['a router advertisement', ipv6Frame(ipv6Packet(LINK_LOCAL, 58, [134, ...new Array(15).fill(0)])), 'refused'],
  ['a redirect', ipv6Frame(ipv6Packet(LINK_LOCAL, 58, [137, ...new Array(39).fill(0)])), 'refused'],
  ['a fragment', ipv6Frame(ipv6Packet(OWN6, 44, [58, 0, 0, 0, 0, 0, 0, 1, ...TCP])), 'refused'],
  ['a routing header', ipv6Frame(ipv6Packet(OWN6, 43, [6, 0, 0, 0, 0, 0, 0, 0, ...TCP])), 'refused'],
  ['DHCPv6', ipv6Frame(ipv6Packet(LINK_LOCAL, 17, udp(546, 547))), 'refused'],
  ['a payload longer than the frame', ipv6Frame(ipv6Packet(OWN6, 6, TCP, 21)), 'refused'],
  ['a payload shorter than the frame', ipv6Frame(ipv6Packet(OWN6, 6, [...TCP, ...TCP], 20)), 'refused'],
  ['extension headers without end', ipv6Frame(ipv6Packet(OWN6, 0, [0, 0, 1, 4, 0, 0, 0, 0])), 'refused'],
  ['a header cut short', ipv6Frame(ipv6Packet(OWN6, 6, []).slice(0, 39)), 'refused'],
];
for (const [label, bytes, permission] of FRAMES6) {
  ethernet(`${label}: ${permission}`, () => assert.is(permissionOf(bytes), permission));
}

ethernet('a domain without an IPv6 address sends no IPv6', () => {
  const bytes = frame(NET, MAIL, 0x86dd, ipv6Packet('fe80:0:0:0:0:ff:fe00:102', 6, TCP));
  assert.is(permissionOf(bytes, domain('mail-vm')), 'refused');
});

ethernet('a router may advertise itself when it has the default route', () => {
  const advertisement = [134, 0, 0, 0, ...new Array<number>(12).fill(0), 1, 1, ...mac(NET)];
  const bytes = frame(CHROME, NET, 0x86dd, ipv6Packet('fe80:0:0:0:0:ff:fe00:2', 58, advertisement));
  assert.is(permissionOf(bytes, net), 'ipv6');
});

ethernet('any bytes get an answer, and none passes with another source', async () => {
  const seeds = [...FRAMES, ...FRAMES6].map(([, bytes]) => bytes);
  await fuzzUntil((random) => {
    const bytes = random.oneIn(8) ? random.bytes(random.below(120)) : random.mutate(random.pick(seeds));
    const permission = permissionOf(bytes);
    assert.ok(['arp', 'ipv4', 'ipv6', 'other', 'refused'].includes(permission), permission);
    if (permission === 'refused') return;
    assert.equal([...bytes.subarray(6, 12)], mac(CHROME));
    if (permission === 'ipv4') assert.equal([...bytes.subarray(26, 30)], [10, 137, 1, 1]);
    if (permission === 'arp') assert.equal([...bytes.subarray(22, 28)], mac(CHROME));
    assert.not.equal([...bytes.subarray(12, 14)], u16(0x8100));
  });
});

ethernet.run();
