/** A real broker in this process over a copy of the shipped policy, and domains that connect to it. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tailAudit } from '../../../broker/audit/index.ts';
import { type Broker, startBroker } from '../../../broker/index.ts';
import { connect, type Vm } from '../../../clients/sdk/index.ts';
import { createAuthority, issueIdentity } from '../../../keys/index.ts';
import { copyShippedPolicy } from '../../../policy/index.ts';
import { temporaryDirectory } from '../temp.ts';

export class Host {
  readonly directory: string;
  readonly broker: Broker;
  readonly #vms = new Set<Vm>();
  readonly #issue: (name: string) => Promise<string>;

  constructor(directory: string, broker: Broker, issue: (name: string) => Promise<string>) {
    this.directory = directory;
    this.broker = broker;
    this.#issue = issue;
  }

  async connect(name: string, options: { readonly reconnect?: boolean } = {}): Promise<Vm> {
    const identity = await this.#issue(name);
    const vm = await connect({ carrier: this.broker.carrierOf(name), identity, ...options });
    this.#vms.add(vm);
    return vm;
  }

  /** Directory of a domain's identity. */
  identity(name: string): Promise<string> {
    return this.#issue(name);
  }

  grant(domain: string, label: string, forMs: number | null = null, keep = false): ReturnType<Broker['grants']['add']> {
    return this.broker.grants.add({ domain, label, forMs, by: 'test', reason: '', keep });
  }

  revoke(domain: string, label: string): ReturnType<Broker['grants']['revoke']> {
    return this.broker.grants.revoke({ domain, label, by: 'test', reason: '' });
  }

  /** Edits one file of the policy and puts it in force. */
  async edit(file: string, change: (text: string) => string): ReturnType<Broker['reload']> {
    const path = join(this.directory, 'policy', file);
    await writeFile(path, change(await readFile(path, 'utf8')));
    return this.broker.reload();
  }

  /** Events of the audit log whose name starts with `prefix`. */
  async audited(prefix: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const found: Readonly<Record<string, unknown>>[] = [];
    for await (const { parsed } of tailAudit(join(this.directory, 'audit'), { lines: Number.MAX_SAFE_INTEGER }))
      if (typeof parsed !== 'string' && parsed.event.startsWith(prefix))
        found.push({ event: parsed.event, ...parsed.fields });
    return found;
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#vms].map((vm) => vm.close()));
    await this.broker.close();
  }
}

export async function startHost(policy: Readonly<Record<string, (text: string) => string>> = {}): Promise<Host> {
  const directory = temporaryDirectory();
  const authority = await createAuthority(join(directory, 'authority'), 'unsealed');
  const ttlSeconds = 3_600;
  await issueIdentity(
    authority,
    join(directory, 'keys', 'argus'),
    { name: 'argus', role: 'broker', ttlSeconds },
    'unsealed',
  );
  await copyShippedPolicy(join(directory, 'policy'));
  for (const [file, change] of Object.entries(policy)) {
    const path = join(directory, 'policy', file);
    await writeFile(path, change(await readFile(path, 'utf8')));
  }
  const issued = new Map<string, Promise<string>>();
  const issue = (name: string): Promise<string> => {
    const path = join(directory, 'keys', name);
    const known =
      issued.get(name) ??
      issueIdentity(authority, path, { name, role: 'domain', ttlSeconds }, 'unsealed').then(() => path);
    issued.set(name, known);
    return known;
  };
  const broker = await startBroker({
    identity: join(directory, 'keys', 'argus'),
    policy: join(directory, 'policy'),
    audit: join(directory, 'audit'),
    runtime: join(directory, 'run'),
    watchPolicy: false,
    log: { level: 'silent' },
  });
  return new Host(directory, broker, issue);
}

/** Runs a test with a host, which is always closed afterwards. */
export async function withHost(
  work: (host: Host) => Promise<void>,
  policy: Readonly<Record<string, (text: string) => string>> = {},
): Promise<void> {
  const host = await startHost(policy);
  try {
    await work(host);
  } finally {
    await host.close();
  }
}

/** Waits until `holds` returns true, and checks every few milliseconds. Fails with `what` after a long time. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 90_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
