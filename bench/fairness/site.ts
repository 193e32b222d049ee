/** The host under attack: identities, a policy, and the broker as its operator runs it, with its log on stderr. */
import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeNkey, NatsServerDirectory } from '../../broker/carrier/index.ts';
import { type Authority, createAuthority, issueIdentity } from '../../keys/index.ts';
import { startNatsServer } from '../arms/nats-server.ts';
import { endWithThisProcess, freeTcpPort, stopChild } from '../arms/server-process.ts';
import { makeNice, type Niceness } from './niceness.ts';
import { within } from './within.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TTL_SECONDS = 24 * 3600;
const START_TIMEOUT_MS = 30_000;
const RUNNING = '"msg":"broker running"';

export const Port = { echo: 7001, reply: 7002, data: 7010, audited: 7020 } as const;

/** Domids: the two of the pair, then attackers in their different roles, and idle sessions. */
export const Domid = {
  caller: 1,
  answerer: 2,
  attacker: 100,
  accomplice: 200,
  serial: 300,
  pipe: 400,
  far: 500,
  idle: 1000,
} as const;
const BROKER = 'broker';
const UNIT_NICE = -10;

export interface Site {
  readonly folder: string;
  readonly pid: number;
  /** TCP port of the NATS server; null where there is none. */
  readonly natsPort: number | null;
  /** Bytes of the broker's log on stderr so far. */
  readonly stderrBytes: number;
  stop(): Promise<void>;
}

export interface SiteOptions {
  readonly folder: string;
  readonly attackers: number;
  readonly idle: number;
  /** Attackers come over a NATS server as well. */
  readonly nats: boolean;
  /** Node's arguments before the word `broker`. */
  readonly program: readonly string[];
  /** The pair does not use the NATS server: it works for the attackers, and is as nice as they are. */
  readonly attackersNice: Niceness;
}

/** The names of the domains, in the order of their numbers. */
function domainNames({ attackers, idle, nats }: SiteOptions): readonly string[] {
  return [
    'caller',
    'answerer',
    ...numbered('attacker', attackers),
    ...numbered('accomplice', attackers),
    ...numbered('pipe', nats ? attackers : 0),
    ...numbered('idle', idle),
  ];
}

export async function openSite(options: SiteOptions): Promise<Site> {
  const { folder, program } = options;
  const at = (name: string): string => join(folder, name);
  const authority = await createAuthority(at('authority'), 'unsealed');
  await issueIdentity(authority, at('broker'), { name: BROKER, role: 'broker', ttlSeconds: TTL_SECONDS }, 'unsealed');
  for (const name of domainNames(options))
    await issueIdentity(authority, at(name), { name, role: 'domain', ttlSeconds: TTL_SECONDS }, 'unsealed');
  await writePolicy(at('policy'), options);
  const nats = options.nats ? await openNats(options, authority) : null;
  const config = { identity: at('broker'), policy: at('policy'), audit: at('audit'), runtime: at('run') };
  const carrier = nats === null ? {} : { nats: `nats://${nats.server}?tls=off` };
  const settings = { ...config, ...carrier, watchPolicy: false, log: { level: 'info' } };
  await writeFile(at('argus.yaml'), JSON.stringify(settings));
  const broker = await startBroker(folder, [...program, 'broker', '--config', at('argus.yaml')]);
  return Object.assign(broker, {
    natsPort: nats?.port ?? null,
    stop: async () => {
      await stopChild(broker.child);
      await nats?.stop();
    },
  });
}

/** A NATS server as `argus nats config` sets it up, and the brokers that attackers are. */
async function openNats(
  { folder, attackers, attackersNice }: SiteOptions,
  authority: Authority,
): Promise<{ readonly server: string; readonly port: number; stop(): Promise<void> }> {
  const at = (name: string): string => join(folder, name);
  const port = await freeTcpPort();
  const server = `127.0.0.1:${port}`;
  const directory = new NatsServerDirectory(at('nats'), 'unsealed');
  const setup = { listen: server, hosts: ['127.0.0.1'], policy: at('policy'), broker: BROKER, tls: false };
  const [pipes, brokers] = [numbered('pipe', attackers), numbered('a-broker', attackers)];
  const members = pipes.map((name) => ({ name, broker: BROKER }));
  await directory.write(setup, members, Date.now());
  for (const name of brokers)
    await issueIdentity(authority, at(name), { name, role: 'broker', ttlSeconds: TTL_SECONDS }, 'unsealed');
  for (const name of [BROKER, ...brokers, ...pipes]) {
    const { publicKey } = await makeNkey(at(name), 'unsealed');
    await directory.enrol(pipes.includes(name) ? 'domains' : 'brokers', name, publicKey);
  }
  await directory.write(setup, members, Date.now());
  const running = await startNatsServer(directory.configFile, port);
  makeNice(running.pid, attackersNice);
  return { server, port, stop: () => running.stop() };
}

function numbered(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index}`);
}

async function startBroker(
  folder: string,
  args: readonly string[],
): Promise<Omit<Site, 'natsPort' | 'stop'> & { readonly child: ChildProcess }> {
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe'] });
  if (child.pid !== undefined) prefer(child.pid);
  endWithThisProcess(child);
  let stderrBytes = 0;
  let begin = '';
  const running = new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (bytes: Buffer) => {
      stderrBytes += bytes.length;
      if (begin.length > 65_536) return;
      begin += bytes;
      if (begin.includes(RUNNING)) resolve();
    });
    child.once('exit', () => reject(new Error(`the broker ended: ${begin}`)));
  });
  await within(START_TIMEOUT_MS, 'start of the broker', running);
  return {
    folder,
    pid: child.pid ?? 0,
    child,
    get stderrBytes() {
      return stderrBytes;
    },
  };
}

/** All bytes that the broker has logged: audit log and stderr. */
export async function logBytes(site: Site): Promise<number> {
  const directory = join(site.folder, 'audit');
  const files = await readdir(directory, { recursive: true });
  const sizes = await Promise.all(
    files.map(async (file) => (await stat(join(directory, file)).catch(() => null))?.size),
  );
  return sizes.reduce<number>((sum, size) => sum + (size ?? 0), site.stderrBytes);
}

/** As the broker's unit does (clients/host/debian/argus-broker.service). Without the right to do so it stays as it is. */
function prefer(pid: number): void {
  try {
    setPriority(pid, UNIT_NICE);
  } catch {
    // The ratios then show more of the scheduler.
  }
}

/** Resident memory. Null on a system without /proc. */
export async function residentBytes(pid: number): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '');
  const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(status) ?? [];
  return kilobytes === undefined ? null : Number(kilobytes) * 1024;
}

async function writePolicy(folder: string, options: SiteOptions): Promise<void> {
  await mkdir(folder, { mode: 0o700 });
  await cp(join(ROOT, 'policy/shipped/model.conf'), join(folder, 'model.conf'));
  const files = {
    'policy.csv': ROWS,
    'domains.yaml': inventory(options),
    'services.yaml': SERVICES,
    'assertions.csv': '',
    'tests.csv': '',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text, { mode: 0o600 });
}

const ROWS = `p, @any, broker, argo, enable, allow
p, @pair, @pair, argo, register_single_source, allow
p, @pair, @pair, argo, send, allow
p, @pair, @pair, call, send, allow
p, @hostile, @hostile, argo, register_single_source, allow
p, @hostile, @hostile, argo, send, allow
p, @hostile, @hostile, data, send, allow
p, @hostile, @hostile, audited, send, allow
`;

const SERVICES = `classes:
  - { name: call, ports: [${Port.echo}, ${Port.reply}], inspector: opaque, permissions: [send], flow: to-destination }
  - { name: data, ports: ["${Port.data}-${Port.data + 9}"], inspector: opaque, permissions: [send], flow: to-destination }
  - name: audited
    ports: [${Port.audited}]
    inspector: opaque
    permissions: [send]
    flow: to-destination
    auditallow: [send]
`;

function inventory({ attackers, idle, nats }: SiteOptions): string {
  const entry = (name: string, domid: number, more: string): string => `  - { name: ${name}, domid: ${domid}${more} }`;
  const many = (name: string, first: number, count: number, more: string): string[] =>
    numbered(name, count).map((each, index) => entry(each, first + index, more));
  const hosts = Array.from({ length: nats ? attackers : 0 }, (_, index) =>
    entry(`far-${index}`, Domid.far + index, `, home: a-broker-${index}`),
  );
  return [
    'labels: [{ name: "@pair" }, { name: "@hostile" }]',
    'domains:',
    entry('caller', Domid.caller, ', labels: ["@pair"]'),
    entry('answerer', Domid.answerer, ', labels: ["@pair"]'),
    ...many('attacker', Domid.attacker, attackers, ', labels: ["@hostile"]'),
    ...many('accomplice', Domid.accomplice, attackers, ', labels: ["@hostile"]'),
    ...many('serial', Domid.serial, attackers, ', carrier: serial'),
    ...many('pipe', Domid.pipe, nats ? attackers : 0, ', carrier: nats, labels: ["@hostile"]'),
    ...hosts,
    ...many('idle', Domid.idle, idle, ''),
    '',
  ].join('\n');
}
