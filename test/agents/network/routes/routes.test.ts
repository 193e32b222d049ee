import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { INSPECTORS } from '../../../../broker/core/inspectors/index.ts';
import { UNFIT_REASONS } from '../../../../broker/core/inspectors/inspector.ts';
import { announcementOf } from '../../../../clients/agents/network/routes/announcement.ts';
import { type KernelRoute, parseKernelRoutes } from '../../../../clients/agents/network/routes/kernel.ts';
import {
  decodeRoutes,
  encodeRoutes,
  ROUTE_OPERATIONS,
  type RouteMessage,
} from '../../../../clients/agents/network/routes/message.ts';
import { planRoutes } from '../../../../clients/agents/network/routes/plan.ts';
import {
  addressBytes,
  covers,
  formatPrefix,
  type Prefix,
  parsePrefix,
} from '../../../../clients/agents/network/routes/prefix.ts';
import { fuzzUntil, seeded } from '../../../support/seed.ts';
import { networkDomains } from '../domains.ts';

const routes = suite('routes');
const domain = await networkDomains();
const net = domain('net-vm');
const chrome = domain('chrome-vm');
const bytesOf = (text: string, family: 4 | 6): Uint8Array => addressBytes(text, family) ?? new Uint8Array(0);
const GATEWAY = bytesOf('10.137.0.2', 4).subarray(0, 4);
const GATEWAY6 = bytesOf('fd00::2', 6);

function prefix(text: string, family: 4 | 6 = 4): Prefix {
  const parsed = parsePrefix(text, family);
  if (parsed === null) throw new Error(text);
  return parsed;
}

function message(
  operation: RouteMessage['operation'],
  prefixes: readonly string[],
  rest: Partial<RouteMessage> = {},
): Uint8Array {
  const family = (text: string): 4 | 6 => (text.includes(':') ? 6 : 4);
  const list = prefixes.map((text) => ({ prefix: prefix(text, family(text)), metric: 0 }));
  return encodeRoutes({ operation, generation: 1, gateway4: GATEWAY, gateway6: null, routes: list, ...rest });
}

function permissionOf(bytes: Uint8Array, source = net): string {
  const said = answerTo(bytes, source);
  return UNFIT_REASONS.some((reason) => reason === said) ? 'refused' : said;
}

/** The permission, or the reason for the refusal. */
function answerTo(bytes: Uint8Array, source = net): string {
  const inspector = INSPECTORS.get('route');
  if (inspector === undefined) throw new Error('no such inspector');
  const around = new Uint8Array(bytes.length + 64).fill(4);
  around.set(bytes, 32);
  const index = inspector.inspect(around, 32, 32 + bytes.length, source);
  return (index < 0 ? UNFIT_REASONS[-1 - index] : inspector.permissions[index]) ?? 'out of range';
}

const request = message('request', [], { gateway4: null });
const changed = (bytes: Uint8Array, at: number, value: number): Uint8Array => bytes.slice().fill(value, at, at + 1);
const MESSAGES: readonly (readonly [label: string, bytes: Uint8Array, permission: string])[] = [
  ['a prefix that the inventory gives it', message('announce', ['10.137.2.0/24']), 'announce'],
  ['a part of the Internet', message('announce', ['192.0.2.0/24', '10.137.2.0/25']), 'announce'],
  ['no route any more', message('announce', []), 'announce'],
  ['the default route', message('announce-default', ['0.0.0.0/0']), 'announce-default'],
  [
    'both default routes',
    message('announce-default', ['0.0.0.0/0', '::/0'], { gateway6: GATEWAY6 }),
    'announce-default',
  ],
  ['a withdrawal', message('withdraw', ['0.0.0.0/0', '10.0.0.0/8']), 'withdraw'],
  ['a withdrawal of all', message('withdraw', [], { gateway4: null }), 'withdraw'],
  ['a request', request, 'request'],

  ['a default route among others', message('announce', ['0.0.0.0/0', '192.0.2.0/24']), 'refused'],
  ['others among the default route', message('announce-default', ['0.0.0.0/0', '192.0.2.0/24']), 'refused'],
  ['the network of another domain', message('announce', ['10.137.1.0/24']), 'refused'],
  ['the address of another domain', message('announce', ['10.137.1.1/32']), 'refused'],
  ['half of everything', message('announce', ['0.0.0.0/1']), 'refused'],
  ['another’s gateway', message('announce', ['192.0.2.0/24'], { gateway4: Uint8Array.of(10, 137, 1, 1) }), 'refused'],
  ['no gateway', message('announce', ['192.0.2.0/24'], { gateway4: null }), 'refused'],
  ['an IPv6 route without an IPv6 gateway', message('announce', ['2001:db8::/32']), 'refused'],
  ['another’s IPv6 gateway', message('announce', [], { gateway6: bytesOf('fd00::1:1', 6) }), 'refused'],
  ['host bits', changed(message('announce', ['192.0.2.0/24']), 32 + 8 + 3, 1), 'refused'],
  ['bits beyond an IPv4 address', changed(message('announce', ['192.0.2.0/24']), 32 + 8 + 9, 1), 'refused'],
  ['a prefix of 33 bits', changed(message('announce', ['192.0.2.0/32']), 32 + 1, 33), 'refused'],
  ['family 5', changed(message('announce', ['192.0.2.0/24']), 32, 5), 'refused'],
  ['reserved bits', changed(message('announce', ['192.0.2.0/24']), 32 + 2, 1), 'refused'],
  ['reserved bits in the header', changed(request, 13, 1), 'refused'],
  ['another version', changed(request, 0, 2), 'refused'],
  ['operation 5', changed(request, 1, 5), 'refused'],
  ['operation 0', changed(request, 1, 0), 'refused'],
  ['a count that is not the length', changed(request, 2, 1), 'refused'],
  ['a request with a gateway', message('request', []), 'refused'],
  ['bytes behind the end', Uint8Array.from([...request, 0]), 'refused'],
  ['nothing', new Uint8Array(0), 'refused'],
];
for (const [label, bytes, permission] of MESSAGES) {
  routes(`a router’s ${label}: ${permission}`, () => assert.is(permissionOf(bytes), permission));
}

/** Routes and gateways that belong to other domains. All other refused messages above are damaged. */
const FOREIGN = new Set([
  'the network of another domain',
  'the address of another domain',
  'half of everything',
  'another’s gateway',
  'another’s IPv6 gateway',
]);

routes('the reason tells a claim to what belongs to others from damage', () => {
  for (const [label, bytes, permission] of MESSAGES) {
    if (permission !== 'refused') continue;
    assert.is(answerTo(bytes), FOREIGN.has(label) ? 'FOREIGN_ADDRESS' : 'MALFORMED', label);
  }
  const mine = { gateway6: GATEWAY6 };
  assert.is(answerTo(message('announce', ['fd00::1:0/112'], mine)), 'FOREIGN_ADDRESS');
});

routes('a domain that routes nothing announces nothing', () => {
  const own = { gateway4: Uint8Array.of(10, 137, 1, 1) };
  assert.is(permissionOf(message('announce', ['192.0.2.0/24'], own), chrome), 'refused');
  assert.is(permissionOf(message('announce-default', ['0.0.0.0/0'], own), chrome), 'refused');
  assert.is(permissionOf(request, chrome), 'request');
});

const anyPrefix = fc
  .constantFrom('0.0.0.0/0', '10.0.0.0/8', '192.0.2.128/25', '::/0', 'fd00::/8', '2001:db8::1/128')
  .map((text) => prefix(text, text.includes(':') ? 6 : 4));
routes('what is encoded is decoded the same', () => {
  const u32 = fc.nat({ max: 0xffff_ffff });
  const any = fc.record(
    {
      operation: fc.constantFrom(...ROUTE_OPERATIONS),
      generation: u32,
      gateway4: fc.constantFrom(null, GATEWAY.slice()),
      gateway6: fc.constantFrom(null, GATEWAY6.slice()),
      routes: fc.array(fc.record({ prefix: anyPrefix, metric: u32 }, { noNullPrototype: true }), { maxLength: 300 }),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(any, (value) => {
      assert.equal(decodeRoutes(encodeRoutes(value)), { ...value, routes: value.routes.slice(0, 256) });
    }),
    seeded({ numRuns: 100 }),
  );
});

routes(
  'whatever the inspector lets pass is a message here, with nothing that the sender may not announce',
  async () => {
    const seeds = MESSAGES.map(([, bytes]) => bytes);
    await fuzzUntil((random) => {
      const bytes = random.oneIn(8) ? random.bytes(random.below(100)) : random.mutate(random.pick(seeds));
      const permission = permissionOf(bytes);
      const decoded = decodeRoutes(bytes);
      if (permission === 'refused') return;
      assert.is(decoded?.operation, permission);
      if (permission !== 'announce') return;
      for (const { prefix: announced } of decoded?.routes ?? []) {
        assert.ok(announced.length > 0);
        for (const address of ['10.137.0.2', '10.137.1.1', '10.137.1.2', '10.137.2.3']) {
          const isAllowed = covers(prefix('10.137.2.0/24'), announced) || !covers(announced, prefix(address));
          assert.ok(isAllowed, formatPrefix(announced));
        }
      }
    });
  },
);

routes('prefixes are read and printed the same', () => {
  for (const text of ['0.0.0.0/0', '10.0.0.0/8', '192.0.2.1/32', '::/0', 'fd00::/8', '2001:db8:0:1::/64', '::1/128'])
    assert.is(formatPrefix(prefix(text)), text);
  assert.is(formatPrefix(prefix('default', 6)), '::/0');
  assert.is(formatPrefix(prefix('192.0.2.1')), '192.0.2.1/32');
  for (const text of [
    '',
    '10.0.0.1/8',
    '10.0.0.0/33',
    'fd00::1/64',
    '10.0.0.0/8/8',
    'fe80::1%eth0',
    'x',
    '10.0.0.0/-1',
  ])
    assert.is(parsePrefix(text), null, text);
});

function kernel(dst: string, rest: Partial<KernelRoute> = {}): KernelRoute {
  return { prefix: prefix(dst), gateway: null, device: 'eth0', protocol: 'kernel', metric: 0, isUsable: true, ...rest };
}

const SHOWN = `[{"dst":"default","gateway":"10.137.0.2","dev":"eth0","protocol":"177","metric":2000,"flags":["onlink"]},
{"dst":"10.137.0.0/16","dev":"eth0","protocol":"kernel","scope":"link","prefsrc":"10.137.1.1","flags":[]},
{"type":"blackhole","dst":"192.0.2.0/24","flags":[]}]`;
routes('the kernel’s table is read from iproute2’s JSON; what is no unicast route is left out', () => {
  const table = parseKernelRoutes(SHOWN, 4);
  assert.equal(
    table.map((route) => formatPrefix(route.prefix)),
    ['0.0.0.0/0', '10.137.0.0/16'],
  );
  assert.equal(
    table.map((route) => [route.gateway, route.protocol, route.metric]),
    [
      ['10.137.0.2', '177', 2000],
      [null, 'kernel', 0],
    ],
  );
  assert.equal(parseKernelRoutes('', 4), []);
  assert.throws(() => parseKernelRoutes('Deleted default', 4), /iproute2/);
});

const limits = { device: 'eth0', accept: [prefix('0.0.0.0/0')] };
const wanted = (text: string, metric = 0) => ({ prefix: prefix(text), gateway: GATEWAY, metric });
const ADD = 'route replace 0.0.0.0/0 via 10.137.0.2 dev eth0 proto 177 metric 2000 onlink';
const ours = kernel('default', { gateway: '10.137.0.2', protocol: '177', metric: 2000 });

routes('a route that is missing is added, one that is there is left, one that is no longer wanted goes', () => {
  assert.equal(planRoutes([], [wanted('0.0.0.0/0')], limits), {
    commands: [ADD],
    undo: [ADD.replace('replace', 'del').replace(' onlink', '')],
    refused: [],
  });
  assert.equal(planRoutes([ours], [wanted('0.0.0.0/0')], limits).commands, []);
  const gone = planRoutes([ours], [], limits);
  assert.equal(gone.commands, [ADD.replace('replace', 'del').replace(' onlink', '')]);
  assert.equal(gone.undo, [ADD]);
});

routes('new routes come before old ones go', () => {
  const plan = planRoutes([ours], [wanted('0.0.0.0/0', 5)], limits);
  assert.equal(
    plan.commands.map((line) => line.split(' ')[1]),
    ['replace', 'del'],
  );
});

routes('another gateway replaces the route in one step', () => {
  const plan = planRoutes([{ ...ours, gateway: '10.137.0.9' }], [wanted('0.0.0.0/0')], limits);
  assert.equal(plan.commands, [ADD]);
  assert.equal(plan.undo, [ADD.replace('10.137.0.2', '10.137.0.9')]);
});

const REFUSED: readonly (readonly [label: string, table: readonly KernelRoute[], text: string])[] = [
  ['that somebody else has with the same metric', [kernel('default', { protocol: 'dhcp', metric: 2000 })], '0.0.0.0/0'],
  ['that overlaps another uplink of the guest', [kernel('192.168.1.0/24', { device: 'wlan0' })], '192.168.1.128/25'],
  ['that contains another uplink of the guest', [kernel('192.168.1.0/24', { device: 'wlan0' })], '192.168.0.0/16'],
];
for (const [label, table, text] of REFUSED) {
  routes(`a route ${label} is refused, and nothing is touched`, () => {
    const plan = planRoutes(table, [wanted(text)], limits);
    assert.equal(plan.commands, []);
    assert.is(plan.refused.length, 1);
  });
}

routes('what lies outside the prefixes accepted here is refused, a default route among them', () => {
  const narrow = { device: 'eth0', accept: [prefix('10.0.0.0/8')] };
  assert.is(planRoutes([], [wanted('0.0.0.0/0'), wanted('192.0.2.0/24')], narrow).refused.length, 2);
  assert.is(planRoutes([], [wanted('10.1.0.0/16')], narrow).refused.length, 0);
});

routes('routes of others are never deleted', () => {
  const others = [kernel('default', { gateway: '10.0.0.1', protocol: 'static' }), kernel('10.137.0.0/16')];
  assert.equal(planRoutes(others, [], limits).commands, []);
});

const rules = {
  internet: true,
  prefixes: [prefix('10.0.0.0/8')],
  internal: [prefix('10.137.0.0/16')],
  device: 'argus0',
};
routes(
  'a router announces its default route and what lies in its prefixes, once each, and none that it was announced',
  () => {
    const table = [
      kernel('default', { gateway: '192.168.1.1', device: 'wlan0', metric: 600 }),
      kernel('default', { gateway: '192.168.7.1', device: 'eth9', metric: 100 }),
      kernel('10.9.0.0/16', { device: 'argus0' }),
      kernel('10.8.0.0/16', { protocol: '177', gateway: '10.137.0.9' }),
      kernel('192.168.1.0/24', { device: 'wlan0' }),
    ];
    const { specific, defaults, warnings } = announcementOf(table, rules);
    assert.equal(
      specific.map((route) => formatPrefix(route.prefix)),
      ['10.9.0.0/16'],
    );
    assert.equal(
      defaults.map(({ metric }) => metric),
      [100],
    );
    assert.equal(warnings, []);
  },
);

/** Real output of `ip -j`. Each label says how a router handles it. */
const REAL: readonly (readonly [label: string, shown: string, announced: string])[] = [
  [
    'a default route without carrier is not the Internet (babeld 111)',
    '[{"dst":"default","gateway":"192.168.1.1","dev":"wan0","flags":["dead","linkdown"]}]',
    '',
  ],
  [
    'one that is only without carrier neither',
    '[{"dst":"default","gateway":"192.168.1.1","dev":"wan0","flags":["linkdown"]}]',
    '',
  ],
  [
    'the default route that has carrier counts, whatever its metric',
    '[{"dst":"default","dev":"wan0","metric":100,"flags":["dead"]},{"dst":"default","dev":"wan1","metric":600,"flags":["onlink"]}]',
    '0.0.0.0/0 600',
  ],
  [
    'a route with several next hops (multipath)',
    '[{"dst":"10.25.0.0/16","flags":[],"nexthops":[{"gateway":"10.137.0.7","dev":"argus0","weight":1,"flags":["dead"]},{"gateway":"10.137.0.8","dev":"argus0","weight":1,"flags":[]}]}]',
    '10.25.0.0/16 0',
  ],
  [
    'and one whose next hops are all dead',
    '[{"dst":"10.25.0.0/16","flags":[],"nexthops":[{"gateway":"10.137.0.7","dev":"argus0","flags":["dead"]},{"gateway":"10.137.0.8","dev":"argus0","flags":["linkdown"]}]}]',
    '',
  ],
  [
    'a next hop of the other family (pyroute2 417, 1026)',
    '[{"dst":"10.24.0.0/16","via":{"family":"inet6","host":"fe80::1"},"dev":"argus0","flags":["offload","rt_trap"]}]',
    '10.24.0.0/16 0',
  ],
  [
    'the two halves of a VPN are the Internet',
    '[{"dst":"0.0.0.0/1","via":{"family":"inet","host":"10.8.0.1"},"dev":"tun0","metric":50,"flags":[]},{"dst":"128.0.0.0/1","gateway":"10.8.0.1","dev":"tun0","flags":[]}]',
    '0.0.0.0/0 50',
  ],
  ['one half is not', '[{"dst":"0.0.0.0/1","gateway":"10.8.0.1","dev":"tun0","flags":[]}]', ''],
];
for (const [label, shown, announced] of REAL)
  routes(`announced: ${label}`, () => {
    const { specific, defaults } = announcementOf(parseKernelRoutes(shown, 4), rules);
    const all = [...specific, ...defaults].map((route) => `${formatPrefix(route.prefix)} ${route.metric}`);
    assert.is(all.join(), announced);
  });

routes('the hop that is read is one that is up, of either family', () => {
  const [multipath, via] = parseKernelRoutes(`${REAL[3]?.[1].slice(0, -1)},${REAL[5]?.[1].slice(1)}`, 4);
  assert.equal([multipath?.gateway, multipath?.device], ['10.137.0.8', 'argus0']);
  assert.equal([via?.gateway, via?.isUsable], ['fe80::1', true]);
});

routes('without "internet" no default route is announced', () => {
  assert.equal(
    announcementOf([kernel('default', { gateway: '192.168.1.1' })], { ...rules, internet: false }).defaults,
    [],
  );
});

routes('an uplink that overlaps the VMs’ network is said, and not announced', () => {
  const { specific, warnings } = announcementOf(
    [kernel('10.137.5.0/24', { device: 'wlan0' }), kernel('10.137.0.0/16', { device: 'argus0' })],
    rules,
  );
  assert.equal(
    specific.map((route) => formatPrefix(route.prefix)),
    ['10.137.0.0/16'],
  );
  assert.match(warnings.join(), /wlan0 has 10\.137\.5\.0\/24, which overlaps/);
});

routes.run();
