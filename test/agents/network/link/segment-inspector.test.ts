/** One long TCP segment in a frame is decided as each of the frames that a kernel makes of it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { INSPECTORS } from '../../../../broker/core/inspectors/index.ts';
import { NET_HEADER_BYTES } from '../../../../clients/agents/network/link/headers.ts';
import { OFFLOAD_VERSION, writeHeader } from '../../../../clients/agents/network/link/offload.ts';
import { fuzzUntil } from '../../../support/seed.ts';
import { networkDomains } from '../domains.ts';
import { arp, frame, ipv4Packet, udp } from '../packets.ts';
import { CHROME, foreign6, hidden6, NET, OWN4, piecesOf, type Segment, segment4, segment6 } from './segments.ts';

const inspector = suite('the inspector and one long TCP segment');
const domain = await networkDomains();
const chrome = domain('chrome-vm');
const net = domain('net-vm');

function permissionOf(bytes: Uint8Array, source = chrome): string {
  const ethernet = INSPECTORS.get('ethernet');
  if (ethernet === undefined) throw new Error('no such inspector');
  const around = new Uint8Array(bytes.length + 64).fill(0xee);
  around.set(bytes, 32);
  const index = ethernet.inspect(around, 32, 32 + bytes.length, source);
  return index < 0 ? 'refused' : (ethernet.permissions[index] ?? 'out of range');
}

const LONG = 40_000;
const long4 = (parts: Segment = {}): Buffer => segment4({ bytes: LONG, ...parts });

const FRAMES: readonly (readonly [label: string, bytes: Buffer, permission: string])[] = [
  ['an IPv4 segment', long4(), 'ipv4'],
  ['an IPv6 segment', segment6({ bytes: LONG }), 'ipv6'],
  ['IPv4 options that route nothing', long4({ ipOptions: [148, 4, 0, 0] }), 'ipv4'],
  ['the largest packet', segment4({ bytes: 65_483 }), 'ipv4'],
  ['a byte behind the largest packet', Buffer.concat([segment4({ bytes: 65_483 }), Buffer.alloc(1)]), 'refused'],
  ['an IPv6 packet longer than a kernel makes', segment6({ bytes: 65_503 }), 'refused'],
  ['another IPv4 source', long4({ from: '10.137.1.2' }), 'refused'],
  ['another IPv6 source', foreign6(LONG), 'refused'],
  ['another source MAC', long4().fill(2, 11, 12), 'refused'],
  ['a source route', long4({ ipOptions: [131, 7, 4, 1, 2, 3, 4, 0] }), 'refused'],
  ['a first fragment', long4({ fragment: 0x2000 }), 'refused'],
  ['a later fragment', long4({ fragment: 185 }), 'refused'],
  ['UDP', long4({ protocol: 17 }), 'refused'],
  ['ICMP', long4({ protocol: 1 }), 'refused'],
  ['another protocol', long4({ protocol: 4 }), 'refused'],
  ['an IPv6 extension header', hidden6(LONG), 'refused'],
  ['IPv6 and another protocol', segment6({ bytes: LONG, protocol: 59 }), 'refused'],
  ['a VLAN tag', long4().fill(Buffer.from([0x81, 0]), 12, 14), 'refused'],
  ['another ethertype', long4().fill(Buffer.from([0x88, 0xcc]), 12, 14), 'refused'],
  ['ARP', Buffer.concat([frame(NET, CHROME, 0x0806, arp({ mac: CHROME, ipv4: OWN4 })), Buffer.alloc(LONG)]), 'refused'],
  ['another frame behind the packet', Buffer.concat([long4({ bytes: 20_000 }), long4({ bytes: 20_000 })]), 'refused'],
  ['another frame behind the IPv6 packet', Buffer.concat([segment6({ bytes: 20_000 }), long4()]), 'refused'],
];
for (const [label, bytes, permission] of FRAMES) {
  inspector(`${label}: ${permission}`, () => assert.is(permissionOf(bytes), permission));
}

inspector('a router passes segments on only from its prefixes', () => {
  const routed = (from: string): Buffer => {
    const bytes = long4({ from });
    bytes.set([0, 0, 0, 0, 2], 7);
    return bytes;
  };
  assert.is(permissionOf(routed('192.0.2.7'), net), 'ipv4');
  assert.is(permissionOf(routed('10.137.1.2'), net), 'refused');
});

inspector('a segment is decided as each of its pieces', async () => {
  const seeds = [
    segment4({ bytes: 12_000 }),
    segment4({ bytes: 3_000 }),
    segment4({ bytes: 12_000, ipOptions: [148, 4, 0, 0] }),
    segment6({ bytes: 12_000 }),
    segment6({ bytes: 3_000 }),
  ];
  const datagram = frame(NET, CHROME, 0x0800, ipv4Packet({ from: OWN4, protocol: 17, payload: udp(68, 67) }));
  let compared = 0;
  let refused = 0;
  await fuzzUntil((random) => {
    const bytes = random.oneIn(10) ? Buffer.from(datagram) : Buffer.from(random.pick(seeds));
    // Headers are where a difference could be: flip bytes of the first 90.
    for (let flips = random.below(3); flips > 0; flips--) bytes[random.below(90) % bytes.length] = random.below(256);
    const pieceBytes = 500 + random.below(3_000);
    const verdict = permissionOf(bytes);
    const packet = Buffer.concat([Buffer.alloc(NET_HEADER_BYTES), bytes]);
    const reachesKernel = writeHeader(packet, OFFLOAD_VERSION | 0x1_0000 | pieceBytes);
    const pieces = piecesOf(bytes, pieceBytes);
    if (pieces === null) {
      assert.is(reachesKernel, false, 'nobody cuts what is no segment');
      return;
    }
    compared++;
    const verdicts = new Set(pieces.map((piece) => permissionOf(piece)));
    assert.equal([...verdicts], [verdict], `${pieces.length} pieces`);
    if (verdict === 'refused') refused++;
  });
  assert.ok(compared > refused && refused > 0, `${compared} compared, ${refused} refused`);
});

inspector.run();
