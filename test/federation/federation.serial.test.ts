/** Two brokers at one NATS server: the rules within a broker also hold between them. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseVerifierKey, readVerifierKey, readWitnessKey, verifyAudit } from '../../broker/audit/index.ts';
import type { Broker } from '../../broker/index.ts';
import type { Message, Ring, Vm, VmEvents } from '../../clients/sdk/index.ts';
import { DATA_PORT, NatsInstallation, writePolicy } from '../support/nats/installation.ts';
import { needs } from '../support/needs.ts';
import { runCli } from '../support/processes/run-cli.ts';

const withNats = needs('nats-server', 'nats-server');
const MEMBERS = [
  { name: 'a', home: 'one' },
  { name: 'a2', home: 'one' },
  { name: 'b', home: 'two' },
  { name: 'c', home: 'two' },
];

const federation = suite('federation');

interface Pair {
  readonly installation: NatsInstallation;
  readonly one: Broker;
  readonly two: Broker;
  connect(name: string): Promise<Vm>;
}

async function paired(run: (pair: Pair) => Promise<void>, policyOfTwo = 'policy'): Promise<void> {
  const installation = await NatsInstallation.set();
  try {
    await installation.enrol(MEMBERS, ['one', 'two']);
    if (policyOfTwo !== 'policy') await writePolicy(installation.path(policyOfTwo), MEMBERS);
    await installation.startServer();
    const [one, two] = [await installation.startBroker('one'), await installation.startBroker('two', policyOfTwo)];
    await until(() => areJoined(one, two));
    const home = (name: string): Broker => (name.startsWith('a') ? one : two);
    await run({
      installation,
      one,
      two,
      connect: (name) => installation.connect(name, { carrier: home(name).carrierOf(name) }),
    });
  } finally {
    await installation.strike();
  }
}

const areJoined = (...brokers: readonly Broker[]): boolean =>
  brokers.every((broker) => broker.status().brokers.every(({ session }) => session !== null));
const to = (domain: string) => ({ domain, port: DATA_PORT });
const openRing = (vm: Vm, partner: string, length = 65_536): Promise<Ring> =>
  vm.registerRing({ port: DATA_PORT, partner, length });

async function take(ring: Ring, count: number): Promise<Message[]> {
  const messages: Message[] = [];
  for await (const message of ring) if (messages.push(message) === count) break;
  return messages;
}

async function fateOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'accepted',
    (error: { code?: string; outcome?: string }) => `${error.code} ${error.outcome}`,
  );
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Every record of a broker's log. */
function auditOf(
  installation: NatsInstallation,
  broker: string,
): readonly { readonly event: string; readonly reason?: string }[] {
  const directory = installation.path(`${broker}-audit`);
  return readdirSync(directory)
    .filter((name) => name.endsWith('.jsonl'))
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

withNats(federation, 'a stream crosses in order both ways, and each message is decided by both brokers', () =>
  paired(async ({ connect, one, two }) => {
    const [a, b] = [await connect('a'), await connect('b')];
    const [atB, atA] = [await openRing(b, 'a', 1_048_576), await openRing(a, 'b', 1_048_576)];
    const count = 2_000;
    const got = take(atB, count);
    const sends = Array.from({ length: count }, (_, i) => {
      const payload = Buffer.alloc(200);
      payload.writeUInt32LE(i);
      return a.sendv({ to: to('b'), iov: [payload], deadline: 20_000 });
    });
    await Promise.all(sends);
    assert.equal(
      (await got).map(({ payload }) => Buffer.from(payload).readUInt32LE()),
      Array.from({ length: count }, (_, i) => i),
    );
    const large = new Uint8Array(900_000).fill(3);
    const back = take(atA, 1);
    await b.sendv({ to: to('a'), iov: [large], deadline: 10_000 });
    assert.is((await back)[0]?.payload.length, large.length);
    assert.is(one.status().messages, 1);
    assert.is(two.status().messages, count);
  }),
);

withNats(federation, 'every error of the destination’s broker reaches the sender as its own would', () =>
  paired(async ({ connect }) => {
    const [a, b] = [await connect('a'), await connect('b')];
    assert.is(await fateOf(a.sendv({ to: to('b'), iov: [Uint8Array.of(1)], deadline: 500 })), 'ECONNREFUSED refused');
    assert.is(await fateOf(a.sendv({ to: to('c'), iov: [Uint8Array.of(1)], deadline: 500 })), 'ECONNREFUSED refused');
    const ring = await openRing(b, 'a', 4_096);
    assert.is(await fateOf(a.sendv({ to: to('b'), iov: [new Uint8Array(5_000)] })), 'EMSGSIZE refused');
    const full = await Promise.all(
      Array.from({ length: 6 }, () => fateOf(a.sendv({ to: to('b'), iov: [new Uint8Array(1_000)] }))),
    );
    assert.ok(full.includes('accepted') && full.some((fate) => fate.startsWith('EAGAIN')), full.join());
    assert.ok(ring);
  }),
);

withNats(federation, 'a sender waits for room over there, is told of it, and no message overtakes another', () =>
  paired(async ({ connect }) => {
    const [a, b] = [await connect('a'), await connect('b')];
    const ring = await openRing(b, 'a', 4_096);
    const count = 60;
    const sends = Promise.all(
      Array.from({ length: count }, (_, i) =>
        a.sendv({ to: to('b'), iov: [new Uint8Array(700).fill(i)], deadline: 20_000 }),
      ),
    );
    const got = await take(ring, count);
    assert.equal(
      got.map(({ payload }) => payload[0]),
      Array.from({ length: count }, (_, i) => i),
    );
    await sends;
  }),
);

withNats(federation, 'the destination’s broker has the last word: what it denies is refused, and recorded there', () =>
  paired(async ({ installation, connect, two }) => {
    const [a, b] = [await connect('a'), await connect('b')];
    await openRing(b, 'a');
    await a.sendv({ to: to('b'), iov: [Uint8Array.of(1)], deadline: 5_000 });
    await writePolicy(installation.path('policy-two'), MEMBERS);
    const rows = readFileSync(installation.path('policy-two/policy.csv'), 'utf8');
    writeFileSync(installation.path('policy-two/policy.csv'), `${rows}p, a, b, bulk, send, deny\n`);
    assert.is((await two.reload()).ok, true);
    assert.is(await fateOf(a.sendv({ to: to('b'), iov: [Uint8Array.of(2)], deadline: 5_000 })), 'EACCES refused');
    assert.ok(auditOf(installation, 'two').some(({ event }) => event === 'send.denied'));
    assert.not.ok(auditOf(installation, 'one').some(({ event }) => event === 'send.denied'));
  }, 'policy-two'),
);

withNats(
  federation,
  'a paused server holds up remote sends until they are given up; local ones go on, and all comes back',
  () =>
    paired(async ({ installation, connect, one, two }) => {
      const [a, a2, b] = [await connect('a'), await connect('a2'), await connect('b')];
      const [atB, atA2] = [await openRing(b, 'a'), await openRing(a2, 'a')];
      await a.sendv({ to: to('b'), iov: [Uint8Array.of(1)], deadline: 5_000 });
      await take(atB, 1);
      await installation.pauseServer();
      const remote = fateOf(a.sendv({ to: to('b'), iov: [Uint8Array.of(2)] }));
      const local = fateOf(a.sendv({ to: to('a2'), iov: [Uint8Array.of(3)] }));
      // The message is delivered at once, but acknowledged only when all earlier sends are decided.
      assert.is((await take(atA2, 1))[0]?.payload[0], 3);
      assert.is(await remote, 'ECONNRESET unknown');
      assert.is(await local, 'accepted');
      assert.is(await fateOf(a.sendv({ to: to('b'), iov: [Uint8Array.of(4)] })), 'ECONNREFUSED refused');
      installation.signalServer('SIGCONT');
      await until(() => areJoined(one, two));
      const got = take(atB, 1);
      await retried(() => a.sendv({ to: to('b'), iov: [Uint8Array.of(5)], deadline: 5_000 }));
      const first = (await got)[0]?.payload[0];
      // The message with an unknown outcome may have arrived. No message arrives twice, and no refused one arrives.
      assert.ok(first === 2 || first === 5, String(first));
    }),
);

withNats(
  federation,
  'a server that is killed and comes back empty loses no acknowledged message and repeats none',
  () =>
    paired(async ({ installation, connect, one, two }) => {
      const [a, b] = [await connect('a'), await connect('b')];
      const ring = await openRing(b, 'a', 16_777_152);
      const arrived: number[] = [];
      void (async () => {
        for await (const { payload } of ring) arrived.push(Buffer.from(payload).readUInt32LE());
      })();
      const accepted: number[] = [];
      const refused: number[] = [];
      const send = async (i: number): Promise<void> => {
        const payload = Buffer.alloc(64);
        payload.writeUInt32LE(i);
        const fate = await fateOf(a.sendv({ to: to('b'), iov: [payload] }));
        if (fate === 'accepted') accepted.push(i);
        else if (!fate.startsWith('ECONNRESET')) refused.push(i);
      };
      let next = 0;
      const sending: Promise<void>[] = [];
      const burst = (count: number): void => {
        for (const end = next + count; next < end; next++) sending.push(send(next));
      };
      burst(500);
      await installation.stopServer();
      burst(100);
      await Promise.all(sending);
      await installation.startServer();
      await until(() => areJoined(one, two));
      await new Promise((resolve) => setTimeout(resolve, 50));
      burst(100);
      await Promise.all(sending);
      await until(() => accepted.every((i) => arrived.includes(i)));
      assert.is(new Set(arrived).size, arrived.length, 'something came twice');
      assert.equal(
        refused.filter((i) => arrived.includes(i)),
        [],
        'something arrived that was refused',
      );
      assert.ok(accepted.length >= 100);
    }),
);

withNats(
  federation,
  'notify asks after rings at both homes in one call, and a sender waits there as it does here',
  () =>
    paired(async ({ installation, connect, two }) => {
      const [a, a2, b] = [await connect('a'), await connect('a2'), await connect('b')];
      const [atB] = [await openRing(b, 'a', 4_096), await openRing(a2, 'any', 8_192)];
      for (let i = 0; i < 3; i++) await a.sendv({ to: to('b'), iov: [new Uint8Array(1_000)], deadline: 5_000 });
      const ask = (domain: string, spaceRequired: number) => ({ to: to(domain), spaceRequired });
      const states = await a.notify([ask('b', 64), ask('a2', 64), ask('c', 64), ask('b', 5_000)]);
      assert.equal(
        states.map(({ exists, isShared, isEmpty, isSufficient, isTooLarge, maxMessageSize }) => [
          ...[exists, isShared, isEmpty, isSufficient, isTooLarge].map(Number),
          maxMessageSize,
        ]),
        [
          [1, 0, 0, 1, 0, 4_064],
          [1, 1, 1, 1, 0, 8_160],
          [0, 0, 0, 0, 0, 0],
          [1, 0, 0, 0, 1, 4_064],
        ],
      );
      const space = once(a, 'space');
      assert.is((await a.notify([ask('b', 3_000)]))[0]?.isSufficient, false);
      await take(atB, 3);
      assert.is((await space).domid, b.domid);

      // A refusal by the other broker refuses the whole notify.
      await writePolicy(installation.path('policy-two'), MEMBERS);
      const rows = readFileSync(installation.path('policy-two/policy.csv'), 'utf8');
      writeFileSync(installation.path('policy-two/policy.csv'), `${rows}p, a, b, argo, send, deny\n`);
      assert.is((await two.reload()).ok, true);
      assert.match(await fateOf(a.notify([ask('a2', 64), ask('b', 64)])), 'EACCES');
      assert.ok(auditOf(installation, 'two').some(({ event }) => event === 'send.denied'));
      await two.close();
      assert.is((await a.notify([ask('b', 64)]))[0]?.exists, false);
    }, 'policy-two'),
);

withNats(federation, 'a domain that goes is told of over there; one that comes back starts again', () =>
  paired(async ({ connect, two }) => {
    const [a, b] = [await connect('a'), await connect('b')];
    const gone: string[] = [];
    a.on('peer-gone', ({ domid }) => void gone.push(String(domid)));
    await openRing(b, 'a');
    await a.sendv({ to: to('b'), iov: [Uint8Array.of(1)], deadline: 5_000 });
    await b.close();
    await until(() => gone.length > 0);
    assert.is(await fateOf(a.sendv({ to: to('b'), iov: [Uint8Array.of(1)] })), 'ECONNREFUSED refused');
    const again = await connect('b');
    const ring = await openRing(again, 'a');
    await a.sendv({ to: to('b'), iov: [Uint8Array.of(7)], deadline: 5_000 });
    assert.is((await take(ring, 1))[0]?.payload[0], 7);
    assert.ok(two.status().brokers[0]?.report);
  }),
);

withNats(federation, 'a broker that speaks for a domain whose home it is not is refused, and that is recorded', () =>
  paired(async ({ installation, one, two }) => {
    const claimed = MEMBERS.map((member) => (member.name === 'a2' ? { ...member, home: 'two' } : member));
    await writePolicy(installation.path('policy-two'), claimed);
    assert.is((await two.reload()).ok, true);
    const thief = await installation.connect('a2', { carrier: two.carrierOf('a2'), reconnect: false });
    await until(() =>
      auditOf(installation, 'one').some(({ event, reason }) => event === 'peer.fault' && reason === 'FOREIGN_HOME'),
    );
    assert.is(one.status().domains.find(({ name }) => name === 'a2')?.session, null);
    await thief.close();
  }, 'policy-two'),
);

withNats(
  federation,
  'a grant counts where it was given: what crosses needs it at both homes, at the other one with an end of its own',
  () =>
    paired(async ({ installation, one, two, connect }) => {
      const inventory = readFileSync(installation.path('policy/domains.yaml'), 'utf8');
      writeFileSync(
        installation.path('policy/domains.yaml'),
        inventory.replace('labels:', 'labels:\n  - { name: "@ok", grantable: true }'),
      );
      const rows = readFileSync(installation.path('policy/policy.csv'), 'utf8');
      writeFileSync(installation.path('policy/policy.csv'), rows.replace('p, @vm, @vm, bulk', 'p, @ok, @vm, bulk'));
      for (const broker of [one, two]) assert.is((await broker.reload()).ok, true);
      const [a, b] = [await connect('a'), await connect('b')];
      const ring = await openRing(b, 'a');
      const send = (): Promise<string> => fateOf(a.sendv({ to: to('b'), iov: [Uint8Array.of(1)], deadline: 5_000 }));
      const grant = { domain: 'a', label: '@ok', by: 'test', reason: '', keep: false };

      assert.is(await send(), 'EACCES refused');
      assert.is((await one.grants.add({ ...grant, forMs: null })).ok, true);
      assert.is(await send(), 'EACCES refused');
      const endless = await two.grants.add({ ...grant, forMs: null });
      assert.is(endless.ok ? 'granted' : endless.code, 'ERR_BROKER_GRANT');
      assert.is((await two.grants.add({ ...grant, forMs: 60_000 })).ok, true);
      assert.is(await send(), 'accepted');
      assert.is((await take(ring, 1)).length, 1);
      const { stdout } = await runCli(['grant', 'a', '@ok', '--for', '1m', '--control', one.control]);
      assert.match(stdout, 'at "one" only');
      assert.match(stdout, 'two');
      assert.is((await two.grants.revoke({ ...grant })).ok, true);
      assert.is(await send(), 'EACCES refused');
    }),
);

withNats(federation, 'a domain cannot come in at a broker that is not its home', () =>
  paired(async ({ installation, one }) => {
    const stray = installation.connect('b', { carrier: one.tcp ?? '', reconnect: false });
    assert.match(await fateOf(stray), 'ERR_CLIENT_WRONG_HOME');
    await until(() =>
      auditOf(installation, 'one').some(
        ({ event, reason }) => event === 'session.refused' && reason === 'FOREIGN_HOME',
      ),
    );
  }),
);

withNats(
  federation,
  'a domain that gets another home: its session ends with a reason, its rings go, and the new home takes over',
  () =>
    paired(async ({ installation, one, two, connect }) => {
      const [a, a2, c] = [await connect('a'), await connect('a2'), await connect('c')];
      await openRing(a2, 'a');
      await openRing(a2, 'c');
      for (const vm of [a, c]) await vm.sendv({ to: to('a2'), iov: [Uint8Array.of(1)], deadline: 5_000 });
      const ended = once(a2, 'disconnected');
      const told = [once(a, 'peer-gone'), once(c, 'peer-gone')];
      const moved = MEMBERS.map((member) => (member.name === 'a2' ? { ...member, home: 'two' } : member));
      await writePolicy(installation.path('policy'), moved);

      assert.is((await one.reload()).ok, true);
      const { reason, isFinal } = await ended;
      assert.equal([reason.code, isFinal], ['ERR_CLIENT_WRONG_HOME', true]);
      for (const { domid } of await Promise.all(told)) assert.is(domid, a2.domid);
      assert.equal(one.status().domains.find(({ name }) => name === 'a2')?.rings, []);
      assert.match(await fateOf(installation.connect('a2', { carrier: one.tcp ?? '' })), 'ERR_CLIENT_WRONG_HOME');
      // Until the new home has the policy too, no broker accepts the domain.
      assert.match(await fateOf(installation.connect('a2', { carrier: two.tcp ?? '' })), 'ERR_CLIENT_WRONG_HOME');
      assert.is(await fateOf(a.sendv({ to: to('a2'), iov: [Uint8Array.of(2)] })), 'ECONNREFUSED refused');

      assert.is((await two.reload()).ok, true);
      const again = await installation.connect('a2', { carrier: two.carrierOf('a2') });
      const [fromA, fromC] = [await openRing(again, 'a'), await openRing(again, 'c')];
      await retried(() => a.sendv({ to: to('a2'), iov: [Uint8Array.of(3)], deadline: 5_000 }));
      await c.sendv({ to: to('a2'), iov: [Uint8Array.of(4)], deadline: 5_000 });
      assert.equal([(await take(fromA, 1))[0]?.payload[0], (await take(fromC, 1))[0]?.payload[0]], [3, 4]);
      assert.ok(areJoined(one, two));
      const ends = auditOf(installation, 'one').filter(({ reason: why }) => why === 'moved to another home');
      assert.equal(
        ends.map(({ event }) => event),
        ['session.close'],
      );
      assert.not.ok(auditOf(installation, 'one').some(({ event }) => event === 'peer.fault'));
      assert.not.ok(auditOf(installation, 'two').some(({ event }) => event === 'peer.fault'));
    }),
);

/** The next event of that name. */
function once<Name extends keyof VmEvents>(vm: Vm, name: Name): Promise<VmEvents[Name]> {
  return new Promise((resolve) => {
    const listener = (event: VmEvents[Name]): void => {
      vm.off(name, listener);
      resolve(event);
    };
    vm.on(name, listener);
  });
}

/** Tries again: after a session between brokers has begun, the announcements of domains may still be in transit. */
async function retried<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

withNats(federation, 'two brokers cosign the audit logs of each other', async () => {
  await paired(async ({ installation }) => {
    for (const [log, witness] of [
      ['one', 'two'],
      ['two', 'one'],
    ] as const) {
      const [directory, file] = [installation.path(`${log}-audit`), installation.path(`${witness}-audit/witnessed`)];
      await until(() => existsSync(file) && readFileSync(file, 'utf8').includes(`argus/${log}/`));
      const [key, cosigner] = await Promise.all([
        readVerifierKey(directory),
        readWitnessKey(installation.path(`${witness}-audit`)),
      ]);
      const result = await verifyAudit(directory, {
        keys: [key].flatMap((text) => parseVerifierKey(text ?? '') ?? []),
        witnessed: [{ from: file, text: readFileSync(file, 'utf8') }],
        witnessKeys: [cosigner].flatMap((text) => parseVerifierKey(text ?? '') ?? []),
      });
      assert.equal([result.problems, result.witnesses.map(({ name }) => name)], [[], [`argus/${witness}`]]);
    }
  });
});

federation.run();
