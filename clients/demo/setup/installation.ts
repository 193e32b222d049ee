/** The demo's installation: a temporary directory with keys, policy and sockets, and the processes that use it. */
import { fork, type StdioOptions } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createAuthority, issueIdentity } from '../../../keys/index.ts';
import { copyShippedPolicy } from '../../../policy/index.ts';
import { DemoError } from '../errors.ts';
import { RoleProcess } from './role-process.ts';

const TTL_SECONDS = 3_600;
const POLL_MS = 10;
export const BROKER = 'host';
export const DOMAINS = ['audio-vm', 'chrome-vm', 'rogue-vm'] as const;
type DemoDomain = (typeof DOMAINS)[number];

/** From the sources this file ends in .ts and runs under a loader that its children inherit; from dist in .js. */
const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

export class Installation {
  readonly directory: string;
  readonly #isKept: boolean;
  readonly #roles: RoleProcess[] = [];
  #broker: RoleProcess | null = null;

  private constructor(directory: string, isKept: boolean) {
    this.directory = directory;
    this.#isKept = isKept;
  }

  /** An empty directory; the caller stops and clears it. */
  static async create(isKept: boolean): Promise<Installation> {
    const installation = new Installation(await mkdtemp(join(tmpdir(), 'argus-demo-')), isKept);
    // Also when this process ends early, unless it is killed.
    if (!isKept) process.once('exit', () => rmSync(installation.directory, { recursive: true, force: true }));
    return installation;
  }

  path(...names: readonly string[]): string {
    return join(this.directory, ...names);
  }

  /** Directory with the key and the credential of `name`. */
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

  /** Creates the authority, the broker's and the domains' identities, and the policy. */
  async provision(): Promise<void> {
    const authority = await createAuthority(this.path('authority'), 'unsealed');
    const ttlSeconds = TTL_SECONDS;
    await issueIdentity(authority, this.identity(BROKER), { name: BROKER, role: 'broker', ttlSeconds }, 'unsealed');
    for (const name of DOMAINS)
      await issueIdentity(authority, this.identity(name), { name, role: 'domain', ttlSeconds }, 'unsealed');
    await copyShippedPolicy(this.policy);
  }

  /** @param more entries of argus.yaml besides its directories */
  async startBroker(more: Readonly<Record<string, unknown>>): Promise<void> {
    const identity = this.identity(BROKER);
    const config = { identity, policy: this.policy, audit: this.audit, runtime: this.path('run'), ...more };
    const file = this.path('argus.yaml');
    await writeFile(file, `${JSON.stringify({ ...config, log: { level: 'warn' } }, null, 2)}\n`);
    const cli = fileURLToPath(new URL(`../../cli/main.${EXTENSION}`, import.meta.url));
    const child = fork(cli, ['broker', '--config', file], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    let stderr = '';
    child.stderr?.on('data', (text: Buffer) => {
      stderr += text.toString();
    });
    this.#broker = new RoleProcess('broker', child);
    let isGone = false;
    const gone = this.#broker.exited().then((code) => {
      isGone = true;
      throw new DemoError('ERR_DEMO_PROCESS', `the broker ended with code ${code}: ${stderr.trim()}`);
    });
    gone.catch(() => {}); // once the broker is up, its end is expected
    const isUp = async (): Promise<void> => {
      while (!isGone && !existsSync(this.control)) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    };
    await Promise.race([gone, isUp()]);
    if (isGone) await gone;
  }

  /** Ends the broker with SIGTERM, as an admin does; its log is complete when this resolves. */
  async stopBroker(): Promise<void> {
    this.#broker?.signal('SIGTERM');
    await this.#broker?.exited();
  }

  spawn(domain: DemoDomain, task: Readonly<Record<string, unknown>>): RoleProcess {
    const role = fileURLToPath(new URL(`../roles/${domain}.${EXTENSION}`, import.meta.url));
    const stdio: StdioOptions = ['pipe', 'inherit', 'inherit', 'ipc'];
    const child = fork(role, [JSON.stringify({ identity: this.identity(domain), ...task })], { stdio });
    const roleProcess = new RoleProcess(domain, child);
    this.#roles.push(roleProcess);
    return roleProcess;
  }

  /** When this resolves, none of the processes runs. */
  async stop(): Promise<void> {
    for (const role of this.#roles) role.signal('SIGKILL');
    await Promise.all(this.#roles.map((role) => role.exited()));
    await this.stopBroker();
  }

  /** Removes the directory, unless the user wants to keep it. */
  async clear(): Promise<void> {
    if (!this.#isKept) await rm(this.directory, { recursive: true, force: true });
  }
}
