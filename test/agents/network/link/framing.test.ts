import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NetError } from '../../../../clients/agents/network/errors.ts';
import { dhcpFrame, dhcpOf } from '../../../../clients/agents/network/link/dhcp-frame.ts';
import { FrameReader, lengthPrefix } from '../../../../clients/agents/network/link/framing.ts';
import { Stations } from '../../../../clients/agents/network/link/stations.ts';
import { fuzzUntil, seededRandom } from '../../../support/seed.ts';
import { dhcpMessage, frame, ipv4Packet, mac, udp } from '../packets.ts';

const framing = suite('frames on a stream, and DHCP in frames');

function joined(frames: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(frames.flatMap((one) => [lengthPrefix(one.length), one]));
}

framing('a length is four bytes, the uppermost first', () => {
  assert.equal(lengthPrefix(0x01020304), Uint8Array.of(1, 2, 3, 4));
});

framing('frames come out as they went in, however the stream is cut', () => {
  const random = seededRandom(3);
  for (let round = 0; round < 200; round++) {
    const frames = Array.from({ length: 1 + random.below(8) }, () => random.bytes(random.below(200)));
    const bytes = joined(frames);
    const out: Uint8Array[] = [];
    const reader = new FrameReader((one) => out.push(Uint8Array.from(one)));
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + random.below(90);
      reader.push(bytes.slice(at, at + size));
      at += size;
    }
    assert.equal(out, frames);
  }
});

framing('what is kept of a frame is a copy: the stream may use its chunk again', () => {
  const out: Uint8Array[] = [];
  const reader = new FrameReader((one) => out.push(Uint8Array.from(one)));
  const bytes = joined([Uint8Array.of(1, 2, 3, 4)]);
  const chunk = bytes.slice(0, 6);
  reader.push(chunk);
  chunk.fill(0);
  reader.push(bytes.slice(6));
  assert.equal(out, [Uint8Array.of(1, 2, 3, 4)]);
});

framing('a length that no frame has ends the stream', () => {
  const reader = new FrameReader(() => {});
  try {
    reader.push(lengthPrefix(70_000));
    assert.unreachable();
  } catch (error) {
    assert.is(error instanceof NetError ? error.code : error, 'ERR_NET_FRAMING');
  }
});

const CHROME = '02:00:00:00:01:01';
const DISCOVER = dhcpMessage({ chaddr: CHROME });

framing('a DHCP message is found in its frame, and put in one', () => {
  for (const toPort of [67, 68] as const) {
    const whole = dhcpFrame({
      destination: Uint8Array.from(mac('ff:ff:ff:ff:ff:ff')),
      source: Uint8Array.from(mac(CHROME)),
      from: 0x0a890002,
      to: null,
      toPort,
      message: DISCOVER,
    });
    assert.equal(dhcpOf(whole), { to: toPort === 67 ? 'server' : 'client', message: DISCOVER });
    assert.equal([...whole.subarray(26, 34)], [10, 137, 0, 2, 255, 255, 255, 255]);
    assert.is(onesSum(whole.subarray(14, 34)), 0xffff, 'IPv4 checksum');
    const pseudo = Uint8Array.from([
      ...whole.subarray(26, 34),
      0,
      17,
      ...whole.subarray(38, 40),
      ...whole.subarray(34),
    ]);
    assert.is(onesSum(pseudo), 0xffff, 'UDP checksum');
  }
});

/** RFC 1071: over data with its checksum this is all ones. */
function onesSum(bytes: Uint8Array): number {
  let sum = 0;
  for (const [index, byte] of bytes.entries()) sum += index % 2 === 0 ? byte << 8 : byte;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

const OTHERS: readonly (readonly [label: string, bytes: Uint8Array])[] = [
  ['another port', frame(CHROME, CHROME, 0x0800, ipv4Packet({ from: '10.0.0.1', protocol: 17, payload: udp(67, 53) }))],
  ['TCP', frame(CHROME, CHROME, 0x0800, ipv4Packet({ from: '10.0.0.1', protocol: 6, payload: udp(68, 67) }))],
  ['ARP', frame(CHROME, CHROME, 0x0806, new Array(28).fill(0))],
  [
    'a fragment',
    frame(
      CHROME,
      CHROME,
      0x0800,
      ipv4Packet({ from: '10.0.0.1', protocol: 17, fragment: 0x2000, payload: udp(68, 67) }),
    ),
  ],
  [
    'a UDP length beyond the frame',
    frame(CHROME, CHROME, 0x0800, ipv4Packet({ from: '10.0.0.1', protocol: 17, payload: [0, 68, 0, 67, 0, 99, 0, 0] })),
  ],
  ['nothing', new Uint8Array(0)],
];
for (const [label, bytes] of OTHERS) framing(`${label} is no DHCP`, () => assert.is(dhcpOf(bytes), null));

framing('any bytes get an answer', async () => {
  const seed = frame(
    CHROME,
    CHROME,
    0x0800,
    ipv4Packet({ from: '10.0.0.1', protocol: 17, payload: udp(68, 67, [...DISCOVER]) }),
  );
  await fuzzUntil((random) => {
    const found = dhcpOf(random.mutate(seed));
    assert.ok(found === null || found.message.length <= 70_000);
  });
});

framing('a station is known by what it sent, and a domain that sends as many keeps nobody else out for long', () => {
  const stations = new Stations();
  const own = Uint8Array.from(mac(CHROME));
  assert.is(stations.domainOf(own, 0), null);
  stations.learn(own, 0, 'chrome-vm');
  assert.is(stations.domainOf(own, 0), 'chrome-vm');
  const random = seededRandom(4);
  for (let round = 0; round < 3000; round++) stations.learn(random.bytes(6), 0, 'mail-vm');
  stations.learn(own, 0, 'chrome-vm');
  assert.is(stations.domainOf(own, 0), 'chrome-vm');
});

framing.run();
