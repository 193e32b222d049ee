/** Brokers on hosts of their own when the network between them is cut without a word: no reset, no error, only silence. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DATA_PORT } from '../support/nats/installation.ts';
import { findBinary, needsThat } from '../support/needs.ts';
import { canUseNamespaces } from '../support/network/namespace.ts';
import { Hosts, type Member } from './hosts.ts';
import { NumberedStream } from './numbered.ts';

const partition = suite('a cut network');
const withHosts = needsThat(
  () => findBinary('nats-server') !== null && canUseNamespaces(),
  'nats-server, root and network namespaces (apt-get install nats-server iproute2)',
);

const RING_BYTES = 1_048_576;
const A: Member = { name: 'a', home: 'one' };
const LOCAL: Member = { name: 'local', home: 'one' };
const NEIGHBOUR: Member = { name: 'neighbour', home: 'one' };
const B: Member = { name: 'b', home: 'two' };
const C: Member = { name: 'c', home: 'three' };

withHosts(
  partition,
  'a link that is down and one that loses one direction: local traffic goes on, remote sends fail with a reason, and after healing nothing acknowledged is lost or comes twice',
  async () => {
    const members = [A, LOCAL, NEIGHBOUR, B, C];
    const hosts = await Hosts.start(['one', 'two', 'three'], members);
    try {
      const vms = new Map(
        await Promise.all(members.map(async (each) => [each.name, await hosts.connect(each)] as const)),
      );
      const stream = async ({ name: from }: Member, { name: to }: Member): Promise<NumberedStream> => {
        const [sender, receiver] = [vms.get(from), vms.get(to)];
        if (sender === undefined || receiver === undefined) throw new Error('nobody');
        const ring = await receiver.registerRing({ port: DATA_PORT, partner: from, length: RING_BYTES });
        return new NumberedStream(`${from} to ${to}`, sender, { domain: to, port: DATA_PORT }, ring);
      };
      const local = await stream(LOCAL, NEIGHBOUR);
      const remote = [await stream(A, B), await stream(B, A), await stream(A, C), await stream(C, A)];
      await Promise.all(remote.map((each) => each.flows()));

      await Promise.all([hosts.setLink('two', 'down'), hosts.setMute('three', true)]);
      for (const [one, other] of [
        ['one', 'two'],
        ['two', 'one'],
        ['one', 'three'],
        ['three', 'one'],
      ] as const)
        await hosts.parted(one, other);
      await local.flows();
      // Said at once now, and not found out by waiting.
      const refusals = remote.map(({ refused }) => refused.length);
      while (!remote.every(({ refused }, index) => refused.length > (refusals[index] ?? 0))) await local.flows();

      await Promise.all([hosts.setLink('two', 'up'), hosts.setMute('three', false)]);
      await hosts.joined('one', 'two', 'three');
      await Promise.all(remote.map((each) => each.flows()));
      for (const each of [local, ...remote]) await each.finish();

      assert.equal([...local.failures], []);
      for (const { failures, unknown } of remote) {
        assert.equal([...failures].sort(), ['ECONNREFUSED refused', 'ECONNRESET unknown']);
        assert.ok(unknown.length > 0);
      }
    } finally {
      await hosts.stop();
    }
  },
);

partition.run();
