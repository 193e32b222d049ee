/**
 * `npm run bench -- --revocations`: from the moment in which an operator gives the revocation list to a broker until the
 * SDK of the holder hears that its session has ended. On each carrier, and at another broker that the list reaches over
 * the federation.
 *
 * Each round revokes a holder, and the holder comes back with a new key. Brokers are processes of their own.
 *
 * One more row is not the broker's: from the removal of a user of the NATS server until its connection there has closed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { access, cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Table from 'cli-table3';
import {
  dialNats,
  domainSubjects,
  loadNatsEnd,
  makeNkey,
  NatsServerDirectory,
  parseNatsAddress,
} from '../broker/carrier/index.ts';
import { type BrokerStatus, callControl } from '../broker/index.ts';
import { connect } from '../clients/sdk/index.ts';
import { type Authority, createAuthority, issueIdentity } from '../keys/index.ts';
import { startNatsServer } from './arms/nats-server.ts';
import { endWithThisProcess, findProgram, freeTcpPort, startRoleServer, stopChild } from './arms/server-process.ts';
import type { Cleanup } from './cleanup.ts';
import { percentile } from './figures/stats.ts';
import { TABLE_STYLE } from './figures/table.ts';
import { shapeFiles } from './policy/compile.ts';

const TTL_SECONDS = 24 * 3600;
const POLL_MS = 20;
const PROMISED_MS = 50;
const BROKERS = ['one', 'two'] as const;
/** A user of the NATS server whose connection is looked at, and no session. */
const NATS_USER = 'nats-user-vm';
const NATS_COURSE = 'user of the NATS server';
const FIRST_PIPE = 1;

interface Course {
  readonly name: string;
  readonly domain: string;
  readonly home: (typeof BROKERS)[number];
  readonly carrier: string;
}

export interface RevocationFigure {
  readonly carrier: string;
  readonly rounds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface RevocationRequest {
  readonly folder: string;
  readonly cleanup: Cleanup;
  readonly isQuick: boolean;
  progress(line: string): void;
}

export async function runRevocations({
  folder,
  cleanup,
  isQuick,
  progress,
}: RevocationRequest): Promise<RevocationFigure[]> {
  const site = await Site.open(folder, cleanup);
  const rounds = isQuick ? 20 : 200;
  const samples = new Map<string, number[]>();
  // Interleaved, so that other work on the machine slows all of them alike. Round -1 warms up.
  for (let round = -1; round < rounds; round++) {
    if (round % 20 === 0) progress(`round ${round} of ${rounds}`);
    for (const course of site.courses) {
      const took = await site.revoke(course);
      if (round >= 0) samples.set(course.name, [...(samples.get(course.name) ?? []), took]);
    }
    const took = await site.removeUser();
    if (round >= 0) samples.set(NATS_COURSE, [...(samples.get(NATS_COURSE) ?? []), took]);
  }
  return [...samples].map(([carrier, taken]) => ({
    carrier,
    rounds: taken.length,
    p50Ms: percentile(taken, 0.5),
    p99Ms: percentile(taken, 0.99),
    maxMs: Math.max(...taken),
  }));
}

export function renderRevocations(figures: readonly RevocationFigure[]): string {
  const head = ['revocation: list given -> session ended', 'rounds', 'p50 ms', 'p99 ms', 'max ms', 'promised ms'];
  const table = new Table({ head, style: TABLE_STYLE });
  for (const { carrier, rounds, p50Ms, p99Ms, maxMs } of figures)
    table.push([carrier, rounds, p50Ms.toFixed(1), p99Ms.toFixed(1), maxMs.toFixed(1), PROMISED_MS]);
  return table.toString();
}

class Site {
  readonly courses: readonly Course[];
  readonly #folder: string;
  readonly #authority: Authority;
  readonly #nats: NatsServerDirectory;
  readonly #natsPort: number;

  private constructor(folder: string, authority: Authority, courses: readonly Course[], natsPort: number) {
    this.#folder = folder;
    this.#nats = new NatsServerDirectory(join(folder, 'nats'), 'unsealed');
    this.#natsPort = natsPort;
    this.#authority = authority;
    this.courses = courses;
  }

  static async open(folder: string, cleanup: Cleanup): Promise<Site> {
    const at = (name: string): string => join(folder, name);
    const [natsPort, tcpPort] = [await freeTcpPort(), await freeTcpPort()];
    const socketOf = (home: string, domain: string): string => join(at(`run-${home}`), `${domain}.sock`);
    const all: readonly Course[] = [
      { name: 'unix', domain: 'unix-vm', home: 'one', carrier: `unix:${socketOf('one', 'unix-vm')}` },
      { name: 'tcp', domain: 'tcp-vm', home: 'one', carrier: `tcp:127.0.0.1:${tcpPort}` },
      { name: 'serial', domain: 'serial-vm', home: 'one', carrier: `serial:${at('serial')}` },
      { name: 'nats', domain: 'nats-vm', home: 'one', carrier: `nats://127.0.0.1:${natsPort}/one` },
      { name: 'another broker', domain: 'far-vm', home: 'two', carrier: `unix:${socketOf('two', 'far-vm')}` },
    ];
    const courses = all.filter(({ name }) => name !== 'serial' || HAS_SOCAT);
    await writePolicy(at('policy'), all);
    const authority = await createAuthority(at('authority'), 'unsealed');
    const site = new Site(folder, authority, courses, natsPort);
    await site.#prepareNats();
    const nats = await startNatsServer(join(at('nats'), 'nats-server.conf'), natsPort);
    cleanup.add(() => nats.stop());
    for (const name of BROKERS) {
      const places = {
        identity: at(name),
        policy: at('policy'),
        audit: at(`audit-${name}`),
        runtime: at(`run-${name}`),
      };
      const tcp = name === 'one' ? { tcp: `127.0.0.1:${tcpPort}` } : {};
      const config = { ...places, ...tcp, nats: `nats://127.0.0.1:${natsPort}` };
      const broker = await startRoleServer('argus-broker.ts', {
        ...config,
        watchPolicy: false,
        log: { level: 'error' },
      });
      cleanup.add(() => broker.stop());
    }
    for (const name of BROKERS) await site.#joined(name);
    return site;
  }

  /** Opens a session with a new key, revokes the key, and measures until the session has ended. */
  async revoke({ domain: name, carrier }: Course): Promise<number> {
    const line = carrier.startsWith('serial:') ? await this.#serialLine(name, carrier.slice('serial:'.length)) : null;
    const identity = join(this.#folder, `key-${name}-${performance.now()}`);
    await issueIdentity(this.#authority, identity, { name, role: 'domain', ttlSeconds: TTL_SECONDS }, 'unsealed');
    for (const file of ['nats.seed', 'nats-ca.pem'])
      if (carrier.startsWith('nats:')) await cp(join(this.#folder, name, file), join(identity, file));
    const vm = await connect({ carrier, identity, reconnect: false });
    const ended = new Promise<number>((resolve, reject) =>
      vm.on('disconnected', ({ reason }) => {
        if (reason.code === 'ERR_CLIENT_CREDENTIAL_REVOKED') resolve(performance.now());
        else reject(new Error(`bench: ${name} lost its session: ${reason.code}`));
      }),
    );
    await this.#authority.revoke({ target: { role: 'domain', name }, reason: 'bench', until: null });
    const { jws } = await this.#authority.revocations();
    const from = performance.now();
    const { ok } = await callControl(this.#control('one'), 'POST', '/v1/keys/revocations', { list: jws });
    if (!ok) throw new Error('bench: the list was refused');
    const took = (await ended) - from;
    await vm.close();
    if (line !== null) await stopChild(line);
    return took;
  }

  /** A terminal in raw mode stands for the port of a virtual machine. It ends with its session. */
  async #serialLine(domain: string, path: string): Promise<ChildProcess> {
    const socket = join(this.#folder, 'run-one', `${domain}.sock`);
    const ends = [`PTY,link=${path},raw,echo=0`, `UNIX-CONNECT:${socket}`];
    const line = endWithThisProcess(spawn('socat', ends, { stdio: 'ignore' }));
    while (!(await exists(path))) await pause();
    return line;
  }

  /** Opens a connection of a user, removes the user, and measures until the server has closed the connection. */
  async removeUser(): Promise<number> {
    const identity = join(this.#folder, NATS_USER);
    const end = await loadNatsEnd(parseNatsAddress(`nats://127.0.0.1:${this.#natsPort}`), identity);
    let onClosed: (at: number) => void = pass;
    const closed = new Promise<number>((resolve) => {
      onClosed = resolve;
    });
    const handlers = { onChunk: pass, onDrain: pass, onClosed: () => onClosed(performance.now()) };
    // The server has been told of its user a moment ago, and may not know it yet.
    const dial = (): Promise<unknown> =>
      dialNats(end, NATS_USER, domainSubjects('one', NATS_USER), FIRST_PIPE, handlers).catch(() => pause().then(dial));
    await dial();
    const from = performance.now();
    await this.#nats.revoke(NATS_USER);
    await this.#writeNats();
    const took = (await closed) - from;
    // A user that was removed comes back with a new key.
    await rm(join(identity, 'nats.seed'));
    await this.#nats.enrol('domains', NATS_USER, (await makeNkey(identity, 'unsealed')).publicKey);
    await this.#writeNats();
    return took;
  }

  async #writeNats(): Promise<void> {
    const policy = join(this.#folder, 'policy');
    const setup = { listen: `127.0.0.1:${this.#natsPort}`, hosts: ['127.0.0.1'], policy, broker: 'one' };
    const members = ['nats-vm', NATS_USER].map((name) => ({ name, broker: 'one' }));
    await this.#nats.write(setup, members, Date.now());
  }

  async #prepareNats(): Promise<void> {
    const at = (name: string): string => join(this.#folder, name);
    await this.#writeNats();
    const directory = this.#nats;
    for (const name of [...BROKERS, 'nats-vm', NATS_USER]) {
      const role = name === 'nats-vm' || name === NATS_USER ? 'domain' : 'broker';
      await issueIdentity(this.#authority, at(name), { name, role, ttlSeconds: TTL_SECONDS }, 'unsealed');
      const { publicKey } = await makeNkey(at(name), 'unsealed');
      await directory.enrol(role === 'domain' ? 'domains' : 'brokers', name, publicKey);
      await cp(directory.caFile, join(at(name), 'nats-ca.pem'));
    }
    await this.#writeNats();
  }

  async #joined(name: string): Promise<void> {
    for (;;) {
      const { body } = await callControl(this.#control(name), 'GET', '/v1/status');
      if ((body as BrokerStatus).brokers.every(({ session }) => session !== null)) return;
      await pause();
    }
  }

  #control(broker: string): string {
    return join(this.#folder, `run-${broker}`, 'control.sock');
  }
}

function pass(): void {}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, POLL_MS));
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

const HAS_SOCAT = (await findProgram('socat')) !== null;

async function writePolicy(folder: string, courses: readonly Course[]): Promise<void> {
  const carriers: Readonly<Record<string, string>> = { serial: ', carrier: serial', nats: ', carrier: nats' };
  const domains = courses.map(
    ({ name, domain, home }, index) =>
      `  - { name: ${domain}, domid: ${index + 1}, labels: ["@bench"], home: ${home}${carriers[name] ?? ''} }\n`,
  );
  const files = await shapeFiles({
    name: 'revocations',
    promisedMs: 0,
    domains: `labels:\n  - { name: "@bench" }\ndomains:\n${domains.join('')}`,
    policy: 'p, @bench, broker, argo, enable, allow\n',
    assertions: '',
  });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes, { mode: 0o600 });
}
