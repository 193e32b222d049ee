/** The host of the machines: an authority, identities, the shipped policy with serial ports, and a broker process. */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { type Authority, createAuthority, issueIdentity } from '../../../keys/index.ts';
import { copyShippedPolicy } from '../../../policy/index.ts';
import {
  type Accelerator,
  type Entry,
  endWithUs,
  Machine,
  nodeArguments,
  programFile,
  ROOT,
} from '../../machines/index.ts';
import { DemoError } from '../errors.ts';

const run = promisify(execFile);

const TTL_SECONDS = 3600;

export interface HostOptions {
  /** All files are in this directory; the caller removes it. */
  readonly directory: string;
  readonly accelerator: Accelerator;
  /** Domains of the shipped policy that get an identity. */
  readonly domains: readonly string[];
  /** Entry file of the program that every guest finds as /guest.mjs. */
  readonly program: string;
  /** Text to append to files of the policy, by name. */
  readonly morePolicy?: Readonly<Record<string, string>>;
}

export interface BootOptions {
  readonly files?: ReadonlyMap<string, Entry>;
  readonly restore?: string;
  readonly more?: readonly string[];
  /** Instead of the broker's own socket of this domain. */
  readonly socket?: string;
}

export class DemoHost {
  readonly directory: string;
  readonly authority: Authority;
  readonly #accelerator: Accelerator;
  readonly #machines: Machine[] = [];
  #broker: ChildProcess | null = null;

  private constructor(options: HostOptions, authority: Authority) {
    this.directory = options.directory;
    this.authority = authority;
    this.#accelerator = options.accelerator;
  }

  /** Creates keys, policy and programs; starts nothing. */
  static async build(options: HostOptions): Promise<DemoHost> {
    const at = (name: string): string => join(options.directory, name);
    const authority = await createAuthority(at('authority'), 'unsealed');
    await issueIdentity(authority, at('argus'), { name: 'argus', role: 'broker', ttlSeconds: TTL_SECONDS }, 'unsealed');
    for (const name of options.domains)
      await issueIdentity(authority, at(name), { name, role: 'domain', ttlSeconds: TTL_SECONDS }, 'unsealed');
    await copyShippedPolicy(at('policy'));
    edit(at('policy/domains.yaml'), (text) => text.replaceAll(/^( +- name: [a-z-]+-vm)$/gm, '$1\n    carrier: serial'));
    for (const [name, more] of Object.entries(options.morePolicy ?? {}))
      edit(at(`policy/${name}`), (text) => `${text.trimEnd()}\n${more}`);
    const config = { identity: at('argus'), policy: at('policy'), audit: at('audit'), runtime: at('run') };
    writeFileSync(at('argus.yaml'), JSON.stringify(config));
    await Promise.all([bundle(at('argus.mjs')), bundle(at('guest.mjs'), options.program)]);
    return new DemoHost(options, authority);
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** The broker's socket for the machine of a domain. */
  socketOf(domain: string): string {
    return this.path(`run/${domain}.sock`);
  }

  /** A broker in a process of its own, so that it can be killed like one. Resolves once it runs. */
  async startBroker(): Promise<void> {
    const child = spawn(
      process.execPath,
      [...nodeArguments('clients/cli/main'), 'broker', '--config', this.path('argus.yaml')],
      { cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    endWithUs(child);
    this.#broker = child;
    const said: string[] = [];
    for await (const line of createInterface({ input: child.stderr })) {
      said.push(line);
      if (!line.includes('broker running')) continue;
      child.stderr.resume();
      return;
    }
    throw new DemoError('ERR_DEMO_PROCESS', `the broker ended before it ran:\n${said.join('\n')}`);
  }

  /** Ends the broker with SIGTERM, as an admin does; its log is complete when this resolves. */
  stopBroker(): Promise<void> {
    return this.#endBroker('SIGTERM');
  }

  /** kill -9. */
  killBroker(): Promise<void> {
    return this.#endBroker('SIGKILL');
  }

  async #endBroker(signal: NodeJS.Signals): Promise<void> {
    const broker = this.#broker;
    this.#broker = null;
    if (broker === null || broker.exitCode !== null) return;
    const exited = new Promise((resolve) => broker.once('exit', resolve));
    broker.kill(signal);
    await exited;
  }

  /** Boots a guest that runs the shell script `main`. It has its identity, /guest.mjs and the agent (/argus.mjs). */
  async boot(name: string, main: string, options: BootOptions = {}): Promise<Machine> {
    const { socket = this.socketOf(name), ...rest } = options;
    const files = new Map<string, Entry>(options.files);
    for (const program of ['guest.mjs', 'argus.mjs'])
      files.set(program, { kind: 'file', bytes: readFileSync(this.path(program)), mode: 0o644 });
    this.addIdentity(files, name, 'etc/argus/identity');
    const machine = await Machine.start({
      ...rest,
      name,
      directory: this.path(`machine-${this.#machines.length}`),
      accelerator: this.#accelerator,
      socket,
      main,
      files,
    });
    this.#machines.push(machine);
    return machine;
  }

  /** Adds key and credential of `name` to a guest's files. */
  addIdentity(files: Map<string, Entry>, name: string, to: string): void {
    files.set(to, { kind: 'directory', mode: 0o700 });
    for (const file of readdirSync(this.path(name))) {
      const mode = file === 'key.jwk' ? 0o600 : 0o644;
      files.set(`${to}/${file}`, { kind: 'file', bytes: readFileSync(this.path(join(name, file))), mode });
    }
  }

  /** The console output of all machines, each under its name. */
  get consoles(): string {
    return this.#machines.map((machine) => `\n-- ${machine.name}\n${machine.console}\n`).join('');
  }

  /** Ends everything; `directory` stays. */
  async close(): Promise<void> {
    await Promise.all(this.#machines.map((machine) => machine.kill()));
    await this.killBroker();
  }
}

/** Bundles a guest's program in a process of its own, because esbuild is a development dependency. */
async function bundle(out: string, entry?: string): Promise<void> {
  const args = [...nodeArguments('clients/agents/guest/bundle'), out, ...(entry === undefined ? [] : [entry])];
  await run(process.execPath, args, { cwd: ROOT });
}

/** The programs of the demo's guests. */
export const GUEST_PROGRAM = programFile('clients/demo/vms/guest/main');

function edit(file: string, change: (text: string) => string): void {
  writeFileSync(file, change(readFileSync(file, 'utf8')));
}
