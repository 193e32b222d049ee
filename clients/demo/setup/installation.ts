/** The demo's stage: a temporary directory with keys, policy and sockets, and the processes that act in it. */
import { fork, type StdioOptions } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createAuthority, issueIdentity } from '../../../keys/index.ts';
import { copyShippedPolicy } from '../../../policy/index.ts';
import { DemoError } from '../errors.ts';
import { Actor } from './role-process.ts';

const TTL_SECONDS = 3_600;
const POLL_MS = 10;
export const BROKER = 'host';
export const DOMAINS = ['audio-vm', 'chrome-vm', 'rogue-vm'] as const;
type DemoDomain = (typeof DOMAINS)[number];

/** From the sources this file ends in .ts and runs under a loader that its children inherit; from dist in .js. */
const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

export class Scene {
  readonly directory: string;
  readonly #isKept: boolean;
  readonly #actors: Actor[] = [];
  #broker: Actor | null = null;

  private constructor(directory: string, isKept: boolean) {
    this.directory = directory;
    this.#isKept = isKept;
  }

  /** An empty stage; whoever makes it closes it. */
  static async make(isKept: boolean): Promise<Scene> {
    const scene = new Scene(await mkdtemp(join(tmpdir(), 'argus-demo-')), isKept);
    // However this process ends, short of a kill.
    if (!isKept) process.once('exit', () => rmSync(scene.directory, { recursive: true, force: true }));
    return scene;
  }

  path(...names: readonly string[]): string {
    return join(this.directory, ...names);
  }

  /** The directory of an identity. */
  identity(name: string): string {
    return this.path('keys', name);
  }

  get policy(): string {
    return this.path('policy');
  }

  get audit(): string {
    return this.path('audit');
  }

  get control(): string {
    return this.path('run', 'control.sock');
  }

  socketOf(domain: string): string {
    return this.path('run', `${domain}.sock`);
  }

  /** Makes everything an installation has: an authority, a broker, domains with credentials of their own, a policy. */
  async furnish(): Promise<void> {
    const authority = await createAuthority(this.path('authority'));
    const ttlSeconds = TTL_SECONDS;
    await issueIdentity(authority, this.identity(BROKER), { name: BROKER, role: 'broker', ttlSeconds });
    for (const name of DOMAINS)
      await issueIdentity(authority, this.identity(name), { name, role: 'domain', ttlSeconds });
    await copyShippedPolicy(this.policy);
  }

  /** `more`: what argus.yaml says beside its directories. */
  async startBroker(more: Readonly<Record<string, unknown>>): Promise<void> {
    const identity = this.identity(BROKER);
    const config = { identity, policy: this.policy, audit: this.audit, runtime: this.path('run'), ...more };
    const file = this.path('argus.yaml');
    await writeFile(file, `${JSON.stringify({ ...config, log: { level: 'warn' } }, null, 2)}\n`);
    const cli = fileURLToPath(new URL(`../../cli/main.${EXTENSION}`, import.meta.url));
    const child = fork(cli, ['broker', '--config', file], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    let complaint = '';
    child.stderr?.on('data', (text: Buffer) => {
      complaint += text.toString();
    });
    this.#broker = new Actor('broker', child);
    let isGone = false;
    const gone = this.#broker.exited().then((code) => {
      isGone = true;
      throw new DemoError('ERR_DEMO_PROCESS', `the broker ended with code ${code}: ${complaint.trim()}`);
    });
    gone.catch(() => {}); // later on, its end is nobody's failure
    const isUp = async (): Promise<void> => {
      while (!isGone && !existsSync(this.control)) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    };
    await Promise.race([gone, isUp()]);
    if (isGone) await gone;
  }

  /** As an admin would: SIGTERM, then it has written its log to the end. */
  async stopBroker(): Promise<void> {
    this.#broker?.signal('SIGTERM');
    await this.#broker?.exited();
  }

  spawn(domain: DemoDomain, task: Readonly<Record<string, unknown>>): Actor {
    const role = fileURLToPath(new URL(`../roles/${domain}.${EXTENSION}`, import.meta.url));
    const stdio: StdioOptions = ['pipe', 'inherit', 'inherit', 'ipc'];
    const child = fork(role, [JSON.stringify({ identity: this.identity(domain), ...task })], { stdio });
    const actor = new Actor(domain, child);
    this.#actors.push(actor);
    return actor;
  }

  /** Nothing of it runs any more. */
  async stop(): Promise<void> {
    for (const actor of this.#actors) actor.signal('SIGKILL');
    await Promise.all(this.#actors.map((actor) => actor.exited()));
    await this.stopBroker();
  }

  /** Nor is anything left on disk, unless it shall be kept. */
  async clear(): Promise<void> {
    if (!this.#isKept) await rm(this.directory, { recursive: true, force: true });
  }
}
