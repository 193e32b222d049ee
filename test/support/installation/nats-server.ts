/** A nats-server with the configuration of `argus nats config`: the carrier between domains and broker in a test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makeNkey, NatsServerDirectory } from '../../../broker/carrier/index.ts';
import { freeTcpPort } from '../nats/installation.ts';
import { findBinary } from '../needs.ts';

const CERTIFICATES = ['ca.pem', 'ca-key.pem', 'server.pem', 'server-key.pem'];
/** Making certificates takes longer than most tests, so all servers use those of the first one. */
let certificates: string | null = null;

export class InstallationServer {
  readonly tcpPort: number;
  readonly #broker: string;
  readonly #policy: string;
  readonly #keys: string;
  readonly #files: NatsServerDirectory;
  readonly #enrolled = new Set<string>();
  #process: ChildProcess | null = null;
  #said = '';
  readonly #onSaid: (() => void)[] = [];

  private constructor(directory: string, policy: string, broker: string, tcpPort: number) {
    this.#files = new NatsServerDirectory(join(directory, 'nats'), 'unsealed');
    this.#keys = join(directory, 'nkeys');
    this.#policy = policy;
    this.#broker = broker;
    this.tcpPort = tcpPort;
  }

  /** `broker`: name of the broker of all domains. */
  static async start(directory: string, policy: string, broker: string): Promise<InstallationServer> {
    const server = new InstallationServer(directory, policy, broker, await freeTcpPort());
    await mkdir(server.#files.path, { recursive: true, mode: 0o700 });
    if (certificates !== null)
      for (const name of CERTIFICATES) await cp(join(certificates, name), join(server.#files.path, name));
    await server.#enrol('brokers', broker);
    await server.declare([]);
    certificates ??= server.#files.path;
    server.#start();
    await server.#heard('Server is ready');
    return server;
  }

  /** Address of one end, with its own key; through `tcpPort` if it is not the server's own. */
  addressOf(name: string, tcpPort = this.tcpPort): string {
    return `nats://127.0.0.1:${tcpPort}/${this.#broker}?seed=${join(this.#keys, name, 'nats.seed')}&ca=${this.#files.caFile}`;
  }

  /** The domains that may use the server from now on. Others are disconnected. */
  async declare(domains: readonly string[]): Promise<void> {
    for (const name of domains) await this.#enrol('domains', name);
    const listen = `127.0.0.1:${this.tcpPort}`;
    const setup = { listen, hosts: ['127.0.0.1'], policy: this.#policy, broker: this.#broker };
    const members = domains.map((name) => ({ name, broker: this.#broker }));
    const from = this.#said.length;
    await this.#files.write(setup, members, Date.now());
    if (this.#process !== null) await this.#heard('Reloaded server configuration', from);
  }

  async stop(): Promise<void> {
    const server = this.#process;
    this.#process = null;
    if (server === null || server.exitCode !== null) return;
    const gone = once(server, 'exit');
    server.kill('SIGKILL');
    await gone;
  }

  async #enrol(kind: 'brokers' | 'domains', name: string): Promise<void> {
    if (this.#enrolled.has(name)) return;
    this.#enrolled.add(name);
    const directory = join(this.#keys, name);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await this.#files.enrol(kind, name, (await makeNkey(directory, 'unsealed')).publicKey);
  }

  #start(): void {
    const program = findBinary('nats-server') ?? 'nats-server';
    const server = spawn(program, ['-c', this.#files.configFile], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process = server;
    const wake = (): void => {
      for (const each of this.#onSaid.splice(0)) each();
    };
    server.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#said += text;
      wake();
    });
    server.once('exit', wake);
  }

  /** Waits for a line in the server's log. */
  async #heard(text: string, from = 0): Promise<void> {
    while (!this.#said.includes(text, from)) {
      if (this.#process?.exitCode !== null) throw new Error(`nats-server ended: ${this.#said}`);
      await new Promise<void>((resolve) => this.#onSaid.push(resolve));
    }
  }
}
