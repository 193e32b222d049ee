/**
 * `argus-brokers`: the two clients at home at two brokers, each on a unix socket of its own; the brokers meet at a
 * nats-server with TLS. A message crosses it once, and is decided by both.
 */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { makeNkey, NatsServerDirectory } from '../../broker/carrier/index.ts';
import { type BrokerStatus, callControl } from '../../broker/index.ts';
import { createAuthority, issueIdentity } from '../../keys/index.ts';
import { argusOver, CREDENTIAL_TTL_SECONDS, SEATS } from './argus.ts';
import type { BrokerConfig } from './argus-package.ts';
import { ORDINARY_ROWS, RECEIVER, SENDER, writeBenchmarkPolicy } from './argus-policy.ts';
import { type Arm, endpointValue, type RunningServer } from './arm.ts';
import { certificateMissing } from './certificate.ts';
import { natsServerMissing, startNatsServer } from './nats-server.ts';
import { freeTcpPort, type ServerProcess, startRoleServer } from './server-process.ts';

const HOME_OF: Readonly<Record<string, string>> = { [SENDER]: 'one', [RECEIVER]: 'two' };
const BROKERS: readonly string[] = ['one', 'two'];
const POLL_MS = 20;

const arm = argusOver({
  carrierOf: (endpoint, name) =>
    `unix:${join(endpointValue(endpoint, 'folder'), `run-${HOME_OF[name]}`, `${name}.sock`)}`,
  prepare: async () => ({ config: {}, endpoint: {}, pids: [], stop: async () => {} }),
});

export const argusBrokers: Arm = {
  ...arm,
  start,
  missing: async (find) =>
    (await natsServerMissing(find)) ?? (await certificateMissing(find)) ?? (await arm.missing(find)),
};

async function start(folder: string): Promise<RunningServer> {
  const tcpPort = await prepare(folder);
  const running: ServerProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const each of running.toReversed()) await each.stop();
  };
  try {
    running.push(await startNats(folder, tcpPort));
    for (const name of BROKERS) running.push(await startBroker(folder, name, tcpPort));
    await Promise.all(BROKERS.map((name) => joined(folder, name)));
  } catch (error) {
    await stop();
    throw error;
  }
  return { pids: running.map(({ pid }) => pid), endpoint: { folder }, stop };
}

/** Policy, identities and the server's directory; returns the server's port. */
export async function prepare(folder: string): Promise<number> {
  const places = { sender: `, home: ${HOME_OF[SENDER]}`, receiver: `, home: ${HOME_OF[RECEIVER]}` };
  await writeBenchmarkPolicy(join(folder, 'policy'), ORDINARY_ROWS, places);
  const authority = await createAuthority(join(folder, 'authority'), 'unsealed');
  const ttlSeconds = CREDENTIAL_TTL_SECONDS;
  for (const name of SEATS)
    await issueIdentity(authority, join(folder, name), { name, role: 'domain', ttlSeconds }, 'unsealed');
  const tcpPort = await freeTcpPort();
  const directory = new NatsServerDirectory(join(folder, 'nats'), 'unsealed');
  const setup = {
    listen: `127.0.0.1:${tcpPort}`,
    hosts: ['127.0.0.1'],
    policy: join(folder, 'policy'),
    broker: 'one',
  };
  await directory.write(setup, [], Date.now());
  for (const name of BROKERS) {
    await issueIdentity(authority, join(folder, name), { name, role: 'broker', ttlSeconds }, 'unsealed');
    await directory.enrol('brokers', name, (await makeNkey(join(folder, name), 'unsealed')).publicKey);
    await cp(directory.caFile, join(folder, name, 'nats-ca.pem'));
  }
  await directory.write(setup, [], Date.now());
  return tcpPort;
}

export function startNats(folder: string, tcpPort: number): Promise<ServerProcess> {
  return startNatsServer(join(folder, 'nats', 'nats-server.conf'), tcpPort);
}

export function startBroker(folder: string, name: string, tcpPort: number): Promise<ServerProcess> {
  const config: BrokerConfig = {
    identity: join(folder, name),
    policy: join(folder, 'policy'),
    audit: join(folder, `audit-${name}`),
    runtime: join(folder, `run-${name}`),
    nats: `nats://127.0.0.1:${tcpPort}`,
    watchPolicy: false,
    log: { level: 'error' },
  };
  return startRoleServer('argus-broker.ts', config);
}

/** Resolves when the broker has a session with the other. */
export async function joined(folder: string, name: string): Promise<void> {
  for (;;) {
    const { body } = await callControl(join(folder, `run-${name}`, 'control.sock'), 'GET', '/v1/status');
    if ((body as BrokerStatus).brokers.every(({ session }) => session !== null)) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
