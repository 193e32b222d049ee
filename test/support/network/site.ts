/**
 * A whole site for one test: authority, identities, the shipped policy (edited), a broker in this process, agents as
 * processes.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Broker, startBroker } from '../../../broker/index.ts';
import { createAuthority, issueIdentity } from '../../../keys/index.ts';
import { copyShippedPolicy } from '../../../policy/index.ts';
import { pictureOf } from '../process-picture.ts';
import { CLI, nodeArguments } from '../program.ts';
import { temporaryDirectory } from '../temp.ts';

const AGENT_READY_MS = 90_000;
const AGENT_END_MS = 30_000;

/** Text -> text, by file of the policy directory. */
export type Edits = Readonly<Record<string, (text: string) => string>>;

export interface Site {
  readonly broker: Broker;
  readonly folder: string;
  readonly policy: string;
  carrierOf(domain: string): string;
  identityOf(domain: string): string;
  /** Changes files of the policy, and reloads them. Throws when the broker refuses them. */
  edit(edits: Edits): Promise<void>;
  /**
   * Runs `argus net …` as `domain` (or `argus agent …`, if the first word is `guest`), in the given network namespace
   * if any. Waits for a line that matches `ready`.
   */
  agent(
    domain: string,
    args: readonly string[],
    options?: { readonly namespace?: string; readonly ready?: RegExp },
  ): Promise<Agent>;
  /** Every line of the audit log so far. */
  auditLines(): Promise<string[]>;
  close(): Promise<void>;
}

export interface Agent {
  /** All its output so far. */
  output(): string;
  until(pattern: RegExp): Promise<void>;
  stop(): Promise<void>;
  /** Kills it with SIGKILL, so that it cannot close its session. */
  kill(): Promise<void>;
}

export const DOMAINS = ['net-vm', 'chrome-vm', 'mail-vm', 'rogue-vm'] as const;

export async function startSite(edits: Edits = {}): Promise<Site> {
  const folder = temporaryDirectory();
  const at = (name: string): string => join(folder, name);
  const policy = at('policy');
  await copyShippedPolicy(policy);
  await editFiles(policy, edits);
  const authority = await createAuthority(at('authority'), 'unsealed');
  await issueIdentity(authority, at('broker'), { name: 'broker', role: 'broker', ttlSeconds: 3600 }, 'unsealed');
  for (const name of DOMAINS)
    await issueIdentity(authority, at(name), { name, role: 'domain', ttlSeconds: 3600 }, 'unsealed');
  const broker = await startBroker({
    identity: at('broker'),
    policy,
    audit: at('audit'),
    runtime: at('run'),
    watchPolicy: false,
    log: { level: 'silent' },
  });
  const agents: Agent[] = [];
  return {
    broker,
    folder,
    policy,
    carrierOf: (domain) => broker.carrierOf(domain),
    identityOf: at,
    edit: async (changes) => {
      await editFiles(policy, changes);
      const result = await broker.reload();
      if (!result.ok) throw new Error(JSON.stringify(result));
    },
    agent: async (domain, args, { namespace, ready } = {}) => {
      const [verb = '', ...rest] = args;
      const command =
        verb === 'guest'
          ? ['agent', ...rest]
          : verb === 'agent'
            ? ['net', verb, ...rest]
            : ['net', verb, '--carrier', broker.carrierOf(domain), '--identity', at(domain), ...rest];
      const agent = startAgent(command, namespace);
      agents.push(agent);
      if (ready !== undefined) await agent.until(ready);
      return agent;
    },
    auditLines: async () => {
      const { readdir } = await import('node:fs/promises');
      const files = (await readdir(at('audit'))).filter((name) => name.endsWith('.jsonl')).sort();
      const texts = await Promise.all(files.map((name) => readFile(join(at('audit'), name), 'utf8')));
      return texts.flatMap((text) => text.split('\n').filter((line) => line !== ''));
    },
    close: async () => {
      await Promise.all(agents.map((agent) => agent.stop()));
      await broker.close();
    },
  };
}

async function editFiles(policy: string, edits: Edits): Promise<void> {
  for (const [name, change] of Object.entries(edits)) {
    const path = join(policy, name);
    await writeFile(path, change(await readFile(path, 'utf8')));
  }
}

function startAgent(args: readonly string[], namespace: string | undefined): Agent {
  const inside = namespace === undefined ? [] : ['ip', 'netns', 'exec', namespace];
  const [program = process.execPath, ...rest] = [...inside, process.execPath, ...nodeArguments(CLI, ...args)];
  const child: ChildProcess = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let look = (): void => {};
  const hear = (chunk: Buffer): void => {
    said += chunk.toString('utf8');
    look();
  };
  child.stdout?.on('data', hear);
  child.stderr?.on('data', hear);
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => {
      look();
      resolve();
    });
  });
  /** An agent that stays is killed. The message of the failure has its last words, and what it was doing. */
  const ends = async (signal: string): Promise<void> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const picture = pictureOf(child.pid ?? 0);
        child.kill('SIGKILL');
        reject(new Error(`the agent did not end on ${signal}:\n${said}\n${picture}`));
      }, AGENT_END_MS);
    });
    await Promise.race([exited, late]).finally(() => clearTimeout(timer));
  };
  return {
    output: () => said,
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no ${pattern} in:\n${said}`)), AGENT_READY_MS);
        look = () => {
          if (pattern.test(said)) {
            clearTimeout(timer);
            resolve();
          } else if (child.exitCode !== null) {
            clearTimeout(timer);
            reject(new Error(`the agent ended before ${pattern}:\n${said}`));
          }
        };
        look();
      }),
    stop: () => {
      child.kill('SIGTERM');
      return ends('SIGTERM');
    },
    kill: () => {
      child.kill('SIGKILL');
      return ends('SIGKILL');
    },
  };
}
