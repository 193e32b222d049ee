import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { INSPECTORS } from '../../../../broker/core/inspectors/index.ts';
import { fuzzUntil } from '../../../support/seed.ts';
import { networkDomains } from '../domains.ts';
import { dhcpMessage, ip, mac } from '../packets.ts';

const dhcp = suite('the inspector of DHCP messages');
const domain = await networkDomains();
const chrome = domain('chrome-vm');
const net = domain('net-vm');
const CHROME = '02:00:00:00:01:01';
const MAIL = '02:00:00:00:01:02';

function permissionOf(bytes: Uint8Array, source = chrome): string {
  const inspector = INSPECTORS.get('dhcp');
  if (inspector === undefined) throw new Error('no such inspector');
  const around = new Uint8Array(bytes.length + 64).fill(53);
  around.set(bytes, 32);
  const index = inspector.inspect(around, 32, 32 + bytes.length, source);
  return index < 0 ? 'refused' : (inspector.permissions[index] ?? 'out of range');
}

const NAMES = ['discover', 'offer', 'request', 'decline', 'ack', 'nak', 'release', 'inform'];
for (const [index, name] of NAMES.entries()) {
  const isReply = ['offer', 'ack', 'nak'].includes(name);
  dhcp(`type ${index + 1} is ${name}, and only in a ${isReply ? 'reply' : 'request'}`, () => {
    const type = index + 1;
    assert.is(permissionOf(dhcpMessage({ chaddr: CHROME, type, op: isReply ? 2 : 1 }), isReply ? net : chrome), name);
    assert.is(permissionOf(dhcpMessage({ chaddr: CHROME, type, op: isReply ? 1 : 2 })), 'refused');
  });
}

function padded(message: Uint8Array, length: number): Uint8Array {
  const whole = new Uint8Array(length);
  whole.set(message);
  return whole;
}

const clientId = (address: string): number[] => [61, 7, 1, ...mac(address)];
const CLIENT: readonly (readonly [label: string, message: Uint8Array, permission: string])[] = [
  ['its own client identifier', dhcpMessage({ chaddr: CHROME, options: clientId(CHROME) }), 'discover'],
  ['its own address as ciaddr', dhcpMessage({ chaddr: CHROME, type: 3, ciaddr: '10.137.1.1' }), 'request'],
  ['padding behind the end', Uint8Array.from([...dhcpMessage({ chaddr: CHROME }), 0, 0, 0]), 'discover'],
  ['padding to the largest datagram', padded(dhcpMessage({ chaddr: CHROME }), 1_472), 'discover'],
  ['padding past the largest datagram', padded(dhcpMessage({ chaddr: CHROME }), 1_473), 'refused'],
  [
    'the type in an overloaded file field',
    dhcpMessage({ chaddr: CHROME, type: 0, options: [52, 1, 1], file: [53, 1, 7, 255] }),
    'release',
  ],
  [
    'the type in an overloaded sname field',
    dhcpMessage({ chaddr: CHROME, type: 0, options: [52, 1, 2], sname: [53, 1, 8, 255] }),
    'inform',
  ],

  ['another’s chaddr', dhcpMessage({ chaddr: MAIL }), 'refused'],
  ['another’s client identifier', dhcpMessage({ chaddr: CHROME, options: clientId(MAIL) }), 'refused'],
  // What dhcpcd and systemd-networkd send (systemd 6612), and what others do (insomniacslk 132, 265, FreeRADIUS 1863).
  ['a DUID', dhcpMessage({ chaddr: CHROME, options: [61, 19, 255, ...Array(18).fill(7)] }), 'discover'],
  ['a client identifier of type 0', dhcpMessage({ chaddr: CHROME, options: [61, 5, 0, 1, 2, 3, 4] }), 'discover'],
  ['padding of 0xFF', Uint8Array.from([...dhcpMessage({ chaddr: CHROME }), 255, 255, 255]), 'discover'],
  ['an option behind the end', Uint8Array.from([...dhcpMessage({ chaddr: CHROME }), 12, 1, 65]), 'discover'],
  [
    'a second type and another’s identifier behind the end, which nobody reads',
    Uint8Array.from([...dhcpMessage({ chaddr: CHROME }), 53, 1, 3, ...clientId(MAIL)]),
    'discover',
  ],
  ['no end mark', dhcpMessage({ chaddr: CHROME, isOpen: true }), 'discover'],
  ['a short identifier of type 1', dhcpMessage({ chaddr: CHROME, options: [61, 3, 1, 2, 0] }), 'refused'],
  [
    'another’s client identifier in the file field',
    dhcpMessage({ chaddr: CHROME, options: [52, 1, 1], file: [...clientId(MAIL), 255] }),
    'refused',
  ],
  ['another’s ciaddr', dhcpMessage({ chaddr: CHROME, type: 7, ciaddr: '10.137.1.2' }), 'refused'],
  ['a relay’s address', dhcpMessage({ chaddr: CHROME, giaddr: '10.137.0.9' }), 'refused'],
  ['a hop', dhcpMessage({ chaddr: CHROME, hops: 1 }), 'refused'],
  ['relay agent information', dhcpMessage({ chaddr: CHROME, options: [82, 2, 1, 0] }), 'refused'],
  ['no type (BOOTP)', dhcpMessage({ chaddr: CHROME, type: 0 }), 'refused'],
  ['type 9', dhcpMessage({ chaddr: CHROME, type: 9 }), 'refused'],
  ['two types', dhcpMessage({ chaddr: CHROME, type: 1, options: [53, 1, 2] }), 'refused'],
  [
    'a second type in the file field',
    dhcpMessage({ chaddr: CHROME, options: [52, 1, 1], file: [53, 1, 7, 255] }),
    'refused',
  ],
  ['overload 4', dhcpMessage({ chaddr: CHROME, options: [52, 1, 4] }), 'refused'],
  [
    'an option that reaches beyond an overloaded field',
    dhcpMessage({ chaddr: CHROME, options: [52, 1, 1], file: [...Array(126).fill(0), 12, 9] }),
    'refused',
  ],
  ['an option beyond the end', dhcpMessage({ chaddr: CHROME, options: [12, 200], isOpen: true }), 'refused'],
  ['another magic cookie', dhcpMessage({ chaddr: CHROME }).fill(0, 236, 240), 'refused'],
  ['an op of 3', dhcpMessage({ chaddr: CHROME, op: 3 }), 'refused'],
  ['cut short', dhcpMessage({ chaddr: CHROME }).slice(0, 239), 'refused'],
  ['nothing', new Uint8Array(0), 'refused'],
];
for (const [label, message, permission] of CLIENT) {
  dhcp(`a client’s message with ${label}: ${permission}`, () => assert.is(permissionOf(message), permission));
}

dhcp('a server names its own address as server identifier', () => {
  const offer = (server: string): Uint8Array =>
    dhcpMessage({ chaddr: CHROME, op: 2, type: 2, options: [54, 4, ...ip(server)] });
  assert.is(permissionOf(offer('10.137.0.2'), net), 'offer');
  assert.is(permissionOf(offer('10.137.0.3'), net), 'refused');
});

dhcp('any bytes get an answer, and none passes that asks for another MAC', async () => {
  const seeds = CLIENT.map(([, message]) => message);
  await fuzzUntil((random) => {
    const bytes = random.oneIn(8) ? random.bytes(random.below(400)) : random.mutate(random.pick(seeds));
    const permission = permissionOf(bytes);
    assert.ok([...NAMES, 'refused'].includes(permission), permission);
    if (['discover', 'request', 'decline', 'release', 'inform'].includes(permission))
      assert.equal([...bytes.subarray(28, 34)], mac(CHROME));
  });
});

dhcp.run();
