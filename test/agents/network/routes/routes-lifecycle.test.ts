/** Whatever ends a router, and however it ends, its routes leave the guest's table. A table in memory stands for the kernel's. */
import { mock } from 'node:test';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ROUTE_CONFIRM_MS, ROUTE_LOSS_MS, ROUTE_PORT } from '../../../../clients/agents/network/limits.ts';
import { announceRoutes } from '../../../../clients/agents/network/routes/announce.ts';
import { applyRoutes } from '../../../../clients/agents/network/routes/apply.ts';
import {
  type KernelRoute,
  parseKernelRoutes,
  type RouteTable,
} from '../../../../clients/agents/network/routes/kernel.ts';
import { LearnedRoutes } from '../../../../clients/agents/network/routes/learned.ts';
import { decodeRoutes, encodeRoutes, type RouteOperation } from '../../../../clients/agents/network/routes/message.ts';
import { formatPrefix, type Prefix, parsePrefix } from '../../../../clients/agents/network/routes/prefix.ts';
import { ArgusError, type SendvRequest, type VmEvents } from '../../../../clients/sdk/index.ts';
import { SessionDouble } from '../session-double.ts';

const lifecycle = suite('the life of announced routes');
const NET = { name: 'net-vm', domid: 1 };
const gateway4 = Uint8Array.of(10, 137, 0, 2);
const DEFAULT_LINE = '0.0.0.0/0 via 10.137.0.2 dev eth0 proto 177 metric 2000';

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === null) throw new Error(text);
  return parsed;
}

function message(operation: RouteOperation, prefixes: readonly string[], generation = 1): Uint8Array {
  const routes = prefixes.map((text) => ({ prefix: prefix(text), metric: 0 }));
  return encodeRoutes({ operation, generation, gateway4, gateway6: null, routes });
}

/** Keeps lines as `ip route` would show them. */
class MemoryTable implements RouteTable {
  readonly lines = new Set<string>();

  read(): Promise<readonly KernelRoute[]> {
    const shown = [...this.lines].map((line) => {
      const [dst = '', , gateway, , dev, , protocol, , metric] = line.split(' ');
      return { dst, gateway, dev, protocol, metric: Number(metric) };
    });
    return Promise.resolve(parseKernelRoutes(JSON.stringify(shown), 4));
  }

  change(lines: readonly string[]): Promise<void> {
    for (const line of lines) {
      const route = line.replace(/^route (replace|del) /, '').replace(/ onlink$/, '');
      if (line.startsWith('route del')) this.lines.delete(route);
      else this.lines.add(route);
    }
    return Promise.resolve();
  }

  watch(): { close(): void } {
    return { close: () => {} };
  }
}

interface Guest {
  readonly session: SessionDouble;
  readonly table: MemoryTable;
  settled(): Promise<void>;
  close(): Promise<void>;
}

async function guest(): Promise<Guest> {
  const session = new SessionDouble('chrome-vm');
  const table = new MemoryTable();
  const service = await applyRoutes(session, {
    from: NET.name,
    device: 'eth0',
    accept: [prefix('0.0.0.0/0')],
    say: () => {},
    fail: (error) => {
      throw error;
    },
    table,
  });
  return { session, table, settled: turns, close: () => service.close() };
}

/** Everything that is ready to run has run: nothing in these tests waits for time or for another process. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const GONE = { domid: NET.domid, port: null, messages: 0, bytes: 0 };

lifecycle('an announcement in the same record as the end of its router does not outlive it', async () => {
  const { session, table, settled, close } = await guest();
  session.deliver(ROUTE_PORT, message('announce-default', ['0.0.0.0/0']), NET);
  await settled();
  assert.equal([...table.lines], [DEFAULT_LINE]);
  // One turn of the event loop, as when the broker has put all of it into one record.
  session.deliver(ROUTE_PORT, message('announce', ['10.137.2.0/24']), NET);
  session.deliver(ROUTE_PORT, message('announce-default', ['0.0.0.0/0']), NET);
  session.emit('peer-gone', GONE);
  await settled();
  assert.equal([...table.lines], []);
  await close();
});

for (const [label, end] of [
  ['its ring', { ...GONE, port: ROUTE_PORT }],
  ['its session', GONE],
] as const)
  lifecycle(`the end of ${label} takes the routes back`, async () => {
    const { session, table, settled, close } = await guest();
    session.deliver(ROUTE_PORT, message('announce-default', ['0.0.0.0/0']), NET);
    await settled();
    session.emit('peer-gone', { ...GONE, port: 7 });
    await settled();
    assert.is(table.lines.size, 1, 'another ring of the router is another matter');
    session.emit('peer-gone', end);
    await settled();
    assert.is(table.lines.size, 0);
    await close();
  });

lifecycle('a guest that ends takes the routes back although the broker does not answer', async () => {
  const { session, table, settled, close } = await guest();
  session.deliver(ROUTE_PORT, message('announce-default', ['0.0.0.0/0']), NET);
  await settled();
  assert.is(table.lines.size, 1);
  session.state = 'reconnecting';
  await close();
  assert.is(table.lines.size, 0);
  session.deliver(ROUTE_PORT, message('announce-default', ['0.0.0.0/0']), NET);
  await settled();
  assert.is(table.lines.size, 0, 'a late message changes nothing');
});

lifecycle('a policy that closes the ring of announcements takes the routes back', async () => {
  const { session, table, settled, close } = await guest();
  session.deliver(ROUTE_PORT, message('announce-default', ['0.0.0.0/0']), NET);
  await settled();
  session.emit('ring-closed', { ring: { port: 7 } } as VmEvents['ring-closed']);
  await settled();
  assert.is(table.lines.size, 1, 'another ring is another matter');
  session.emit('ring-closed', { ring: { port: ROUTE_PORT } } as VmEvents['ring-closed']);
  await settled();
  assert.is(table.lines.size, 0);
  await close();
});

for (const [label, afterMs, begin] of [
  ['is silent for too long', ROUTE_LOSS_MS, () => undefined],
  [
    'does not answer',
    ROUTE_CONFIRM_MS,
    (session: SessionDouble) => session.emit('reconnected', { domid: 2, revision: 2 }),
  ],
] as const)
  lifecycle(`a router that ${label} loses its routes`, async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const { session, table, settled, close } = await guest();
      session.deliver(ROUTE_PORT, message('announce-default', ['0.0.0.0/0']), NET);
      await settled();
      begin(session);
      mock.timers.tick(afterMs - 1);
      await settled();
      assert.is(table.lines.size, 1);
      mock.timers.tick(1);
      await settled();
      assert.is(table.lines.size, 0);
      await close();
    } finally {
      mock.timers.reset();
    }
  });

// A restart of the router's VM needs nothing by hand (Qubes 722, 3642).
for (const event of ['reconnected', 'revision'] as const)
  lifecycle(`after "${event}" the guest asks, and an announcement that answers keeps its routes`, async () => {
    const { session, table, settled, close } = await guest();
    session.deliver(ROUTE_PORT, message('announce-default', ['0.0.0.0/0']), NET);
    const before = session.sent.length;
    session.emit(event, { domid: 2, revision: 2 });
    session.deliver(ROUTE_PORT, message('withdraw', []), NET);
    await settled();
    assert.equal(session.sent.slice(before).map(operationOf), ['request']);
    assert.is(table.lines.size, 0, 'the answer of a router that has nothing to announce');
    await close();
  });

lifecycle('a withdrawal that is lost shows in the next announcement of the other set', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const { session, table, settled, close } = await guest();
    session.deliver(ROUTE_PORT, message('announce', ['10.137.2.0/24']), NET);
    session.deliver(ROUTE_PORT, message('announce-default', ['0.0.0.0/0']), NET);
    await settled();
    const asked = session.sent.length;
    session.deliver(ROUTE_PORT, message('announce', ['10.137.2.0/24'], 2), NET);
    assert.is(session.sent.length, asked + 1, 'the guest asks');
    session.deliver(ROUTE_PORT, message('announce', ['10.137.2.0/24'], 2), NET);
    mock.timers.tick(ROUTE_CONFIRM_MS);
    await settled();
    assert.equal([...table.lines], ['10.137.2.0/24 via 10.137.0.2 dev eth0 proto 177 metric 2000']);
    await close();
  } finally {
    mock.timers.reset();
  }
});

lifecycle('a service whose ring is refused asks for it no more', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const session = new SessionDouble('chrome-vm');
    session.refused.set(ROUTE_PORT, new ArgusError('ECONNRESET', 'the session ended'));
    const options = { from: NET.name, device: 'eth0', accept: [], say: () => {}, fail: () => {} };
    const table = new MemoryTable();
    const refused = applyRoutes(session, { ...options, table }).then(
      () => false,
      () => true,
    );
    await turns();
    assert.ok(await refused);
    session.refused.clear();
    mock.timers.tick(ROUTE_LOSS_MS);
    await turns();
    session.deliver(ROUTE_PORT, message('announce-default', ['0.0.0.0/0']), NET);
    await turns();
    assert.is(session.rings, 0);
  } finally {
    mock.timers.reset();
  }
});

lifecycle('what the router does not announce again in time goes, what it does stays', () => {
  const learned = new LearnedRoutes();
  const take = (bytes: Uint8Array): void => {
    const decoded = decodeRoutes(bytes);
    if (decoded !== null) learned.take(decoded);
  };
  take(message('announce', ['10.137.2.0/24']));
  take(message('announce-default', ['0.0.0.0/0']));
  assert.is(learned.dropDoubted(), false, 'nothing is in doubt');
  learned.doubt();
  take(message('announce-default', ['0.0.0.0/0']));
  assert.is(learned.dropDoubted(), true);
  assert.equal(
    learned.wanted.map((route) => formatPrefix(route.prefix)),
    ['0.0.0.0/0'],
  );
  take(message('announce-default', []));
  assert.ok(learned.isEmpty, 'an empty set takes the earlier set back');
});

function operationOf({ iov }: SendvRequest): string {
  const bytes = iov instanceof Uint8Array ? iov : new Uint8Array(0);
  return decodeRoutes(bytes)?.operation ?? 'malformed';
}

const UPLINK = parseKernelRoutes('[{"dst":"default","gateway":"192.168.1.1","dev":"wan0","protocol":"static"}]', 4);

const REQUEST = encodeRoutes({ operation: 'request', generation: 0, gateway4: null, gateway6: null, routes: [] });

/** A router over a table whose readings wait until the test lets them go on. */
async function router(session: SessionDouble) {
  const readings: ((routes: readonly KernelRoute[]) => void)[] = [];
  const table: RouteTable = {
    read: () => new Promise((resolve) => readings.push(resolve)),
    change: () => Promise.resolve(),
    watch: () => ({ close: () => {} }),
  };
  const service = await announceRoutes(session, {
    to: ['chrome-vm'],
    rules: { internet: true, prefixes: [], internal: [], device: null },
    gateway4,
    gateway6: null,
    say: () => {},
    fail: (error) => {
      throw error;
    },
    table,
  });
  return { service, readings };
}

lifecycle('a router that ends while it reads its table announces nothing after its last withdrawal', async () => {
  const session = new SessionDouble('net-vm');
  const { service, readings } = await router(session);
  const closing = service.close();
  readings.shift()?.(UPLINK);
  await closing;
  await turns();
  assert.equal(session.sent.map(operationOf), ['withdraw']);
});

lifecycle('a router that ends waits for an announcement on its way, so that the withdrawal is the last', async () => {
  const session = new SessionDouble('net-vm');
  const arrived: string[] = [];
  const waiting: (() => void)[] = [];
  session.outcome = async (request) => {
    if (operationOf(request) !== 'withdraw') await new Promise<void>((resolve) => waiting.push(resolve));
    arrived.push(operationOf(request));
  };
  const { service, readings } = await router(session);
  readings.shift()?.(UPLINK);
  await turns();
  assert.is(waiting.length, 1);
  const closing = service.close();
  await turns();
  assert.equal(arrived, []);
  waiting.shift()?.();
  await closing;
  assert.equal(arrived, ['announce-default', 'withdraw']);
});

lifecycle('a router that ends answers nobody any more', async () => {
  const session = new SessionDouble('net-vm');
  const { service, readings } = await router(session);
  readings.shift()?.(UPLINK);
  await turns();
  const before = session.sent.length;
  const closing = service.close();
  session.deliver(ROUTE_PORT, REQUEST, { name: 'chrome-vm', domid: 2 });
  await closing;
  await turns();
  assert.equal(session.sent.slice(before).map(operationOf), ['withdraw']);
});

lifecycle('a router without routes says so to a guest that asks', async () => {
  const session = new SessionDouble('net-vm');
  const { service, readings } = await router(session);
  readings.shift()?.([]);
  await turns();
  session.deliver(ROUTE_PORT, REQUEST, { name: 'chrome-vm', domid: 2 });
  await turns();
  assert.equal(session.sent.map(operationOf), ['withdraw']);
  await service.close();
});

lifecycle.run();
