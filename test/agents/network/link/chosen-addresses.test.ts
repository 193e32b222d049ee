/** IPv6 addresses that domains choose by themselves: first come, first served (RFC 6620, RFC 7039). */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  INSPECTORS,
  MAX_CHOSEN_ADDRESSES,
  Neighbours,
  UNFIT_REASONS,
} from '../../../../broker/core/inspectors/index.ts';
import type { Domain } from '../../../../policy/index.ts';
import { fuzzUntil } from '../../../support/seed.ts';
import { networkDomains } from '../domains.ts';
import { frame, ip6, ipv6Packet, mac } from '../packets.ts';

const test = suite('addresses that domains choose');

const INVENTORY = `labels:
  - name: '@app'
domains:
  - {name: net-vm, domid: 1, labels: ['@app'], mac: '02:00:00:00:00:02', ipv6: 'fd00:0:0:1::2', routes: ['::/0']}
  - {name: chrome-vm, domid: 2, mac: '02:00:00:00:01:01', slaac: ['fd00:0:0:1::/64']}
  - {name: mail-vm, domid: 3, mac: '02:00:00:00:01:02', slaac: ['fd00:0:0:1::/64']}
  - {name: fixed-vm, domid: 4, mac: '02:00:00:00:01:03', ipv6: 'fd00:0:0:1::4'}
`;
const domain = await networkDomains(INVENTORY);
const NET = domain('net-vm');
const CHROME = domain('chrome-vm');
const MAIL = domain('mail-vm');
const FIXED = domain('fixed-vm');
const ROUTER = '02:00:00:00:00:02';

const NOWHERE = '0:0:0:0:0:0:0:0';
const STABLE = 'fd00:0:0:1:a1b2:c3d4:e5f6:1';
const TEMPORARY = 'fd00:0:0:1:77:88:99:aa';
const LINK_LOCAL = 'fe80:0:0:0:a1b2:c3d4:e5f6:1';
const TCP = new Array<number>(20).fill(1);
const numbered = (count: number): string => `fd00:0:0:1:1:2:3:${count.toString(16)}`;

const macOf = ({ mac: text }: Domain): string => text ?? '00:00:00:00:00:00';
const packet = (from: Domain, address: string, next = 6, payload: readonly number[] = TCP): Uint8Array =>
  frame(ROUTER, macOf(from), 0x86dd, ipv6Packet(address, next, payload));
const discovery = (type: number, target: string, option: readonly number[]): number[] => [
  ...[type, 0, 0, 0, 0, 0, 0, 0],
  ...ip6(target),
  ...option,
];
/** Duplicate address detection: a solicitation from no address. */
const asks = (from: Domain, target: string): Uint8Array => packet(from, NOWHERE, 58, discovery(135, target, []));
const advertises = (from: Domain, source: string, target: string): Uint8Array =>
  packet(from, source, 58, discovery(136, target, [2, 1, ...mac(macOf(from))]));

function verdict(neighbours: Neighbours | undefined, source: Domain, bytes: Uint8Array): string {
  const inspector = INSPECTORS.get('ethernet');
  const result = inspector?.inspect(bytes, 0, bytes.length, source, neighbours) ?? -1;
  return result >= 0 ? (inspector?.permissions[result] ?? '') : (UNFIT_REASONS[-1 - result] ?? '');
}

test('a guest that changes nothing has a stable, a temporary and a link-local address of its choice', () => {
  const neighbours = new Neighbours();
  for (const address of [LINK_LOCAL, STABLE, TEMPORARY]) {
    assert.is(verdict(neighbours, CHROME, asks(CHROME, address)), 'ipv6', `asks for ${address}`);
    assert.is(verdict(neighbours, CHROME, packet(CHROME, address)), 'ipv6', `speaks from ${address}`);
    assert.is(verdict(neighbours, CHROME, advertises(CHROME, LINK_LOCAL, address)), 'ipv6', `announces ${address}`);
  }
  assert.is(neighbours.size, 3);
});

test('the address of the MAC is its own without a question, in the prefix too', () => {
  const neighbours = new Neighbours();
  assert.is(verdict(neighbours, CHROME, packet(CHROME, 'fe80:0:0:0:0:ff:fe00:101')), 'ipv6');
  assert.is(neighbours.size, 0, 'nothing to learn');
  assert.is(verdict(neighbours, CHROME, packet(CHROME, 'fd00:0:0:1:0:ff:fe00:101')), 'ipv6');
});

test('what the first domain took is foreign to the second, in every kind of packet', () => {
  const neighbours = new Neighbours();
  verdict(neighbours, CHROME, packet(CHROME, STABLE));
  verdict(neighbours, MAIL, packet(MAIL, LINK_LOCAL));
  assert.is(verdict(neighbours, MAIL, packet(MAIL, STABLE)), 'FOREIGN_ADDRESS', 'speaks from it');
  assert.is(verdict(neighbours, MAIL, advertises(MAIL, LINK_LOCAL, STABLE)), 'FOREIGN_ADDRESS', 'announces it');
  assert.is(verdict(neighbours, MAIL, advertises(MAIL, STABLE, STABLE)), 'FOREIGN_ADDRESS', 'announces it from it');
  assert.is(verdict(neighbours, CHROME, packet(CHROME, STABLE)), 'ipv6', 'and its owner keeps it');
});

test('nobody else asks for an address while its owner still asks, and the owner can defend it afterwards', () => {
  const neighbours = new Neighbours();
  verdict(neighbours, CHROME, asks(CHROME, STABLE));
  assert.is(verdict(neighbours, MAIL, asks(MAIL, STABLE)), 'FOREIGN_ADDRESS', 'it would stop the owner');
  verdict(neighbours, CHROME, packet(CHROME, STABLE));
  assert.is(verdict(neighbours, MAIL, asks(MAIL, STABLE)), 'ipv6', 'the owner answers');
  assert.is(verdict(neighbours, CHROME, advertises(CHROME, STABLE, STABLE)), 'ipv6');
  assert.is(verdict(neighbours, MAIL, packet(MAIL, STABLE)), 'FOREIGN_ADDRESS', 'a question takes nothing');
});

test('the table keeps a copy of the address, because the memory of a frame is used again', () => {
  const neighbours = new Neighbours();
  const received = Buffer.from(packet(CHROME, STABLE));
  verdict(neighbours, CHROME, received);
  received.fill(0);
  assert.is(verdict(neighbours, MAIL, packet(MAIL, STABLE)), 'FOREIGN_ADDRESS');
  assert.is(verdict(neighbours, CHROME, packet(CHROME, STABLE)), 'ipv6');
  assert.is(neighbours.size, 1);
});

test('an answer to the question of another domain is refused', () => {
  const neighbours = new Neighbours();
  verdict(neighbours, CHROME, asks(CHROME, STABLE));
  assert.is(verdict(neighbours, MAIL, advertises(MAIL, 'fe80:0:0:0:0:ff:fe00:102', STABLE)), 'FOREIGN_ADDRESS');
});

const NEVER_FREE: readonly (readonly [label: string, address: string])[] = [
  ['the address that the inventory gives another domain', 'fd00:0:0:1:0:0:0:4'],
  ['the router’s', 'fd00:0:0:1:0:0:0:2'],
  ['one made of the MAC of another domain', 'fd00:0:0:1:0:ff:fe00:102'],
  ['a link-local one made of the MAC of a domain that chooses none', 'fe80:0:0:0:0:ff:fe00:103'],
  ['the address of all routers', 'fd00:0:0:1:0:0:0:0'],
  ['an anycast address', 'fd00:0:0:1:fdff:ffff:ffff:fffe'],
  ['one of another prefix', 'fd00:0:0:2:1:2:3:4'],
  ['one of a longer fe80', 'fe80:0:0:1:1:2:3:4'],
  ['a multicast one', 'ff02:0:0:0:0:0:0:1'],
];
for (const [label, address] of NEVER_FREE) {
  test(`no domain chooses ${label}`, () => {
    const neighbours = new Neighbours();
    assert.is(verdict(neighbours, CHROME, packet(CHROME, address)), 'FOREIGN_ADDRESS');
    assert.is(verdict(neighbours, CHROME, asks(CHROME, address)), 'FOREIGN_ADDRESS');
    assert.is(neighbours.size, 0);
  });
}

test('the static mode stays the stricter one: such a domain chooses nothing and asks for nothing', () => {
  const neighbours = new Neighbours();
  assert.is(verdict(neighbours, FIXED, packet(FIXED, 'fd00:0:0:1:0:0:0:4')), 'ipv6');
  assert.is(verdict(neighbours, FIXED, packet(FIXED, TEMPORARY)), 'FOREIGN_ADDRESS');
  assert.is(verdict(neighbours, FIXED, asks(FIXED, TEMPORARY)), 'FOREIGN_ADDRESS');
  verdict(neighbours, CHROME, packet(CHROME, STABLE));
  assert.is(verdict(neighbours, FIXED, asks(FIXED, STABLE)), 'FOREIGN_ADDRESS');
});

test('without a table nothing is chosen', () => {
  assert.is(verdict(undefined, CHROME, packet(CHROME, STABLE)), 'FOREIGN_ADDRESS');
});

test('a router advertisement needs ::/0, whatever address its sender chose', () => {
  const neighbours = new Neighbours();
  const advertisement = (from: Domain): number[] => [
    ...[134, 0, 0, 0, ...new Array<number>(12).fill(0)],
    ...[1, 1, ...mac(macOf(from))],
  ];
  const link = 'fe80:0:0:0:0:ff:fe00:2';
  assert.is(verdict(neighbours, NET, packet(NET, link, 58, advertisement(NET))), 'ipv6');
  assert.is(verdict(neighbours, CHROME, packet(CHROME, LINK_LOCAL, 58, advertisement(CHROME))), 'MALFORMED');
});

test('a refused packet takes no address', () => {
  const neighbours = new Neighbours();
  const redirect = packet(CHROME, STABLE, 58, [137, ...new Array<number>(39).fill(0)]);
  assert.is(verdict(neighbours, CHROME, redirect), 'MALFORMED');
  const lies = packet(CHROME, NOWHERE, 58, discovery(135, STABLE, [1, 1, ...mac(macOf(MAIL))]));
  assert.is(verdict(neighbours, CHROME, lies), 'MALFORMED');
  assert.is(neighbours.size, 0);
});

test('a default route covers no address in a prefix in which domains choose', () => {
  const neighbours = new Neighbours();
  assert.is(verdict(neighbours, NET, packet(NET, STABLE)), 'FOREIGN_ADDRESS');
  assert.is(verdict(neighbours, NET, packet(NET, '2001:db8:0:0:0:0:0:1')), 'ipv6');
});

test('a domain that takes more than its number gives up the one that it used longest ago', () => {
  const neighbours = new Neighbours();
  for (let count = 0; count < MAX_CHOSEN_ADDRESSES; count++)
    verdict(neighbours, CHROME, packet(CHROME, numbered(count)));
  verdict(neighbours, CHROME, packet(CHROME, numbered(0)));
  verdict(neighbours, CHROME, packet(CHROME, STABLE));
  assert.is(neighbours.size, MAX_CHOSEN_ADDRESSES);
  assert.is(verdict(neighbours, MAIL, packet(MAIL, numbered(0))), 'FOREIGN_ADDRESS', 'used again since');
  assert.is(verdict(neighbours, MAIL, packet(MAIL, numbered(1))), 'ipv6', 'given up');
});

test('a flood of chosen addresses costs its sender only', () => {
  const neighbours = new Neighbours();
  verdict(neighbours, CHROME, packet(CHROME, STABLE));
  for (let count = 0; count < 5_000; count++) verdict(neighbours, MAIL, packet(MAIL, numbered(count)));
  assert.is(neighbours.size, MAX_CHOSEN_ADDRESSES + 1);
  assert.is(verdict(neighbours, MAIL, packet(MAIL, STABLE)), 'FOREIGN_ADDRESS');
});

const NOBODY = { all: [], byDomid: () => undefined, broker: NET };

test('a new inventory frees what its owner could not choose any more, and nothing else', async () => {
  const changes: readonly (readonly [label: string, inventory: string, verdict: string])[] = [
    ['the same', INVENTORY, 'FOREIGN_ADDRESS'],
    ['without the owner', INVENTORY.replace(/.*chrome-vm.*\n/, ''), 'ipv6'],
    ['another prefix for the owner', INVENTORY.replace("'fd00:0:0:1::/64'", "'fd00:0:0:9::/64'"), 'ipv6'],
    [
      'given to the other',
      INVENTORY.replace(
        "slaac: ['fd00:0:0:1::/64']}\n  - {name: fixed",
        "ipv6: 'fd00::1:a1b2:c3d4:e5f6:1'}\n  - {name: fixed",
      ),
      'ipv6',
    ],
  ];
  for (const [label, inventory, expected] of changes) {
    const neighbours = new Neighbours();
    verdict(neighbours, CHROME, packet(CHROME, STABLE));
    const after = await networkDomains(inventory);
    const names = ['net-vm', 'chrome-vm', 'mail-vm', 'fixed-vm'].filter((name) => inventory.includes(name));
    neighbours.keep({ ...NOBODY, byName: (name) => (names.includes(name) ? after(name) : undefined) });
    assert.is(verdict(neighbours, after('mail-vm'), packet(MAIL, STABLE)), expected, label);
  }
});
test('any bytes get an answer, and no two domains have one address', async () => {
  const neighbours = new Neighbours();
  const seeds = [CHROME, MAIL].flatMap((each) => [
    packet(each, STABLE),
    asks(each, STABLE),
    advertises(each, LINK_LOCAL, TEMPORARY),
    packet(each, LINK_LOCAL),
  ]);
  await fuzzUntil((random) => {
    const [source, other] = random.oneIn(2) ? [CHROME, MAIL] : [MAIL, CHROME];
    const bytes = random.mutate(random.pick(seeds));
    if (verdict(neighbours, source, bytes) !== 'ipv6') return;
    assert.not(neighbours.admits(other, bytes, 22));
    assert.ok(neighbours.size <= 2 * MAX_CHOSEN_ADDRESSES);
  }, 0.3);
});

test.run();
