/** A NATS server with the configuration of `argus nats config`, a broker that uses it, and the domains' keys. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect as dialTcp } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeNkey, NatsServerDirectory } from '../../../broker/carrier/index.ts';
import { type Broker, type BrokerOptionsInput, startBroker } from '../../../broker/index.ts';
import { freeTcpPort } from '../../../clients/demo/carriers/free-port.ts';
import { connect, type Vm } from '../../../clients/sdk/index.ts';
import { type Authority, createAuthority, issueIdentity } from '../../../keys/index.ts';
import { findBinary } from '../needs.ts';
import { temporaryDirectory } from '../temp.ts';

export { freeTcpPort };

const TTL_SECONDS = 3_600;
export const DATA_PORT = 7000;

const SERVICES = `classes:
  - name: bulk
    ports: [${DATA_PORT}]
    inspector: opaque
    permissions: [send]
    flow: to-destination
`;

const ROWS = `p, @vm, broker, argo, enable, allow
p, @vm, @vm, argo, register_single_source, allow
p, @vm, broker, argo, register_any_source, allow
p, @vm, @vm, argo, send, allow
p, @vm, @vm, bulk, send, allow
`;

export interface Member {
  readonly name: string;
  readonly carrier?: string;
  readonly home?: string;
}

/** Writes a policy that allows every member to send to every other one. */
export async function writePolicy(directory: string, members: readonly Member[]): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await cp(
    fileURLToPath(new URL('../../../policy/shipped/model.conf', import.meta.url)),
    join(directory, 'model.conf'),
  );
  const domains = members.map(({ name, carrier, home }, index) => {
    const more = `${carrier === undefined ? '' : `, carrier: ${carrier}`}${home === undefined ? '' : `, home: ${home}`}`;
    return `  - { name: ${name}, domid: ${index + 1}, labels: ["@vm"]${more} }`;
  });
  const inventory = ['labels:', '  - { name: "@vm" }', 'domains:', ...domains, ''].join('\n');
  await writeFile(join(directory, 'domains.yaml'), inventory);
  await writeFile(join(directory, 'services.yaml'), SERVICES);
  await writeFile(join(directory, 'policy.csv'), ROWS);
  await writeFile(join(directory, 'assertions.csv'), '# none\n');
  await writeFile(join(directory, 'tests.csv'), '# none\n');
}

export class NatsInstallation {
  readonly directory = temporaryDirectory();
  readonly server: NatsServerDirectory;
  readonly tcpPort: number;
  readonly #children: ChildProcess[] = [];
  readonly #brokers: Broker[] = [];
  readonly #vms: Vm[] = [];
  #running: ChildProcess | null = null;

  readonly #tls: boolean;
  readonly #bundles: boolean;

  private constructor(tcpPort: number, tls: boolean, bundles: boolean) {
    this.tcpPort = tcpPort;
    this.#tls = tls;
    this.#bundles = bundles;
    this.server = new NatsServerDirectory(this.path('nats'), 'unsealed');
  }

  /** `bundles`: the server has the bucket of policies, and an admin "alice". */
  static async set({
    tls = true,
    bundles = false,
  }: {
    readonly tls?: boolean;
    readonly bundles?: boolean;
  } = {}): Promise<NatsInstallation> {
    return new NatsInstallation(await freeTcpPort(), tls, bundles);
  }

  /** Runs a test with a server that knows these members, and always cleans up afterwards. */
  static async play(
    members: readonly Member[],
    run: (installation: NatsInstallation) => Promise<void>,
    options: { readonly tls?: boolean } = {},
  ): Promise<void> {
    const installation = await NatsInstallation.set(options);
    try {
      await installation.enrol(members);
      await installation.startServer();
      await run(installation);
    } finally {
      await installation.strike();
    }
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Makes keys, credentials, nkeys and the server's configuration for these ends. */
  async enrol(members: readonly Member[], brokers: readonly string[] = ['host']): Promise<void> {
    const authority = await createAuthority(this.path('authority'), 'unsealed');
    const declared = members.filter(({ carrier }) => carrier === 'nats');
    const write = (): Promise<unknown> =>
      this.server.write(
        {
          listen: `127.0.0.1:${this.tcpPort}`,
          hosts: ['localhost', '127.0.0.1'],
          policy: this.path('policy'),
          broker: 'host',
          tls: this.#tls,
          bundles: this.#bundles,
        },
        declared.map(({ name, home }) => ({ name, broker: home ?? 'host' })),
        Date.now(),
      );
    await write();
    for (const name of brokers) {
      await issueIdentity(authority, this.path(name), { name, role: 'broker', ttlSeconds: TTL_SECONDS }, 'unsealed');
      await this.server.enrol('brokers', name, await this.#nkey(name));
    }
    if (this.#bundles) await this.#enrolAdmin(authority);
    for (const { name, carrier } of members) {
      await issueIdentity(authority, this.path(name), { name, role: 'domain', ttlSeconds: TTL_SECONDS }, 'unsealed');
      if (carrier === 'nats') await this.server.enrol('domains', name, await this.#nkey(name));
    }
    await write();
    await writePolicy(this.path('policy'), members);
  }

  async #enrolAdmin(authority: Authority): Promise<void> {
    await issueIdentity(
      authority,
      this.path('alice'),
      { name: 'alice', role: 'admin', ttlSeconds: TTL_SECONDS },
      'unsealed',
    );
    await this.server.enrol('admins', 'alice', await this.#nkey('alice'));
  }

  async #nkey(name: string): Promise<string> {
    if (this.#tls) await cp(this.server.caFile, join(this.path(name), 'nats-ca.pem'));
    return (await makeNkey(this.path(name), 'unsealed')).publicKey;
  }

  async startServer(): Promise<void> {
    const program = findBinary('nats-server') ?? 'nats-server';
    const child = spawn(program, ['-c', this.server.configFile], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#children.push(child);
    this.#running = child;
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = `${said}${text}`.slice(-4_000);
    });
    while (!(await accepts(this.tcpPort))) {
      if (child.exitCode !== null) throw new Error(`nats-server ended: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  signalServer(signal: NodeJS.Signals): void {
    this.#running?.kill(signal);
  }

  /** Sends SIGSTOP and waits until it has taken effect: a server with several threads runs on for a moment. */
  async pauseServer(): Promise<void> {
    this.signalServer('SIGSTOP');
    const { pid } = this.#running ?? {};
    // proc(5): the state follows the name in brackets.
    while (!/^\d+ \(.*\) T/.test(await readFile(`/proc/${pid}/stat`, 'utf8')))
      await new Promise((resolve) => setTimeout(resolve, 1));
  }

  async stopServer(): Promise<void> {
    const child = this.#running;
    this.#running = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  async startBroker(
    name = 'host',
    policy: string | Omit<Exclude<BrokerOptionsInput['policy'], string>, 'directory'> = 'policy',
  ): Promise<Broker> {
    const broker = await startBroker({
      identity: this.path(name),
      policy: typeof policy === 'string' ? this.path(policy) : { ...policy, directory: this.path('policy') },
      audit: this.path(`${name}-audit`),
      runtime: this.path(`${name}-run`),
      tcp: '127.0.0.1:0',
      nats: this.address,
      watchPolicy: false,
      log: { level: process.env.ARGUS_TEST_LOG === undefined ? 'silent' : 'debug' },
    });
    this.#brokers.push(broker);
    return broker;
  }

  get address(): string {
    return `nats://127.0.0.1:${this.tcpPort}${this.#suffix}`;
  }

  carrier(broker = 'host'): string {
    return `nats://127.0.0.1:${this.tcpPort}/${broker}${this.#suffix}`;
  }

  get #suffix(): string {
    return this.#tls ? '' : '?tls=off';
  }

  async connect(name: string, options: { readonly carrier?: string; readonly reconnect?: boolean } = {}): Promise<Vm> {
    const vm = await connect({ carrier: this.carrier(), identity: this.path(name), drainTimeoutMs: 500, ...options });
    this.#vms.push(vm);
    return vm;
  }

  async strike(): Promise<void> {
    await Promise.all(this.#vms.map((vm) => vm.close().catch(() => {})));
    await Promise.all(this.#brokers.map((broker) => broker.close()));
    for (const child of this.#children) if (child.exitCode === null) child.kill('SIGKILL');
  }
}

function accepts(tcpPort: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = dialTcp(tcpPort, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
