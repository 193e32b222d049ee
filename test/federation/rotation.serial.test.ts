/**
 * Rotation between two brokers under traffic: authority, both brokers and both domains get new keys while numbered
 * messages cross in both directions. No accepted message is lost, and none comes twice.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Broker } from '../../broker/index.ts';
import { loadIdentity, rotateAuthority, rotateIdentity } from '../../keys/index.ts';
import { DATA_PORT, NatsInstallation } from '../support/nats/installation.ts';
import { needs } from '../support/needs.ts';
import { connectLooking } from '../support/sdk/looking-domain.ts';
import { NumberedStream } from './numbered.ts';

const withNats = needs('nats-server', 'nats-server');
const MEMBERS = [
  { name: 'a', home: 'one' },
  { name: 'b', home: 'two' },
];
const TERMS = { ttlSeconds: 3_600, overlapSeconds: 3_600 };
const RING_BYTES = 1_048_576;

const rotation = suite('rotation between brokers');

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const sessionsOf = (brokers: readonly Broker[]): (string | null)[] =>
  brokers.flatMap((broker) => broker.status().brokers.map(({ session }) => session));
const serialOf = (broker: Broker): number => broker.status().keys.revocationSerial;
const generationOf = (broker: Broker, name: string): number =>
  broker.keys.describe().holders.find(({ holder }) => holder === `domain/${name}`)?.generation ?? 0;

withNats(
  rotation,
  'authority, brokers and domains get new keys: nothing accepted is lost, nothing is doubled',
  async () => {
    const installation = await NatsInstallation.set();
    try {
      await installation.enrol(MEMBERS, ['one', 'two']);
      await installation.startServer();
      const brokers = [await installation.startBroker('one'), await installation.startBroker('two')] as const;
      const [one, two] = brokers;
      const isJoined = (): boolean => sessionsOf(brokers).every((session) => session !== null);
      await until(isJoined);
      const a = await connectLooking(one.carrierOf('a'), installation.path('a'));
      const b = await connectLooking(two.carrierOf('b'), installation.path('b'));
      let ended = 0;
      for (const { vm } of [a, b]) vm.on('disconnected', () => void ended++);
      const atA = await a.vm.registerRing({ port: DATA_PORT, partner: 'b', length: RING_BYTES });
      const atB = await b.vm.registerRing({ port: DATA_PORT, partner: 'a', length: RING_BYTES });
      const streams = [
        new NumberedStream('a to b', a.vm, { domain: 'b', port: DATA_PORT }, atB),
        new NumberedStream('b to a', b.vm, { domain: 'a', port: DATA_PORT }, atA),
      ];
      const flow = async (): Promise<void> => void (await Promise.all(streams.map((stream) => stream.flows())));
      await flow();

      const names = ['one', 'two', 'a', 'b'];
      const old = await Promise.all(names.map((name) => loadIdentity(installation.path(name))));
      const before = sessionsOf(brokers);
      const { authority } = await rotateAuthority(installation.path('authority'), { overlapSeconds: 3_600 });
      for (const [domain, broker, name] of [
        [a, one, 'a'],
        [b, two, 'b'],
      ] as const) {
        await rotateIdentity(authority, installation.path(name), TERMS);
        domain.look();
        await until(() => generationOf(broker, name) === 2);
        await rotateIdentity(authority, installation.path(broker.name), TERMS);
        await broker.refreshIdentity();
        await flow();
      }
      assert.equal(sessionsOf(brokers), before, 'the overlap ends no session');
      assert.equal(
        streams.map(({ failures }) => [...failures]),
        [[], []],
        'no message is even refused',
      );

      // The overlap ends. One broker gets the list; the session between the brokers is opened again with the new keys.
      for (const { thumbprint } of old)
        await authority.revoke({ target: { thumbprint }, reason: 'the overlap ends', until: null });
      assert.ok((await one.keys.install((await authority.revocations()).jws ?? '')).ok);
      await until(() => serialOf(two) === serialOf(one) && isJoined());
      await flow();
      assert.is(ended, 0, 'no domain lost its session');
      for (const stream of streams) {
        await stream.finish();
        for (const failure of stream.failures)
          assert.ok(['ECONNREFUSED refused', 'ECONNRESET unknown'].includes(failure), failure);
      }
      await Promise.all([a.vm.close(), b.vm.close()]);
    } finally {
      await installation.strike();
    }
  },
);

rotation.run();
