/** The broker and the SDK over a real nats-server with the configuration that `argus nats config` writes. */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readSeed } from '../../broker/carrier/nats/line/nkey.ts';
import { connectServer, type ServerConnection } from '../../broker/carrier/nats/line/server-connection.ts';
import { MessageKind, NO_PIPE } from '../../broker/carrier/nats/pipe/message.ts';
import { domainSubjects } from '../../broker/carrier/nats/subjects.ts';
import { natsMembersOf } from '../../broker/index.ts';
import type { Message, Ring, Vm } from '../../clients/sdk/index.ts';
import { DATA_PORT, NatsInstallation } from '../support/nats/installation.ts';
import { needs } from '../support/needs.ts';
import { programFile } from '../support/program.ts';
import { messageOf, publishBytes } from './messages.ts';

const withNats = needs('nats-server', 'nats-server');
const RING_BYTES = 16_777_152;
const NATS_VMS = ['a', 'b', 'slow'].map((name) => ({ name, carrier: 'nats' }));
const MEMBERS = [...NATS_VMS, { name: 'local' }];

const carrier = suite('nats carrier');

const staged = (run: (installation: NatsInstallation) => Promise<void>): Promise<void> =>
  NatsInstallation.play(MEMBERS, run);
const to = (domain: string) => ({ domain, port: DATA_PORT });
const openRing = (vm: Vm, partner: string): Promise<Ring> =>
  vm.registerRing({ port: DATA_PORT, partner, length: RING_BYTES });

async function take(ring: Ring, count: number): Promise<Message[]> {
  const messages: Message[] = [];
  for await (const message of ring) if (messages.push(message) === count) break;
  return messages;
}

async function lineOf(
  installation: NatsInstallation,
  name: string,
  publish: string,
  subscribe: string,
): Promise<ServerConnection> {
  const seed = await readSeed(join(installation.path(name), 'nats.seed'));
  const ca = readFileSync(installation.server.caFile, 'utf8');
  const end = { host: '127.0.0.1', tcpPort: installation.tcpPort, seed, ca, name, publish, subscribe, pace: null };
  return connectServer(end, { onMessage: () => {}, onClosed: () => {} });
}

/** The code with which a promise rejects, and the codes of the causes. */
async function codesOf(promise: Promise<unknown>): Promise<string[]> {
  const codes: string[] = [];
  let error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  for (; error instanceof Error; error = error.cause) codes.push('code' in error ? String(error.code) : error.name);
  return codes;
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}

withNats(carrier, 'messages of every size arrive whole and in order, also to and from a domain on a unix socket', () =>
  staged(async (installation) => {
    const broker = await installation.startBroker();
    const [a, b] = [await installation.connect('a'), await installation.connect('b')];
    const local = await installation.connect('local', { carrier: broker.carrierOf('local') });
    const [fromA, fromLocal] = [await openRing(b, 'a'), await openRing(a, 'local')];
    const payloads = [0, 1, 64, 1_764, 65_536, 300_000, RING_BYTES - 32].map((size) => new Uint8Array(size).fill(size));
    const got = take(fromA, payloads.length);
    for (const payload of payloads) await a.sendv({ to: to('b'), iov: [payload], deadline: 20_000 });
    assert.equal(
      (await got).map(({ payload }) => payload.length),
      payloads.map(({ length }) => length),
    );
    await local.sendv({ to: to('a'), iov: [Uint8Array.of(9)], deadline: 5_000 });
    assert.is((await take(fromLocal, 1))[0]?.payload[0], 9);
  }),
);

withNats(carrier, 'a domain may use its two subjects and nothing else: all else is an error, never silence', () =>
  staged(async (installation) => {
    await installation.startBroker();
    const mine = domainSubjects('host', 'a');
    const theirs = domainSubjects('host', 'b');
    for (const [publish, subscribe] of [
      [mine.up, theirs.down],
      [mine.up, mine.up],
      [mine.up, '>'],
      [mine.up, 'argus.host.down.*'],
      [mine.up, '_INBOX.x'],
      [mine.up, '$SYS.>'],
    ] as const) {
      assert.equal(
        await codesOf(lineOf(installation, 'a', publish, subscribe)),
        ['ERR_NATS_DENIED', 'PERMISSIONS_VIOLATION'],
        subscribe,
      );
    }
    for (const publish of [theirs.up, mine.down, 'argus.other.up.a', '$SYS.REQ.SERVER.PING']) {
      let code: string | undefined;
      const seed = await readSeed(join(installation.path('a'), 'nats.seed'));
      const ca = readFileSync(installation.server.caFile, 'utf8');
      const subscribe = mine.down;
      const end = {
        host: '127.0.0.1',
        tcpPort: installation.tcpPort,
        seed,
        ca,
        name: 'a',
        publish,
        subscribe,
        pace: null,
      };
      const line = await connectServer(end, {
        onMessage: () => {},
        onClosed: (error) => {
          code = error?.code ?? 'none';
        },
      });
      publishBytes(line, Uint8Array.of(1));
      await until(() => code !== undefined);
      assert.is(code, 'ERR_NATS_DENIED', publish);
    }
  }),
);

withNats(carrier, 'who has no key, a foreign key, or a server with another certificate gets a reason', () =>
  staged(async (installation) => {
    await installation.startBroker();
    const other = await NatsInstallation.set();
    await other.enrol(MEMBERS);
    const connectWith = (seed: string, ca: string): Promise<Vm> =>
      installation.connect('a', { carrier: `${installation.carrier()}?seed=${seed}&ca=${ca}`, reconnect: false });
    const seed = installation.path('a/nats.seed');
    const ca = installation.server.caFile;
    assert.is((await codesOf(connectWith(other.path('a/nats.seed'), ca)))[1], 'ERR_NATS_AUTH');
    assert.is((await codesOf(connectWith(seed, other.server.caFile)))[1], 'ERR_NATS_TLS');
    assert.is((await codesOf(connectWith(installation.path('none'), ca)))[1], 'ERR_NATS_FILE');
    assert.is(
      (await codesOf(installation.connect('a', { carrier: 'nats://127.0.0.1:1/host' })))[1],
      'ERR_NATS_UNREACHABLE',
    );
    assert.is(
      (await codesOf(installation.connect('a', { carrier: 'nats://me:pw@127.0.0.1/host' })))[1],
      'ERR_NATS_ADDRESS',
    );
    await other.strike();
  }),
);

withNats(
  carrier,
  'one domain cannot come in as another: its nkey reaches its own subjects, its credential its own name',
  () =>
    staged(async (installation) => {
      const broker = await installation.startBroker();
      const borrowed = `${installation.carrier()}?seed=${installation.path('b/nats.seed')}&ca=${installation.server.caFile}`;
      assert.equal((await codesOf(installation.connect('a', { carrier: borrowed })))[1], 'ERR_NATS_DENIED');
      assert.is(broker.status().domains.find(({ name }) => name === 'a')?.session, null);
    }),
);

withNats(carrier, 'a reader that has stopped stalls nobody else', () =>
  staged(async (installation) => {
    await installation.startBroker();
    const [a, b] = [await installation.connect('a'), await installation.connect('b')];
    const fromA = await openRing(b, 'a');
    const setting = {
      carrier: installation.carrier(),
      identity: installation.path('slow'),
      port: DATA_PORT,
      length: RING_BYTES,
    };
    const slow = fork(programFile('test/nats/slow-reader.ts'), [JSON.stringify(setting)]);
    await once(slow, 'message');
    slow.kill('SIGSTOP');
    // Messages to it fill its ring, and then wait. They never delay messages to other domains.
    const fates = new Set<string>();
    for (let batch = 0; batch < 3; batch++) {
      const stuck = Array.from({ length: 60 }, () =>
        a.sendv({ to: to('slow'), iov: [new Uint8Array(100_000)], deadline: 1_500 }).then(
          () => 'accepted',
          (error: { code?: string }) => String(error.code),
        ),
      );
      const got = take(fromA, 100);
      for (let i = 0; i < 100; i++) await a.sendv({ to: to('b'), iov: [Uint8Array.of(i)], deadline: 10_000 });
      assert.is((await got).length, 100);
      for (const fate of await Promise.all(stuck)) fates.add(fate);
    }
    assert.equal([...fates].sort(), ['ETIMEDOUT', 'accepted']);
    slow.kill('SIGKILL');
  }),
);

withNats(
  carrier,
  'a flood past the window ends the flooder’s session with a reason; others go on, and it may come back',
  () =>
    staged(async (installation) => {
      const broker = await installation.startBroker();
      const [a, b] = [await installation.connect('a'), await installation.connect('b')];
      const fromA = await openRing(b, 'a');
      const { up, down } = domainSubjects('host', 'slow');
      const flooder = await lineOf(installation, 'slow', up, down);
      for (let i = 0; i < 400; i++) publishBytes(flooder, new Uint8Array(60_000));
      for (let i = 0; i < 100; i++) await a.sendv({ to: to('b'), iov: [Uint8Array.of(i)], deadline: 10_000 });
      assert.is((await take(fromA, 100)).length, 100);
      flooder.close();
      for (;;) {
        const back = await installation.connect('slow', { reconnect: false }).catch(() => null);
        if (back !== null) break;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      assert.ok(broker.status().domains.find(({ name }) => name === 'slow')?.session);
    }),
);

withNats(carrier, 'a broker that comes anew, without a goodbye, is noticed at once by who has a session', () =>
  staged(async (installation) => {
    await installation.startBroker();
    const a = await installation.connect('a');
    const anew = new Promise((resolve) => a.on('reconnected', resolve));
    const { up, down } = domainSubjects('host', 'a');
    const broker = await lineOf(installation, 'host', down, up);
    publishBytes(broker, messageOf(MessageKind.close, NO_PIPE, 0));
    await anew;
    broker.close();
  }),
);

withNats(carrier, 'messages injected by who holds the domain’s key end nothing but that session, with a reason', () =>
  staged(async (installation) => {
    await installation.startBroker();
    const a = await installation.connect('a');
    const { up, down } = domainSubjects('host', 'a');
    const twin = await lineOf(installation, 'a', up, down);
    const noise = [
      new Uint8Array(0),
      new Uint8Array(16),
      Uint8Array.from({ length: 64 }, (_, i) => i),
      new Uint8Array(40).fill(1),
    ];
    for (const message of noise) publishBytes(twin, message);
    // A second pipe without a hello is refused like any stranger, while the session continues.
    const stranger = new Uint8Array(60).fill(7);
    stranger.set([1, 1, 9, 9, 9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0]);
    publishBytes(twin, stranger);
    const ring = await openRing(a, 'a');
    await a.sendv({ to: to('a'), iov: [Uint8Array.of(3)], deadline: 5_000 });
    assert.is((await take(ring, 1))[0]?.payload[0], 3);
    twin.close();
  }),
);

// Reconnecting that got stuck was reported for another client of NATS (nats.net 750).
withNats(
  carrier,
  'a killed server ends sessions with a reason; when one is back, everybody comes back by himself',
  () =>
    staged(async (installation) => {
      const broker = await installation.startBroker();
      const local = await installation.connect('local', { carrier: broker.carrierOf('local') });
      const own = await openRing(local, 'local');
      const [a, b] = [await installation.connect('a'), await installation.connect('b')];
      const ring = await openRing(b, 'a');
      await a.sendv({ to: to('b'), iov: [Uint8Array.of(1)], deadline: 5_000 });
      await take(ring, 1);
      await installation.stopServer();
      await until(() => broker.status().domains.every(({ name, session }) => name === 'local' || session === null));
      await local.sendv({ to: to('local'), iov: [Uint8Array.of(2)], deadline: 5_000 });
      await take(own, 1);
      await installation.startServer();
      const ringsOf = (name: string) => broker.status().domains.find((domain) => domain.name === name)?.rings ?? [];
      await until(
        () =>
          ringsOf('b').length > 0 &&
          broker.status().domains.every(({ name, session }) => name === 'slow' || session !== null),
      );
      const got = take(ring, 1);
      await a.sendv({ to: to('b'), iov: [Uint8Array.of(4)], deadline: 10_000 });
      assert.is((await got)[0]?.payload[0], 4);
    }),
);

withNats(
  carrier,
  'enrolment and revocation reach a running server by a signal; the sessions of others are not cut',
  () =>
    staged(async (installation) => {
      const broker = await installation.startBroker();
      const a = await installation.connect('a');
      await installation.connect('b', { reconnect: false });
      const sessionOf = (name: string): string | null =>
        broker.status().domains.find((domain) => domain.name === name)?.session ?? null;
      const before = sessionOf('a');
      const members = natsMembersOf(
        NATS_VMS.map(({ name }) => ({ name, carrier: 'nats', home: null }) as never),
        'host',
      );
      await installation.server.revoke('b');
      const written = await installation.server.write(await installation.server.setup(), members, Date.now());
      assert.equal([written.reloaded, written.notEnrolled], [true, ['b']]);
      assert.is((await untilRefused(() => installation.connect('b', { reconnect: false })))[1], 'ERR_NATS_AUTH');
      assert.is(sessionOf('a'), before);
      const ring = await openRing(a, 'a');
      await a.sendv({ to: to('a'), iov: [Uint8Array.of(5)], deadline: 5_000 });
      await take(ring, 1);
      assert.is(sessionOf('a'), before);
    }),
);

/** Tries until it is refused: the server reloads its file with a delay. */
async function untilRefused(attempt: () => Promise<unknown>): Promise<string[]> {
  for (;;) {
    const codes = await codesOf(attempt());
    if (codes.length > 0) return codes;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

carrier.run();
