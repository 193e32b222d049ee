/** The demo's stage: a temporary directory with keys, policy and sockets, and the processes that act in it. */
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createAuthority, issueIdentity } from '../../keys/index.ts';
import { copyShippedPolicy } from '../../policy/index.ts';
import { DemoError } from './errors.ts';
import type { Done, FromRole } from './roles/messages.ts';

const TTL_SECONDS = 3_600;
const DOMAINS = ['audio-vm', 'chrome-vm', 'rogue-vm'] as const;
type DemoDomain = (typeof DOMAINS)[number];

/** From the sources this file ends in .ts and runs under a loader that its children inherit; from dist in .js. */
const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

export class Actor {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #messages: FromRole[] = [];
  readonly #listeners = new Set<(message: FromRole) => void>();
  readonly #exit: Promise<number | null>;

  constructor(name: string, child: ChildProcess) {
    this.#name = name;
    this.#child = child;
    child.on('message', (message: FromRole) => {
      if (message.kind !== 'progress') this.#messages.push(message);
      for (const listener of [...this.#listeners]) listener(message);
    });
    this.#exit = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  }

  onMessage(listener: (message: FromRole) => void): void {
    this.#listeners.add(listener);
  }

  /** Resolves with the first message of that kind; fails when the process ends without one. */
  async until(kind: FromRole['kind']): Promise<void> {
    if (this.#messages.some((message) => message.kind === kind)) return;
    await new Promise<void>((resolve, reject) => {
      this.onMessage((message) => message.kind === kind && resolve());
      void this.#exit.then((code) => {
        if (this.#messages.some((message) => message.kind === kind)) resolve();
        else reject(new DemoError('ERR_DEMO_PROCESS', `${this.#name} ended with code ${code} before it was ${kind}`));
      });
    });
  }

  last(kind: 'done'): Done {
    const found = this.#messages.findLast((message) => message.kind === kind);
    if (found === undefined || found.kind !== 'done')
      throw new DemoError('ERR_DEMO_PROCESS', `${this.#name} said nothing`);
    return found;
  }

  exited(): Promise<number | null> {
    return this.#exit;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#child.exitCode === null) this.#child.kill(signal);
  }
}

export class Scene {
  readonly directory: string;
  readonly #actors: Actor[] = [];
  #broker: Actor | null = null;

  constructor(directory: string) {
    this.directory = directory;
  }

  get policy(): string {
    return join(this.directory, 'policy');
  }

  get audit(): string {
    return join(this.directory, 'audit');
  }

  get control(): string {
    return join(this.directory, 'run', 'control.sock');
  }

  socketOf(domain: DemoDomain): string {
    return join(this.directory, 'run', `${domain}.sock`);
  }

  async startBroker(): Promise<void> {
    const cli = fileURLToPath(new URL(`../cli/main.${EXTENSION}`, import.meta.url));
    const child = fork(cli, ['broker', '--config', join(this.directory, 'argus.yaml')], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let complaint = '';
    child.stderr?.on('data', (text: Buffer) => {
      complaint += text.toString();
    });
    this.#broker = new Actor('broker', child);
    const isUp = waitForFile(this.control);
    const isGone = this.#broker.exited().then((code) => {
      throw new DemoError('ERR_DEMO_PROCESS', `the broker ended with code ${code}: ${complaint.trim()}`);
    });
    isGone.catch(() => {});
    await Promise.race([isUp, isGone]);
  }

  /** As an admin would: SIGTERM, then it has written its log to the end. */
  async stopBroker(): Promise<void> {
    this.#broker?.signal('SIGTERM');
    await this.#broker?.exited();
  }

  spawn(domain: DemoDomain, task: Readonly<Record<string, unknown>>): Actor {
    const role = fileURLToPath(new URL(`./roles/${domain}.${EXTENSION}`, import.meta.url));
    const setting = {
      identity: join(this.directory, 'keys', domain),
      carrier: `unix:${this.socketOf(domain)}`,
      keys: join(this.directory, 'keys'),
      ...task,
    };
    const child = fork(role, [JSON.stringify(setting)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const actor = new Actor(domain, child);
    this.#actors.push(actor);
    return actor;
  }

  async close(keep: boolean): Promise<void> {
    for (const actor of this.#actors) actor.signal('SIGKILL');
    await this.stopBroker();
    if (!keep) await rm(this.directory, { recursive: true, force: true });
  }
}

/** Makes everything an installation has: an authority, a broker, domains with credentials of their own, a policy. */
export async function setScene(): Promise<Scene> {
  const directory = await mkdtemp(join(tmpdir(), 'argus-demo-'));
  const authority = await createAuthority(join(directory, 'authority'));
  await issueIdentity(authority, join(directory, 'keys', 'broker'), {
    name: 'argus',
    role: 'broker',
    ttlSeconds: TTL_SECONDS,
  });
  for (const name of DOMAINS) {
    await issueIdentity(authority, join(directory, 'keys', name), { name, role: 'domain', ttlSeconds: TTL_SECONDS });
  }
  await copyShippedPolicy(join(directory, 'policy'));
  const config = [
    'identity: keys/broker',
    'policy: policy',
    'audit: audit',
    'runtime: run',
    'log: { level: warn }',
    '',
  ];
  await writeFile(join(directory, 'argus.yaml'), config.join('\n'));
  return new Scene(directory);
}

async function waitForFile(path: string): Promise<void> {
  while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 10));
}
