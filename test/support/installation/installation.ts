/**
 * A real broker with all parts of an installation (authority, identities, policy directory, audit log, sockets), in a
 * temporary directory, and SDK connections to it. `withInstallation` stops all of it, also after a failed test.
 */
import { cp, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type VerifyResult, verifyAudit } from '../../../broker/audit/index.ts';
import { type Broker, type BrokerOptionsInput, startBroker } from '../../../broker/index.ts';
import { recordFault } from '../../../broker/record/index.ts';
import { type ConnectOptions, connect, type Vm, type VmEvents } from '../../../clients/sdk/index.ts';
import { type Authority, createAuthority, issueIdentity, type Role } from '../../../keys/index.ts';
import { SHIPPED_POLICY_DIRECTORY } from '../../../policy/index.ts';
import { BrokerProcess } from '../processes/broker-process.ts';
import { temporaryDirectory } from '../temp.ts';
import type { InstallationCarrier } from './carriers.ts';
import { Gate } from './gate.ts';
import { InstallationServer } from './nats-server.ts';

/** Port for opaque messages from any member to any member. */
export const DATA_PORT = 70;
/** Port for whole stereo samples, to members with the label @audio. */
export const PLAYBACK_PORT = 4_713;
const BROKER = 'argus';
const TTL_SECONDS = 3_600;

export const SERVICES = `classes:
  - { name: data, ports: ["1-999"], inspector: opaque, permissions: [send], flow: to-destination }
  - name: audio-playback
    ports: [${PLAYBACK_PORT}]
    destination: "@audio"
    inspector: pcm
    permissions: [send]
    flow: to-destination
`;

/** Members may do everything with each other. rogue-vm is in the inventory, but nothing is allowed to it. */
export const OPEN_ROWS: readonly string[] = [
  'p, @member, broker, argo, *, allow',
  'p, @member, @member, argo, *, allow',
  'p, @member, @member, data, send, allow',
  'p, @member, @member, audio-playback, send, allow',
];

export interface InstallationPlan {
  /** The carrier of the domains. Default: sockets. */
  readonly carrier?: InstallationCarrier;
  /** Each has the label @member and the given ones. rogue-vm, without a label, is always declared too. */
  readonly domains?: Readonly<Record<string, readonly string[]>>;
  /** Rows of policy.csv. Default: OPEN_ROWS. */
  readonly rows?: readonly string[];
}

const DEFAULT_DOMAINS: Readonly<Record<string, readonly string[]>> = {
  'audio-vm': ['@audio'],
  'chrome-vm': [],
  'mail-vm': [],
};

export class Installation {
  readonly directory: string;
  readonly policy: string;
  readonly audit: string;
  readonly runtime: string;
  readonly control: string;
  readonly config: string;
  readonly authority: Authority;
  readonly authorityDirectory: string;
  readonly #server: InstallationServer | null;
  readonly #gates: Gate[] = [];
  #declared: readonly string[] = [];
  readonly #vms: Vm[] = [];
  readonly #brokers: Broker[] = [];
  readonly #processes: BrokerProcess[] = [];

  private constructor(
    authority: Authority,
    authorityDirectory: string,
    directory: string,
    server: InstallationServer | null,
  ) {
    this.authority = authority;
    this.authorityDirectory = authorityDirectory;
    this.directory = directory;
    this.policy = join(directory, 'policy');
    this.audit = join(directory, 'audit');
    this.runtime = join(directory, 'run');
    this.control = join(this.runtime, 'control.sock');
    this.config = join(directory, 'argus.yaml');
    this.#server = server;
  }

  static async set(plan: InstallationPlan = {}): Promise<Installation> {
    const authorityDirectory = join(temporaryDirectory(), 'authority');
    const authority = await createAuthority(authorityDirectory, 'unsealed');
    const directory = temporaryDirectory();
    const server =
      plan.carrier === 'nats' ? await InstallationServer.start(directory, join(directory, 'policy'), BROKER) : null;
    const installation = new Installation(authority, authorityDirectory, directory, server);
    const domains = plan.domains ?? DEFAULT_DOMAINS;
    const names = [...Object.keys(domains), 'rogue-vm'];
    await Promise.all([
      installation.issue('broker', 'broker', { name: BROKER }),
      ...names.map((name) => installation.issue(name, 'domain')),
    ]);
    await mkdir(installation.policy, { mode: 0o755 });
    await cp(join(SHIPPED_POLICY_DIRECTORY, 'model.conf'), join(installation.policy, 'model.conf'));
    await writeFile(join(installation.policy, 'services.yaml'), SERVICES);
    await writeFile(join(installation.policy, 'assertions.csv'), '');
    await writeFile(join(installation.policy, 'tests.csv'), '');
    await installation.writeDomains(domains);
    await installation.writeRows(plan.rows ?? OPEN_ROWS);
    await installation.configure();
    return installation;
  }

  /** Key, credential and trust anchor of `name`, in the directory `identityOf(place)`. */
  async issue(
    place: string,
    role: Role,
    terms: { readonly name?: string; readonly ttlSeconds?: number; readonly now?: number; authority?: Authority } = {},
  ): Promise<string> {
    const { name = place, ttlSeconds = TTL_SECONDS, now = Date.now(), authority = this.authority } = terms;
    await issueIdentity(authority, this.identityOf(place), { name, role, ttlSeconds }, 'unsealed', { now });
    return this.identityOf(place);
  }

  identityOf(place: string): string {
    return join(this.directory, 'keys', place);
  }

  carrierOf(domain: string): string {
    return this.#server?.addressOf(domain) ?? `unix:${this.#socketOf(domain)}`;
  }

  #socketOf(domain: string): string {
    return join(this.runtime, `${domain}.sock`);
  }

  /** The domain's carrier with a gate in it. */
  async gateOf(domain: string): Promise<{ readonly gate: Gate; readonly carrier: string }> {
    const server = this.#server;
    const path = join(this.runtime, 'gate.sock');
    const host = '127.0.0.1';
    const gate =
      server === null
        ? await Gate.open({ path }, { path: this.#socketOf(domain) })
        : await Gate.open({ host, port: 0 }, { host, port: server.tcpPort });
    this.#gates.push(gate);
    return { gate, carrier: server?.addressOf(domain, gate.tcpPort) ?? `unix:${path}` };
  }

  /** Replaces a file of the policy directory in one step, as editors do. */
  async writePolicyFile(file: string, text: string): Promise<void> {
    const draft = join(this.directory, `${file}.draft`);
    await writeFile(draft, text);
    await rename(draft, join(this.policy, file));
  }

  writeRows(rows: readonly string[]): Promise<void> {
    return this.writePolicyFile('policy.csv', rows.map((row) => `${row}\n`).join(''));
  }

  /**
   * Writes the inventory. A NATS server accepts new domains at once. Removed domains can connect until `settleServer`.
   */
  async writeDomains(domains: Readonly<Record<string, readonly string[]>>): Promise<void> {
    const before = this.#declared;
    const over = this.#server === null ? '' : ', carrier: nats';
    const labels = new Set(['@member', '@audio', ...Object.values(domains).flat()]);
    const entry = (name: string, domid: number, own: readonly string[]): string =>
      `  - { name: ${name}, domid: ${domid}, labels: [${own.map((label) => `"${label}"`).join(', ')}]${over} }`;
    const lines = [
      'labels:',
      ...[...labels].map((label) => `  - { name: "${label}" }`),
      'domains:',
      ...Object.entries(domains).map(([name, own], index) => entry(name, index + 1, ['@member', ...own])),
      entry('rogue-vm', 6_666, []),
    ];
    this.#declared = [...Object.keys(domains), 'rogue-vm'];
    await this.#server?.declare([...new Set([...before, ...this.#declared])]);
    await this.writePolicyFile('domains.yaml', `${lines.join('\n')}\n`);
  }

  /** Runs `argus nats config` after the broker has the new inventory, which disconnects removed domains. */
  async settleServer(): Promise<void> {
    await this.#server?.declare(this.#declared);
  }

  /** Writes argus.yaml; JSON is YAML. */
  async configure(more: Readonly<Record<string, unknown>> = {}): Promise<void> {
    await writeFile(this.config, JSON.stringify({ ...this.options(), ...more }));
  }

  options(): BrokerOptionsInput {
    return {
      identity: this.identityOf('broker'),
      policy: this.policy,
      audit: this.audit,
      runtime: this.runtime,
      ...(this.#server === null ? {} : { nats: this.#server.addressOf(BROKER) }),
      log: { level: 'silent' },
    };
  }

  /** Starts a broker in this process. */
  async broker(more: Partial<BrokerOptionsInput> = {}): Promise<Broker> {
    const broker = await startBroker({ ...this.options(), ...more });
    this.#brokers.push(broker);
    return broker;
  }

  /** Starts `argus broker --config` as a process. Resolves when it serves. */
  async brokerProcess(more: Readonly<Record<string, unknown>> = {}): Promise<BrokerProcess> {
    await this.configure({ log: { level: 'info' }, ...more });
    const broker = new BrokerProcess(this.config);
    this.#processes.push(broker);
    await broker.running();
    return broker;
  }

  async connect(domain: string, more: Partial<ConnectOptions> = {}): Promise<Vm> {
    const vm = await connect({ carrier: this.carrierOf(domain), identity: this.identityOf(domain), ...more });
    return this.keep(vm);
  }

  /** Closes this VM too at the end, although the test has connected it itself. */
  keep(vm: Vm): Vm {
    this.#vms.push(vm);
    return vm;
  }

  /** Verifies the log, and each record against the published schema. */
  verify(): Promise<VerifyResult> {
    return verifyAudit(this.audit, { judge: ({ fields }) => recordFault(fields) });
  }

  async close(): Promise<void> {
    // Do not wait for unfinished sends of the test.
    const closing = this.#vms.map((vm) => vm.close());
    for (const broker of this.#processes) broker.kill();
    await Promise.all(this.#processes.map((broker) => broker.exited));
    await Promise.all(this.#brokers.map((broker) => broker.close()));
    await Promise.all(closing);
    for (const gate of this.#gates) gate.close();
    await this.#server?.stop();
  }
}

export async function withInstallation(
  plan: InstallationPlan,
  run: (installation: Installation) => Promise<void>,
): Promise<void> {
  const installation = await Installation.set(plan);
  try {
    await run(installation);
  } catch (error) {
    await installation.close().catch(() => {}); // the first error is the one to report
    throw error;
  }
  await installation.close();
}

/** The next event of that name that `wants` accepts. Call it before the action that causes the event. */
export function nextEvent<Name extends keyof VmEvents>(
  vm: Vm,
  name: Name,
  wants: (event: VmEvents[Name]) => boolean = () => true,
): Promise<VmEvents[Name]> {
  return new Promise((resolve) => {
    const listener = (event: VmEvents[Name]): void => {
      if (!wants(event)) return;
      vm.off(name, listener);
      resolve(event);
    };
    vm.on(name, listener);
  });
}

/** The code with which a promise rejects; `'none'` when it does not. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'none';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : `no code: ${error}`;
  }
}
