/**
 * `argus-nats` and `argus-nats-plain`: the broker as it ships, both clients and the broker itself meeting at a nats-server,
 * with TLS or without, set up as `argus nats config` does it. A message crosses the server twice, once to the broker and
 * once from it, sealed by Argus on both ways.
 */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { makeNkey, NatsServerDirectory } from '../../broker/carrier/index.ts';
import { argusOver, type CarrierSetup, SEATS } from './argus.ts';
import { type Arm, endpointValue } from './arm.ts';
import { certificateMissing } from './certificate.ts';
import { natsServerMissing, startNatsServer } from './nats-server.ts';
import { freeTcpPort } from './server-process.ts';

const BROKER = 'broker';

export const argusNats = armOver({ tls: true });
export const argusNatsPlain = armOver({ tls: false });

function armOver({ tls }: { readonly tls: boolean }): Arm {
  const arm = argusOver(wayOver(tls));
  return {
    ...arm,
    missing: async (find) =>
      (await natsServerMissing(find)) ?? (await certificateMissing(find)) ?? (await arm.missing(find)),
  };
}

function wayOver(tls: boolean): CarrierSetup {
  const suffix = tls ? '' : '?tls=off';
  return {
    declared: { sender: ', carrier: nats', receiver: ', carrier: nats' },
    carrierOf: (endpoint) => `nats://${endpointValue(endpoint, 'server')}/${BROKER}${suffix}`,
    prepare: (folder) => prepare(folder, tls, suffix),
  };
}

async function prepare(folder: string, tls: boolean, suffix: string): ReturnType<CarrierSetup['prepare']> {
  const tcpPort = await freeTcpPort();
  const server = `127.0.0.1:${tcpPort}`;
  const directory = new NatsServerDirectory(join(folder, 'nats'), 'unsealed');
  const members = SEATS.map((name) => ({ name, broker: BROKER }));
  const setup = { listen: server, hosts: ['127.0.0.1'], policy: join(folder, 'policy'), broker: BROKER, tls };
  await directory.write(setup, members, Date.now());
  for (const name of [BROKER, ...SEATS]) {
    const { publicKey } = await makeNkey(join(folder, name), 'unsealed');
    if (tls) await cp(directory.caFile, join(folder, name, 'nats-ca.pem'));
    await directory.enrol(name === BROKER ? 'brokers' : 'domains', name, publicKey);
  }
  await directory.write(setup, members, Date.now());
  const running = await startNatsServer(directory.configFile, tcpPort);
  return {
    config: { nats: `nats://${server}${suffix}` },
    endpoint: { server },
    pids: [running.pid],
    stop: running.stop,
  };
}
