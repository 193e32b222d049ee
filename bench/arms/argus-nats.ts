/**
 * `argus-nats`: the broker as it ships, both clients and the broker itself meeting at a nats-server with TLS, set up as
 * `argus nats config` does it. A message crosses the server twice, once to the broker and once from it.
 */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { makeNkey, NatsServerDirectory } from '../../broker/carrier/index.ts';
import { argusOver, SEATS, type Way } from './argus.ts';
import { type Arm, endpointValue } from './arm.ts';
import { certificateMissing } from './certificate.ts';
import { findProgram, freeTcpPort, startTcpServer } from './server-process.ts';

const BROKER = 'broker';

const OVER_NATS: Way = {
  declared: 'nats',
  carrierOf: (endpoint) => `nats://${endpointValue(endpoint, 'server')}/${BROKER}`,
  async prepare(folder) {
    const tcpPort = await freeTcpPort();
    const server = `127.0.0.1:${tcpPort}`;
    const directory = new NatsServerDirectory(join(folder, 'nats'));
    const members = SEATS.map((name) => ({ name, broker: BROKER }));
    const setup = { listen: server, hosts: ['127.0.0.1'], policy: join(folder, 'policy'), broker: BROKER };
    await directory.write(setup, members, Date.now());
    for (const name of [BROKER, ...SEATS]) {
      const { publicKey } = await makeNkey(join(folder, name));
      await cp(directory.caFile, join(folder, name, 'nats-ca.pem'));
      await directory.enrol(name === BROKER ? 'brokers' : 'domains', name, publicKey);
    }
    await directory.write(setup, members, Date.now());
    const program = (await findProgram('nats-server')) ?? 'nats-server';
    const running = await startTcpServer(program, ['-c', directory.configFile], tcpPort);
    return { config: { nats: `nats://${server}` }, endpoint: { server }, stop: running.stop };
  },
};

const arm = argusOver(OVER_NATS);

export const argusNats: Arm = {
  ...arm,
  missing: async (find) =>
    (await find('nats-server')) === null
      ? 'nats-server'
      : ((await certificateMissing(find)) ?? (await arm.missing(find))),
};
