/** A refused message that claims what is not the sender's has a reason of its own, so that the auditor tells it from damage. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { INSPECTORS, UNFIT_REASONS } from '../../../broker/core/index.ts';
import { networkDomains } from './domains.ts';
import { arp, BROADCAST, dhcpMessage, frame, ip6, ipv4Packet, ipv6Packet, mac } from './packets.ts';

const test = suite('inspectors: foreign claims');
const chrome = (await networkDomains())('chrome-vm');
const bare = (await networkDomains())('bare-vm');
const CHROME = '02:00:00:00:01:01';
const MAIL = '02:00:00:00:01:02';
const ADDRESS = '10.137.1.1';
const clientId = (address: string): number[] => [61, 7, 1, ...mac(address)];
const advertisement = (target: string): number[] => [136, 0, 0, 0, 0x20, 0, 0, 0, ...ip6(target)];

function reasonOf(inspector: string, bytes: Uint8Array, source = chrome): string {
  const result = INSPECTORS.get(inspector)?.inspect(bytes, 0, bytes.length, source) ?? 0;
  return result >= 0 ? 'fits' : (UNFIT_REASONS[-1 - result] ?? 'out of range');
}

const ROWS: readonly (readonly [label: string, inspector: string, bytes: Uint8Array, reason: string])[] = [
  ['a frame of its own', 'ethernet', frame(BROADCAST, CHROME, 0x0800, ipv4Packet({ from: ADDRESS })), 'fits'],
  ['another MAC', 'ethernet', frame(BROADCAST, MAIL, 0x0800, ipv4Packet({ from: ADDRESS })), 'FOREIGN_MAC'],
  [
    'another MAC inside ARP',
    'ethernet',
    frame(BROADCAST, CHROME, 0x0806, arp({ mac: MAIL, ipv4: ADDRESS })),
    'FOREIGN_MAC',
  ],
  [
    'another address in ARP',
    'ethernet',
    frame(BROADCAST, CHROME, 0x0806, arp({ mac: CHROME, ipv4: '10.137.1.2' })),
    'FOREIGN_ADDRESS',
  ],
  [
    'another IPv4 source',
    'ethernet',
    frame(BROADCAST, CHROME, 0x0800, ipv4Packet({ from: '10.137.1.2' })),
    'FOREIGN_ADDRESS',
  ],
  [
    'another IPv6 source',
    'ethernet',
    frame(BROADCAST, CHROME, 0x86dd, ipv6Packet('fd00:0:0:0:0:0:1:2', 59, [])),
    'FOREIGN_ADDRESS',
  ],
  [
    'a neighbour advertisement for another address',
    'ethernet',
    frame(BROADCAST, CHROME, 0x86dd, ipv6Packet('fd00:0:0:0:0:0:1:1', 58, advertisement('fd00:0:0:0:0:0:1:2'))),
    'FOREIGN_ADDRESS',
  ],
  ['a frame that is cut off', 'ethernet', new Uint8Array(13), 'MALFORMED'],
  [
    'a packet that is cut off',
    'ethernet',
    frame(BROADCAST, CHROME, 0x0800, ipv4Packet({ from: ADDRESS }).slice(0, 19)),
    'MALFORMED',
  ],
  ['DHCP of its own', 'dhcp', dhcpMessage({ chaddr: CHROME, options: clientId(CHROME) }), 'fits'],
  ['another chaddr', 'dhcp', dhcpMessage({ chaddr: MAIL }), 'FOREIGN_MAC'],
  ['another ciaddr', 'dhcp', dhcpMessage({ chaddr: CHROME, type: 3, ciaddr: '10.137.1.2' }), 'FOREIGN_ADDRESS'],
  ['another client id', 'dhcp', dhcpMessage({ chaddr: CHROME, options: clientId(MAIL) }), 'FOREIGN_CLIENT_ID'],
  ['a client id that is cut off', 'dhcp', dhcpMessage({ chaddr: CHROME, options: [61, 3, 1, 2, 0] }), 'MALFORMED'],
];
for (const [label, inspector, bytes, reason] of ROWS)
  test(`${label} is ${reason}`, () => assert.is(reasonOf(inspector, bytes), reason));

test('a domain without a MAC in the inventory has every frame refused as FOREIGN_MAC', () => {
  assert.is(reasonOf('ethernet', frame(BROADCAST, CHROME, 0x0800, ipv4Packet({ from: ADDRESS })), bare), 'FOREIGN_MAC');
});

test.run();
