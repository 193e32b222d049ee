/**
 * Checks a start without starting: makes, locks and writes nothing, and leaves no socket listening.
 *
 * All steps are tried, so that an operator sees every problem at once. If a broker is running with the same runtime
 * directory, it holds the lock, the sockets and the ports, and they are not reported as problems.
 */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { aeadSelfTest, chooseAead, type Identity, loadIdentity, RevocationStore } from '../keys/index.ts';
import { archiveOf, type PolicyRevision, readArchive } from '../policy/index.ts';
import { inspectAuditLog } from './audit/index.ts';
import { CodedError, nodeClock } from './base/index.ts';
import {
  CONTROL_SOCKET,
  carrierPlace,
  loadNatsEnd,
  parseNatsAddress,
  requireOwnRuntime,
  uidOf,
} from './carrier/index.ts';
import { callControl } from './control/index.ts';
import type { BrokerOptions } from './options.ts';
import { BrokerError } from './process/index.ts';
import {
  acceptedBundle,
  type BrokerStatus,
  bucketSourceOf,
  firstPolicy,
  type Refusal,
  signedPolicyOf,
} from './service/index.ts';

export interface StartCheck {
  readonly subject: 'running' | 'aead' | 'identity' | 'revocations' | 'policy' | 'runtime' | 'audit' | 'nats' | 'ports';
  /** Null: a start would pass this step. */
  readonly problem: { readonly code: string; readonly message: string } | null;
  /** The result of the step. */
  readonly detail: string;
}

export async function checkStart(options: BrokerOptions): Promise<readonly StartCheck[]> {
  const status = await runningBroker(options);
  const isRunning = status !== null;
  let identity: Identity | null = null;
  let policy: PolicyRevision | null = null;
  let revocations: RevocationStore | null = null;
  return [
    await step('running', () => (isRunning ? `"${status.broker}" runs, process ${status.pid}` : 'no broker runs here')),
    await step('aead', () => {
      const { provider, reason } = chooseAead(options.aead);
      aeadSelfTest();
      return reason === null ? provider : `${provider} (in place does not load: ${reason})`;
    }),
    await step('identity', async () => {
      identity = await brokerIdentity(options.identity);
      return `${identity.name}, valid until ${new Date(identity.credential.expiresAt * 1_000).toISOString()}`;
    }),
    await step('revocations', async () => {
      if (identity === null) return 'not looked at, because there is no identity';
      revocations = await RevocationStore.open(options.identity, identity.authority, identity.credential);
      return `list ${revocations.list.serial}`;
    }),
    await step('policy', async () => {
      if (identity === null && options.policy.source === 'nats') return 'not looked at, because there is no identity';
      const accepted = acceptedBundle(options.identity);
      const end = { identity: options.identity, name: identity?.name ?? '' };
      const bucket = await bucketSourceOf(options.policy, options.nats, end, nodeClock);
      const host = {
        memory: { read: () => accepted.read(), keep: async () => undefined },
        isRevoked: (thumbprint: string) => revocations?.revokes(thumbprint, Date.now()) ?? false,
        now: () => Date.now(),
        log: { error: () => undefined },
      };
      const signed = await signedPolicyOf(options.policy, host, bucket);
      const first = await firstPolicy(options.policy, readArchive(archiveOf(options.audit)), signed).finally(() =>
        bucket?.close(),
      );
      policy = first.policy;
      if (first.refusal !== null) throw brokenDirectory(first.refusal, first.restored);
      const from = first.restored === null ? '' : `, ${first.restored}`;
      return `${policy.rows} rows, ${policy.domains.all.length} domains${from}`;
    }),
    await step('runtime', () => checkRuntime(options.runtime, policy)),
    await step('audit', async () => {
      const log = await inspectAuditLog(options.audit);
      if (log === null) return `will be made: ${await makeable(options.audit)}`;
      if (log.isLocked && !isRunning)
        throw new BrokerError('ERR_BROKER_CHECK', `another process writes the audit directory "${options.audit}"`);
      return `${log.records} records`;
    }),
    await step('nats', async () => {
      if (options.nats === null) return 'not used';
      await loadNatsEnd(parseNatsAddress(options.nats), options.identity);
      return options.nats;
    }),
    await step('ports', async () => {
      const ports = [options.tcp, options.metrics].filter((each) => each !== null);
      if (!isRunning) for (const { host, port } of ports) await bindable(host, port);
      return ports.length === 0 ? 'none' : ports.map(({ host, port }) => `${host}:${port}`).join(', ');
    }),
  ];
}

/**
 * A start would pass this step, but with other files than those in the directory. So it is a problem for the operator.
 */
function brokenDirectory({ code, message }: Refusal, restored: string | null): BrokerError {
  const instead = `a broker would start with ${restored}`;
  return new BrokerError('ERR_BROKER_CHECK', `${message} (${code}); ${instead}`);
}

/** @throws BrokerError ERR_BROKER_IDENTITY, KeyError */
export async function brokerIdentity(directory: string): Promise<Identity> {
  const identity = await loadIdentity(directory);
  if (identity.role === 'broker') return identity;
  const message = `"${directory}" is the identity of a ${identity.role}, not of a broker; issue one with --role broker`;
  throw new BrokerError('ERR_BROKER_IDENTITY', message);
}

async function step(subject: StartCheck['subject'], look: () => Promise<string> | string): Promise<StartCheck> {
  try {
    return { subject, problem: null, detail: await look() };
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return { subject, problem: { code: String(error.code), message: error.message }, detail: '' };
  }
}

async function runningBroker({ runtime }: BrokerOptions): Promise<BrokerStatus | null> {
  try {
    return (await callControl(join(runtime, CONTROL_SOCKET), 'GET', '/v1/status')).body as BrokerStatus;
  } catch (error) {
    if (error instanceof BrokerError) return null;
    throw error;
  }
}

async function checkRuntime(runtime: string, policy: PolicyRevision | null): Promise<string> {
  for (const domain of policy?.domains.all ?? []) {
    if (carrierPlace(runtime, domain).path === join(runtime, CONTROL_SOCKET))
      throw new BrokerError(
        'ERR_BROKER_SOCKET_PATH',
        `domain "${domain.name}": its socket would be the broker's own control socket; give it another name or carrier`,
      );
    if (domain.vmm !== null) await uidOf(domain.vmm);
  }
  const stats = await stat(runtime).catch(() => null);
  if (stats === null) return `will be made: ${await makeable(runtime)}`;
  requireOwnRuntime(runtime, stats);
  return runtime;
}

/** The directory, if it could be made. @throws BrokerError ERR_BROKER_CHECK */
async function makeable(directory: string): Promise<string> {
  let above = dirname(directory);
  while ((await stat(above).catch(() => null)) === null && above !== dirname(above)) above = dirname(above);
  try {
    await access(above, constants.W_OK | constants.X_OK);
    return directory;
  } catch (cause) {
    throw new BrokerError('ERR_BROKER_CHECK', `"${directory}" cannot be made: "${above}" is not writable`, { cause });
  }
}

function bindable(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(new BrokerError('ERR_BROKER_CHECK', `cannot listen on ${host}:${port} (${cause.code})`, { cause })),
    );
    server.listen(port, host, () => server.close(() => resolve()));
  });
}
