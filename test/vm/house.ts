/** The host's side of the VM tests: an authority, identities, the shipped policy with serial ports, a broker process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { bundleAgent } from '../../clients/agent/bundle.ts';
import { type Authority, createAuthority, issueIdentity } from '../../keys/index.ts';
import { copyShippedPolicy } from '../../policy/index.ts';
import { findBinary, needsThat } from '../helpers/needs.ts';
import { temporaryDirectory } from '../helpers/temp.ts';
import type { Entry } from './image/cpio.ts';
import { hasGuestPackages } from './image/packages.ts';
import { Machine } from './machine.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const GUESTS = ['audio-vm', 'chrome-vm', 'rogue-vm'] as const;
const TTL_SECONDS = 3600;

/** An opaque class beside the shipped ones, for round trips between an app and the sound server. */
const ECHO_CLASS = `
  - name: echo
    ports: [5000, 5001]
    inspector: opaque
    permissions: [send]
    flow: both
`;
const ECHO_ROWS = `
p, @app, @audio, echo, send, allow
p, @audio, @app, echo, send, allow
`;

/** Registers a test that boots machines, or a skip that says what is missing. */
export const withMachines = needsThat(
  () => findBinary('qemu-system-x86_64') !== null && hasGuestPackages(),
  'a Debian host with QEMU (apt-get update; apt-get install qemu-system-x86)',
);

export class House {
  readonly directory: string;
  readonly authority: Authority;
  readonly #machines = new Set<Machine>();
  #broker: ChildProcess | null = null;

  private constructor(directory: string, authority: Authority) {
    this.directory = directory;
    this.authority = authority;
  }

  static async build(): Promise<House> {
    const directory = temporaryDirectory();
    const at = (name: string): string => join(directory, name);
    const authority = await createAuthority(at('authority'));
    await issueIdentity(authority, at('argus'), { name: 'argus', role: 'broker', ttlSeconds: TTL_SECONDS });
    for (const name of GUESTS)
      await issueIdentity(authority, at(name), { name, role: 'domain', ttlSeconds: TTL_SECONDS });
    await copyShippedPolicy(at('policy'));
    edit(at('policy/domains.yaml'), (text) => text.replaceAll(/^( +- name: [a-z-]+-vm)$/gm, '$1\n    carrier: serial'));
    edit(at('policy/services.yaml'), (text) => `${text.trimEnd()}\n${ECHO_CLASS}`);
    edit(at('policy/policy.csv'), (text) => `${text.trimEnd()}\n${ECHO_ROWS}`);
    const config = { identity: at('argus'), policy: at('policy'), audit: at('audit'), runtime: at('run') };
    writeFileSync(at('argus.yaml'), JSON.stringify(config));
    await bundleAgent(at('guest.mjs'), fileURLToPath(new URL('./guest/main.ts', import.meta.url)));
    await bundleAgent(at('argus.mjs'));
    const house = new House(directory, authority);
    await house.startBroker();
    return house;
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** A broker in a process of its own, so that it can be killed like one. Resolves once it runs. */
  async startBroker(): Promise<void> {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', 'clients/cli/main.ts', 'broker', '--config', this.path('argus.yaml')],
      { cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#broker = child;
    for await (const line of createInterface({ input: child.stderr })) {
      if (!line.includes('broker running')) continue;
      child.stderr.resume();
      return;
    }
    throw new Error('the broker ended before it ran');
  }

  /** kill -9. */
  async killBroker(): Promise<void> {
    const broker = this.#broker;
    this.#broker = null;
    if (broker === null || broker.exitCode !== null) return;
    const exited = new Promise((resolve) => broker.once('exit', resolve));
    broker.kill('SIGKILL');
    await exited;
  }

  /** Boots a guest; `main` is its shell script. Its identity, the test's programs and the agent are there. */
  async boot(
    name: string,
    main: string,
    options: { readonly files?: ReadonlyMap<string, Entry>; readonly restore?: string; readonly more?: string[] } = {},
  ): Promise<Machine> {
    const files = new Map<string, Entry>(options.files);
    for (const program of ['guest.mjs', 'argus.mjs'])
      files.set(program, { kind: 'file', bytes: readFileSync(this.path(program)), mode: 0o644 });
    this.addIdentity(files, name, 'etc/argus/identity');
    const machine = await Machine.start({
      name,
      socket: this.path(`run/${name}.sock`),
      main,
      files,
      ...(options.restore === undefined ? {} : { restore: options.restore }),
      ...(options.more === undefined ? {} : { more: options.more }),
    });
    this.#machines.add(machine);
    return machine;
  }

  /** Key and credential of `name`, as the guest's image brings them. */
  addIdentity(files: Map<string, Entry>, name: string, to: string): void {
    files.set(to, { kind: 'directory', mode: 0o700 });
    for (const file of readdirSync(this.path(name))) {
      const mode = file === 'key.jwk' ? 0o600 : 0o644;
      files.set(`${to}/${file}`, { kind: 'file', bytes: readFileSync(this.path(join(name, file))), mode });
    }
  }

  /** The guests' programs as processes of this host, on the same sockets; returns what `ping` printed. */
  async pingBetweenProcesses(rounds: number, messages: number): Promise<string> {
    const start = (name: string, ...role: string[]): ChildProcess =>
      spawn(process.execPath, [this.path('guest.mjs'), ...role], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: {
          ...process.env,
          ARGUS_CARRIER: `unix:${this.path(`run/${name}.sock`)}`,
          ARGUS_IDENTITY: this.path(name),
        },
      });
    const echo = start('audio-vm', 'echo');
    try {
      if (echo.stdout === null) throw new Error('no output');
      for await (const line of createInterface({ input: echo.stdout })) if (line === 'listening') break;
      const ping = start('chrome-vm', 'ping', `${rounds}`, `${messages}`);
      let text = '';
      ping.stdout?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      await new Promise((resolve) => ping.once('close', resolve));
      return text;
    } finally {
      echo.kill('SIGKILL');
    }
  }

  /** Reasons of the audit log's records of one event. */
  audited(event: string): Readonly<Record<string, unknown>>[] {
    const records: Readonly<Record<string, unknown>>[] = [];
    for (const file of readdirSync(this.path('audit'))
      .filter((name) => name.endsWith('.jsonl'))
      .sort()) {
      for (const line of readFileSync(this.path(join('audit', file)), 'utf8').split('\n')) {
        if (!line.includes(`"${event}"`)) continue;
        records.push(JSON.parse(line));
      }
    }
    return records;
  }

  async close(): Promise<void> {
    // Shown by the runner only when the test has failed.
    for (const machine of this.#machines) process.stdout.write(`\n-- ${machine.name}\n${machine.console}\n`);
    await Promise.all([...this.#machines].map((machine) => machine.kill()));
    await this.killBroker();
  }
}

function edit(file: string, change: (text: string) => string): void {
  writeFileSync(file, change(readFileSync(file, 'utf8')));
}
