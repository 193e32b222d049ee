import { isIPv4, isIPv6 } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatIpv4, formatIpv6, formatMac, parseIpv4, parseIpv6, parseMac } from '../../broker/base/addresses.ts';
import {
  addressBytes,
  covers,
  formatPrefix,
  hasHostBits,
  ipv4Of,
  mask4,
  overlaps,
  type Prefix,
  parsePrefix,
} from '../../broker/base/prefixes.ts';
import { seededRandom } from '../support/seed.ts';

const addresses = suite('addresses and prefixes');

addresses('an IPv6 address is read and printed the same', () => {
  const random = seededRandom(1);
  for (let round = 0; round < 500; round++) {
    const bytes = random.bytes(16).map((byte) => (random.oneIn(2) ? 0 : byte));
    assert.equal(parseIpv6(formatIpv6(bytes)), bytes);
  }
  for (const text of [
    '::',
    '::1',
    'fd00::2',
    '1:0:0:2::3',
    '2001:db8::1:0:0:1',
    '1:2:3:4:5:6:7:8',
    'fe80::ff:fe00:101',
  ])
    assert.is(formatIpv6(parseIpv6(text) ?? new Uint8Array(16)), text);
  for (const text of [
    '',
    ':',
    ':::',
    '1::2::3',
    '1:2:3',
    '12345::',
    '1:2:3:4:5:6:7:8:9',
    '::ffff:1.2.3.4',
    'fe80::1%eth0',
  ])
    assert.is(parseIpv6(text), null, text);
});

addresses('an IPv4 address has one spelling', () => {
  assert.is(parseIpv4('255.0.0.1'), 0xff000001);
  for (const text of ['1.2.3', '1.2.3.4.5', '01.2.3.4', '256.1.1.1', '1.2.3.4 ', '0x1.2.3.4'])
    assert.is(parseIpv4(text), null);
});

addresses('an IPv4 address is printed as it is read', () => {
  for (const text of ['0.0.0.0', '10.137.1.1', '255.255.255.255']) assert.is(formatIpv4(parseIpv4(text) ?? 0), text);
});

addresses('what is an address here is one for node, and what node prints', () => {
  const random = seededRandom(2);
  for (let round = 0; round < 500; round++) {
    const text = formatIpv6(random.bytes(16).map((byte) => (random.oneIn(2) ? 0 : byte)));
    assert.ok(isIPv6(text), text);
    assert.is(new URL(`http://[${text}]/`).hostname, `[${text}]`);
    assert.ok(isIPv4(formatIpv4(ipv4Of(random.bytes(4)))));
  }
});

addresses('a MAC address is six pairs in lower case', () => {
  assert.is(formatMac(parseMac('02:00:00:00:01:0a') ?? new Uint8Array(6)), '02:00:00:00:01:0a');
  assert.is(formatMac(Uint8Array.of(9, 2, 0, 0, 0, 1, 10, 9), 1), '02:00:00:00:01:0a');
  for (const text of ['', '02:00:00:00:01', '02:00:00:00:01:0A', '02-00-00-00-01-0a', '02:00:00:00:01:0a:00'])
    assert.is(parseMac(text), null, text);
});

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === null) throw new Error(text);
  return parsed;
}

addresses('a prefix is read and printed the same', () => {
  for (const text of ['0.0.0.0/0', '10.0.0.0/8', '192.0.2.1/32', '::/0', 'fd00::/8', '2001:db8:0:1::/64', '::1/128'])
    assert.is(formatPrefix(prefix(text)), text);
  assert.is(formatPrefix(prefix('FD00:0::/8')), 'fd00::/8');
  for (const text of ['', '/', '10.0.0.0', '10.0.0.1/8', '10.0.0.0/33', '10.0.0.0/08', '10.0.0.0/-1', '10.0.0.0/8/8'])
    assert.is(parsePrefix(text), null, text);
  for (const text of ['fd00::1/64', 'fd00::/129', 'fe80::1%eth0/64', 'x/0', ':/0'])
    assert.is(parsePrefix(text), null, text);
});

const COVERS: readonly (readonly [outer: string, inner: string, covers: boolean])[] = [
  ['0.0.0.0/0', '10.0.0.0/8', true],
  ['10.0.0.0/8', '10.255.255.255/32', true],
  ['10.0.0.0/8', '11.0.0.0/8', false],
  ['10.0.0.0/9', '10.0.0.0/8', false],
  ['10.128.0.0/9', '10.0.0.0/9', false],
  ['::/0', 'fd00::/8', true],
  ['fc00::/7', 'fd00::/8', true],
  ['0.0.0.0/0', '::/0', false],
];
for (const [outer, inner, isCovered] of COVERS) {
  addresses(`${outer} ${isCovered ? 'covers' : 'does not cover'} ${inner}`, () => {
    const one = prefix(outer);
    const other = prefix(inner);
    assert.is(covers(one, other), isCovered);
    assert.is(overlaps(other, one), isCovered || covers(other, one));
  });
}

addresses('masks and host bits agree, for each length', () => {
  const random = seededRandom(3);
  for (let length = 0; length <= 32; length++) {
    const bytes = random.bytes(16).fill(0, 4);
    const masked = mask4(ipv4Of(bytes), length);
    const text = formatIpv4(masked);
    assert.not.ok(hasHostBits(addressBytes(text, 4) ?? bytes, 0, length), text);
    assert.is(hasHostBits(bytes, 0, length), ipv4Of(bytes) !== masked);
  }
});

addresses.run();
