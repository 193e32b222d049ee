/** `argus-unix`: the broker as it ships (sealed on both hops, decided per frame, audited), over its unix sockets. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { createAuthority, issueIdentity } from '../../keys/index.ts';
import { type BrokerConfig, loadClient } from './argus-package.ts';
import {
  DATA_PORT,
  ECHO_PORT,
  ORDINARY_ROWS,
  type Places,
  RECEIVER,
  REPLY_PORT,
  SENDER,
  writeBenchmarkPolicy,
} from './argus-policy.ts';
import { type Arm, type Endpoint, endpointValue, type RunningServer, type SenderLink } from './arm.ts';
import { startRoleServer } from './server-process.ts';

/** Argo's largest ring, less one slot. It is twice the window, so that the window is the limit and not the ring. */
const RING_BYTES = 16 * 1024 * 1024 - 64;
/** Reached only when something is wrong. */
const SEND_DEADLINE_MS = 5_000;
/** More than the window with its frames' headers, so that the window is the limit: see wire, 28 bytes a message. */
const QUEUE_BYTES = 64 * 1024 * 1024;
export const CREDENTIAL_TTL_SECONDS = 24 * 3600;

/** The connecting client, and the name of its identity in the folder. */
export const SEATS: readonly string[] = [SENDER, RECEIVER];

/** How the two clients connect to the broker. */
export interface CarrierSetup {
  /** The clients' keys in domains.yaml. Undefined: a unix socket each. */
  readonly declared?: Places;
  carrierOf(endpoint: Endpoint, name: string): string;
  /**
   * Called after identities exist and before the broker starts: starts other programs, and returns the broker's options
   * for them.
   */
  prepare(folder: string): Promise<{
    readonly config: Partial<BrokerConfig>;
    readonly endpoint: Endpoint;
    readonly pids: readonly number[];
    stop(): Promise<void>;
  }>;
}

const UNIX_SOCKETS: CarrierSetup = {
  carrierOf: (endpoint, name) => `unix:${join(endpointValue(endpoint, 'folder'), 'run', `${name}.sock`)}`,
  prepare: async () => ({ config: {}, endpoint: {}, pids: [], stop: async () => {} }),
};

export const argusUnix: Arm = argusWithPolicy(ORDINARY_ROWS);

/** The same arm under a policy of another length. */
export function argusWithPolicy(policyRows: number): Arm {
  return argusOver(UNIX_SOCKETS, policyRows);
}

export function argusOver(setup: CarrierSetup, policyRows: number = ORDINARY_ROWS): Arm {
  return {
    missing: async () => ((await isBuilt()) ? null : 'argus-broker (npm run build)'),
    start: (folder) => start(folder, setup, policyRows),
    openSender: (endpoint) => openSender(endpoint, setup),
    openReceiver: (endpoint, onMessage) => openReceiver(endpoint, setup, onMessage),
  };
}

async function start(folder: string, setup: CarrierSetup, policyRows: number): Promise<RunningServer> {
  const at = (name: string): string => join(folder, name);
  const config: BrokerConfig = {
    identity: at('broker'),
    policy: at('policy'),
    audit: at('audit'),
    runtime: at('run'),
    watchPolicy: false,
    log: { level: 'error' },
  };
  await writeBenchmarkPolicy(config.policy, policyRows, setup.declared);
  const authority = await createAuthority(at('authority'), 'unsealed');
  const ttlSeconds = CREDENTIAL_TTL_SECONDS;
  await issueIdentity(authority, config.identity, { name: 'broker', role: 'broker', ttlSeconds }, 'unsealed');
  for (const name of SEATS) await issueIdentity(authority, at(name), { name, role: 'domain', ttlSeconds }, 'unsealed');
  const prepared = await setup.prepare(folder);
  const stop = async (): Promise<void> => prepared.stop();
  const server = await startRoleServer('argus-broker.ts', { ...config, ...prepared.config }).catch(async (error) => {
    await stop();
    throw error;
  });
  const pids = [server.pid, ...prepared.pids];
  return { pids, endpoint: { folder, ...prepared.endpoint }, stop: () => server.stop().finally(stop) };
}

/** A refused send is an unhandled rejection. It ends this process, and the bench reports its output. */
async function openSender(endpoint: Endpoint, setup: CarrierSetup): Promise<SenderLink> {
  const vm = await connectAs(endpoint, setup, SENDER);
  const replies = await vm.registerRing({ port: REPLY_PORT, partner: RECEIVER, length: RING_BYTES });
  let onReply: () => void = () => {};
  void replies.consume(() => onReply());
  const flow = await vm.flow({ to: { domain: RECEIVER, port: DATA_PORT }, windowBytes: QUEUE_BYTES / 2 });
  flow.on('refused', ({ error }) => {
    throw error;
  });
  const echo = { domain: RECEIVER, port: ECHO_PORT };
  return {
    send: (payload) => void flow.send(payload),
    settle: () => flow.ready(),
    request: (payload) =>
      new Promise((resolve) => {
        onReply = resolve;
        void vm.sendv({ to: echo, iov: payload, deadline: SEND_DEADLINE_MS });
      }),
  };
}

async function openReceiver(
  endpoint: Endpoint,
  setup: CarrierSetup,
  onMessage: (payload: Uint8Array) => void,
): Promise<void> {
  const vm = await connectAs(endpoint, setup, RECEIVER);
  const data = await vm.registerRing({ port: DATA_PORT, partner: SENDER, length: RING_BYTES });
  const echo = await vm.registerRing({ port: ECHO_PORT, partner: SENDER, length: RING_BYTES });
  const reply = { domain: SENDER, port: REPLY_PORT };
  // as callbacks, which cost less than the iterator; nats.js is used through callbacks for the same reason
  void data.consume(({ payload }) => onMessage(payload));
  void echo.consume(({ payload }) => void vm.sendv({ to: reply, iov: payload, deadline: SEND_DEADLINE_MS }));
}

async function connectAs(
  endpoint: Endpoint,
  setup: CarrierSetup,
  name: string,
): ReturnType<Awaited<ReturnType<typeof loadClient>>['connect']> {
  const folder = endpointValue(endpoint, 'folder');
  const { connect } = await loadClient();
  return connect({
    carrier: setup.carrierOf(endpoint, name),
    identity: join(folder, name),
    queueBytes: QUEUE_BYTES,
  });
}

/** The arm measures the built package, through the names that users import. */
async function isBuilt(): Promise<boolean> {
  try {
    const built = ['../../dist/broker/index.js', '../../dist/clients/sdk/index.js'];
    await Promise.all(built.map((path) => access(new URL(path, import.meta.url))));
    return true;
  } catch {
    return false;
  }
}
