/** A server that stands still for half a minute: longer than every limit of ours, shorter than its own connections live. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DATA_PORT, NatsInstallation } from '../support/nats/installation.ts';
import { needs } from '../support/needs.ts';
import { NumberedStream } from './numbered.ts';

const paused = suite('a server that is paused');
const withNats = needs('nats-server', 'nats-server');

const PAUSE_MS = 30_000;
const RING_BYTES = 1_048_576;
const MEMBERS = [
  { name: 'a', home: 'one' },
  { name: 'local', home: 'one' },
  { name: 'neighbour', home: 'one' },
  { name: 'b', home: 'two' },
];

withNats(
  paused,
  '30 s of it: local traffic goes on, remote sends fail with a reason, nothing acknowledged is lost or comes twice',
  async () => {
    const installation = await NatsInstallation.set();
    try {
      await installation.enrol(MEMBERS, ['one', 'two']);
      await installation.startServer();
      const brokers = [await installation.startBroker('one'), await installation.startBroker('two')] as const;
      const isJoined = (): boolean =>
        brokers.every((broker) => broker.status().brokers.every(({ session }) => session !== null));
      const until = async (isSo: () => boolean): Promise<void> => {
        while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 20));
      };
      await until(isJoined);
      const stream = async (from: string, to: string): Promise<NumberedStream> => {
        const [sender, receiver] = [await at(from), await at(to)];
        const ring = await receiver.registerRing({ port: DATA_PORT, partner: from, length: RING_BYTES });
        return new NumberedStream(`${from} to ${to}`, sender, { domain: to, port: DATA_PORT }, ring);
      };
      const vms = new Map<string, ReturnType<NatsInstallation['connect']>>();
      const at = (name: string): ReturnType<NatsInstallation['connect']> => {
        const vm =
          vms.get(name) ?? installation.connect(name, { carrier: brokers[name === 'b' ? 1 : 0].carrierOf(name) });
        vms.set(name, vm);
        return vm;
      };
      const local = await stream('local', 'neighbour');
      const remote = [await stream('a', 'b'), await stream('b', 'a')];
      await Promise.all(remote.map((each) => each.flows()));

      const began = performance.now();
      await installation.pauseServer();
      while (performance.now() - began < PAUSE_MS) await local.flows();
      assert.not.ok(isJoined());
      installation.signalServer('SIGCONT');
      await until(isJoined);
      await Promise.all(remote.map((each) => each.flows()));
      for (const each of [local, ...remote]) await each.finish();

      assert.equal([...local.failures], []);
      for (const { failures, refused } of remote) {
        assert.equal([...failures].sort(), ['ECONNREFUSED refused', 'ECONNRESET unknown']);
        assert.ok(refused.length > 100, 'most of the time they were told at once');
      }
    } finally {
      installation.signalServer('SIGCONT');
      await installation.strike();
    }
  },
);

paused.run();
