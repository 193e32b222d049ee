/**
 * Starts the services of docker-compose.yml as plain processes: the same commands, environment, order and health checks.
 * What a container has by itself is put in its place: /cluster is a directory, the host `nats` the loopback, `argus` and
 * `nats-server` the programs of this machine.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { findBinary } from '../support/needs.ts';
import { pictureOf } from '../support/process-picture.ts';
import { type ComposeFile, type ComposeService, startOrder } from './compose-file.ts';

const COMPOSE_NATS_PORT = 4222;
const POLL_MS = 50;

export class Processes {
  readonly directory: string;
  readonly #file: ComposeFile;
  readonly #argus: readonly string[];
  readonly #natsPort: number;
  readonly #children = new Map<string, ChildProcess>();
  readonly #said = new Map<string, string>();

  /** `argus`: the command that stands for the image's entry point. */
  constructor(file: ComposeFile, directory: string, argus: readonly string[], natsPort: number) {
    this.#file = file;
    this.directory = directory;
    this.#argus = argus;
    this.#natsPort = natsPort;
  }

  async up(): Promise<void> {
    this.#makeVolumes();
    for (const name of startOrder(this.#file)) {
      const service = this.#service(name);
      for (const [other, { condition }] of Object.entries(service.depends_on)) await this.#meets(other, condition);
      this.#start(name, service);
    }
    for (const [name, { healthcheck }] of Object.entries(this.#file.services)) {
      if (healthcheck !== undefined) await this.#meets(name, 'service_healthy');
    }
  }

  async down(): Promise<void> {
    for (const child of [...this.#children.values()].reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => {
        process.stdout.write(`service that did not end on SIGTERM:\n${pictureOf(child.pid ?? 0)}\n`);
        child.kill('SIGKILL');
      }, 5_000);
      await gone;
      clearTimeout(timer);
    }
  }

  /** `docker compose stop SERVICE`. */
  async stop(name: string): Promise<void> {
    const child = this.#children.get(name);
    if (child === undefined || child.exitCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await gone;
  }

  /** `docker compose exec SERVICE argus …`, with `input` on standard input. */
  exec(args: readonly string[]): ChildProcess {
    const [program = '', ...rest] = [...this.#argus, ...args.map((text) => this.#translate(text))];
    return spawn(program, rest, { stdio: ['pipe', 'pipe', 'pipe'] });
  }

  /** Only what the service mounts exists for it; here that can only be checked. */
  #makeVolumes(): void {
    for (const { volumes } of Object.values(this.#file.services)) {
      for (const volume of volumes) mkdirSync(this.#translate(volume.split(':')[1] ?? ''), { recursive: true });
    }
  }

  #start(name: string, service: ComposeService): void {
    const command = service.command.map((text) => this.#translate(text));
    const [first = '', ...others] = command;
    const [program = '', ...args] =
      service.build === undefined ? [findBinary(first) ?? first, ...others] : [...this.#argus, ...command];
    const environment = Object.fromEntries(
      Object.entries(service.environment).map(([key, text]) => [key, this.#translate(text)]),
    );
    const child = spawn(program, args, {
      cwd: this.directory,
      env: { PATH: process.env.PATH ?? '', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#children.set(name, child);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#said.set(name, `${this.#said.get(name) ?? ''}${text}`.slice(-4_000));
      });
    }
  }

  async #meets(name: string, condition: string): Promise<void> {
    const child = this.#children.get(name);
    if (child === undefined) throw new Error(`"${name}" is waited for before it is started`);
    if (condition === 'service_completed_successfully') {
      if (child.exitCode === null) await once(child, 'exit');
      if (child.exitCode !== 0) throw this.#failure(name, child);
      return;
    }
    const { healthcheck } = this.#service(name);
    if (condition !== 'service_healthy' || healthcheck === undefined) return;
    while (!(await this.#isHealthy(healthcheck.test))) {
      if (child.exitCode !== null) throw this.#failure(name, child);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  #failure(name: string, child: ChildProcess): Error {
    return new Error(`service "${name}" ended with code ${child.exitCode}: ${this.#said.get(name) ?? ''}`);
  }

  #isHealthy([, ...words]: readonly string[]): Promise<boolean> {
    const [first = '', ...args] = words.map((text) => this.#translate(text));
    if (first === 'nc') return accepts(args.at(-2) ?? '', Number(args.at(-1)));
    if (first !== 'argus') return succeeds(first, args);
    const [program = '', ...before] = this.#argus;
    return succeeds(program, [...before, ...args]);
  }

  #translate(text: string): string {
    if (text === String(COMPOSE_NATS_PORT)) return String(this.#natsPort);
    return text
      .replaceAll(/\/cluster(?=\/|$)/g, this.directory)
      .replace(/^(?:nats|0\.0\.0\.0):4222$/, `127.0.0.1:${this.#natsPort}`);
  }

  #service(name: string): ComposeService {
    const service = this.#file.services[name];
    if (service === undefined) throw new Error(`no service "${name}"`);
    return service;
  }

  path(...parts: readonly string[]): string {
    return join(this.directory, ...parts);
  }
}

function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(program, args, (error) => resolve(error === null));
  });
}

/** `nc -z`, which not every machine has. */
function accepts(host: string, tcpPort: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(tcpPort, host);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
