/**
 * Hosts as network namespaces: a nats-server in the middle, a broker process on each of the others, with a link of its own
 * to the middle that can be cut. Domains' sockets are files, so the test connects to every broker from where it is.
 */

import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeNkey, NatsServerDirectory } from '../../broker/carrier/index.ts';
import { type BrokerStatus, callControl } from '../../broker/index.ts';
import { connect, type Vm } from '../../clients/sdk/index.ts';
import { createAuthority, issueIdentity } from '../../keys/index.ts';
import { writePolicy } from '../support/nats/installation.ts';
import { findBinary } from '../support/needs.ts';
import { createNamespace, type Namespace } from '../support/network/namespace.ts';
import { CLI, nodeArguments } from '../support/program.ts';
import { temporaryDirectory } from '../support/temp.ts';

const SERVER = '10.77.0.1';
const TCP_PORT = 4_222;
const TTL_SECONDS = 3_600;
const POLL_MS = 20;
/** A hardware address that nobody has: what is sent to it is lost without a word. */
const NOBODY = '02:00:00:00:00:99';

export interface Member {
  readonly name: string;
  readonly home: string;
}

interface Host {
  readonly name: string;
  readonly namespace: Namespace;
  /** Number of its link: 10.77.N.1 is the middle's end, 10.77.N.2 its own. */
  readonly link: number;
  readonly broker: { output(): string; stop(): Promise<void> };
}

export class Hosts {
  readonly #directory = temporaryDirectory();
  readonly #middle = createNamespace('middle');
  readonly #hosts = new Map<string, Host>();
  readonly #vms: Vm[] = [];
  #server: { stop(): Promise<void> } | null = null;

  static async start(brokers: readonly string[], members: readonly Member[]): Promise<Hosts> {
    const hosts = new Hosts();
    await hosts.#enrol(brokers, members);
    await hosts.#middle.run('ip', 'addr', 'add', `${SERVER}/32`, 'dev', 'lo');
    const spaces: Namespace[] = [];
    for (const [index, name] of brokers.entries()) spaces.push(await hosts.#join(name, index + 1));
    hosts.#startServer();
    for (const [index, name] of brokers.entries()) {
      const namespace = spaces[index] ?? hosts.#middle;
      const config = await hosts.#configure(name);
      const broker = namespace.start(process.execPath, ...nodeArguments(CLI, 'broker', '--config', config));
      hosts.#hosts.set(name, { name, namespace, link: index + 1, broker });
    }
    await hosts.joined(...brokers);
    return hosts;
  }

  async connect({ name, home }: Member): Promise<Vm> {
    const vm = await connect({
      carrier: `unix:${this.#path(`${home}-run`)}/${name}.sock`,
      identity: this.#path(name),
      drainTimeoutMs: 500,
    });
    this.#vms.push(vm);
    return vm;
  }

  /** Every one of these has a session with every other broker. */
  async joined(...brokers: readonly string[]): Promise<void> {
    for (const name of brokers) {
      while (!(await this.status(name))?.brokers.every(({ session }) => session !== null)) await pause();
    }
  }

  /** `of` no longer believes that it has a session with `other`. */
  async parted(of: string, other: string): Promise<void> {
    const isThere = (status: BrokerStatus | null): boolean =>
      status?.brokers.find(({ broker }) => broker === other)?.session !== null;
    while (isThere(await this.status(of))) await pause();
  }

  async status(name: string): Promise<BrokerStatus | null> {
    try {
      return (await callControl(this.#control(name), 'GET', '/v1/status')).body as BrokerStatus;
    } catch {
      return null; // not up yet
    }
  }

  /** The middle's end of a host's link goes down or up: nobody is told, packets are lost. */
  async setLink(name: string, state: 'down' | 'up'): Promise<void> {
    const { link } = this.#host(name);
    await this.#middle.run('ip', 'link', 'set', `to-${link}`, state);
  }

  /** What the host sends is lost or not; what is sent to it arrives all the while. */
  async setMute(name: string, isMute: boolean): Promise<void> {
    const { namespace, link } = this.#host(name);
    const neighbour = ['neigh', isMute ? 'replace' : 'del', `10.77.${link}.1`];
    await namespace.run(
      'ip',
      ...neighbour,
      ...(isMute ? ['lladdr', NOBODY] : []),
      'dev',
      'eth0',
      ...(isMute ? ['nud', 'permanent'] : []),
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.#vms.map((vm) => vm.close().catch(() => {})));
    await Promise.all([...this.#hosts.values()].map(({ broker }) => broker.stop()));
    await this.#server?.stop();
  }

  async #enrol(brokers: readonly string[], members: readonly Member[]): Promise<void> {
    const authority = await createAuthority(this.#path('authority'), 'unsealed');
    const server = new NatsServerDirectory(this.#path('nats'), 'unsealed');
    const setup = {
      listen: `${SERVER}:${TCP_PORT}`,
      hosts: [SERVER],
      policy: this.#path('policy'),
      broker: brokers[0] ?? '',
    };
    await server.write(setup, [], Date.now());
    for (const name of brokers) {
      await issueIdentity(authority, this.#path(name), { name, role: 'broker', ttlSeconds: TTL_SECONDS }, 'unsealed');
      await cp(server.caFile, join(this.#path(name), 'nats-ca.pem'));
      await server.enrol('brokers', name, (await makeNkey(this.#path(name), 'unsealed')).publicKey);
    }
    for (const { name } of members)
      await issueIdentity(authority, this.#path(name), { name, role: 'domain', ttlSeconds: TTL_SECONDS }, 'unsealed');
    await server.write(setup, [], Date.now());
    await writePolicy(this.#path('policy'), members);
  }

  async #join(name: string, link: number): Promise<Namespace> {
    const namespace = createNamespace(name);
    const near = `to-${link}`;
    await this.#middle.run('ip', 'link', 'add', near, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace.name);
    await this.#middle.run('ip', 'addr', 'add', `10.77.${link}.1/24`, 'dev', near);
    await this.#middle.run('ip', 'link', 'set', near, 'up');
    await namespace.run('ip', 'addr', 'add', `10.77.${link}.2/24`, 'dev', 'eth0');
    await namespace.run('ip', 'link', 'set', 'eth0', 'up');
    await namespace.run('ip', 'route', 'add', SERVER, 'via', `10.77.${link}.1`);
    return namespace;
  }

  #startServer(): void {
    const program = findBinary('nats-server') ?? 'nats-server';
    this.#server = this.#middle.start(program, '-c', this.#path('nats/nats-server.conf'));
  }

  async #configure(name: string): Promise<string> {
    const file = this.#path(`${name}.yaml`);
    const options = {
      identity: this.#path(name),
      policy: this.#path('policy'),
      audit: this.#path(`${name}-audit`),
      runtime: this.#path(`${name}-run`),
      nats: `nats://${SERVER}:${TCP_PORT}`,
    };
    await writeFile(file, JSON.stringify(options));
    return file;
  }

  #host(name: string): Host {
    const host = this.#hosts.get(name);
    if (host === undefined) throw new Error(`no host "${name}"`);
    return host;
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }

  #control(name: string): string {
    return join(this.#path(`${name}-run`), 'control.sock');
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
