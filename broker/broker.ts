/**
 * Composition: what a broker is made of, in the order in which it is made, and taken down again backwards.
 *
 *   identity -> policy -> audit log -> core -> sessions -> sockets -> control
 *
 * Nothing listens before everything that could refuse to start has been tried.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { aeadSelfTest, chooseAead, loadIdentity, RevocationStore } from '../keys/index.ts';
import { watchPolicy } from '../policy/index.ts';
import { openAuditLog } from './audit/index.ts';
import { nodeClock } from './base/index.ts';
import {
  CONTROL_SOCKET,
  DomainListeners,
  type Listener,
  listenTcp,
  loadNatsEnd,
  type NatsEnd,
  NatsListeners,
  parseNatsAddress,
  prepareRuntime,
} from './carrier/index.ts';
import { type ControlServer, serveControl, serveMetrics } from './control/index.ts';
import { Argo } from './core/index.ts';
import { Federation } from './federation/index.ts';
import { type BrokerOptions, type BrokerOptionsInput, resolveOptions } from './options.ts';
import { ChunkPool, DeferredCopies, DurableEffects, Flusher, type PeerContext } from './peer/index.ts';
import {
  BrokerError,
  CLOCK_TOLERANCE_SECONDS,
  DRAIN_TIMEOUT_MS,
  type Logger,
  ROUTES_PER_DOMAIN,
} from './process/index.ts';
import {
  BrokerListeners,
  type BrokerStatus,
  brokerMetrics,
  checkpointSigner,
  describeBroker,
  Grants,
  KeyWatch,
  loadFirst,
  memoryBytes,
  openLog,
  overCommitment,
  PacedLog,
  PolicyReload,
  type ReloadResult,
  Sessions,
  type SessionWatcher,
  VERSION,
} from './service/index.ts';

export interface Broker {
  readonly name: string;
  /** `unix:…/NAME.sock` of a declared domain: what its SDK connects to. */
  carrierOf(domain: string): string;
  /** `tcp:host:port`, or null when not configured. */
  readonly tcp: string | null;
  /** Path of the control socket. */
  readonly control: string;
  /** URL of the metrics, or null when they are only at the control socket. */
  readonly metrics: string | null;
  status(): BrokerStatus;
  /** Loads the policy directory again; never rejects. */
  reload(): Promise<ReloadResult>;
  /** Labels given at run time: granted, taken back, listed. */
  readonly grants: Grants;
  /** Revocation of keys, and incidents with them. */
  readonly keys: Pick<KeyWatch, 'install' | 'describe'>;
  /** Ends every session, writes the log to its end, closes the sockets. Idempotent. */
  close(): Promise<void>;
}

const clock = nodeClock;

/**
 * Starts a broker in this process. Relative paths are relative to the working directory.
 *
 * @throws BrokerError, KeyError, PolicyError or AuditError, each with a stable `code`; nothing is left behind then
 */
export async function startBroker(input: BrokerOptionsInput): Promise<Broker> {
  return startResolved(resolveOptions(input, process.cwd()));
}

export async function startResolved(options: BrokerOptions): Promise<Broker> {
  const undo: (() => Promise<void> | void)[] = [];
  const tearDown = async (): Promise<void> => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step();
  };
  try {
    return await compose(options, undo, tearDown);
  } catch (error) {
    await tearDown();
    throw error;
  }
}

async function compose(
  options: BrokerOptions,
  undo: (() => Promise<void> | void)[],
  tearDown: () => Promise<void>,
): Promise<Broker> {
  const log = new PacedLog(openLog(options.log.level), clock);
  const aead = chooseAead(options.aead);
  if (aead.reason !== null) log.warn({ aead: aead.provider, reason: aead.reason }, 'records are not sealed in place');
  aeadSelfTest();
  const identity = await loadIdentity(options.identity);
  if (identity.role !== 'broker') {
    const message = `"${options.identity}" is the identity of a ${identity.role}, not of a broker; issue one with --role broker`;
    throw new BrokerError('ERR_BROKER_IDENTITY', message);
  }
  const revocations = await RevocationStore.open(options.identity, identity.authority, identity.credential);
  const policy = await loadFirst(options.policy);
  await prepareRuntime(options.runtime);

  const audit = await openAuditLog({
    directory: options.audit,
    broker: identity.name,
    detail: { version: VERSION },
    signer: checkpointSigner(identity),
  });
  undo.push(() => audit.close());
  audit.record({
    event: 'policy.load',
    revision: policy.revision,
    policy: policy.hash,
    detail: { assertions: policy.assertionsHash, rows: policy.rows },
  });
  audit.onHealth((isHealthy) => {
    if (isHealthy) log.info('the audit log can be written again; sends go on');
    else log.error('the audit log cannot be written; sends stop until it can');
  });

  const keys = new KeyWatch(revocations, audit, log, clock);
  undo.push(() => keys.close());
  const deferredCopies = new DeferredCopies();
  const federation = new Federation(identity.name, () => deferredCopies.copyAll());
  const { ringBytesPerDomain } = options.limits;
  const total = memoryBytes(options.limits.memoryBytes);
  const overCommitted = overCommitment(total, policy.domains.all.length, ringBytesPerDomain);
  if (overCommitted !== null) log.warn({ memoryBytes: total }, overCommitted);
  const coreLimits = { ringBytesPerDomain, routesPerDomain: ROUTES_PER_DOMAIN, memoryBytes: total };
  const argo = new Argo(policy, audit, coreLimits, federation.remoteOf);
  const context: PeerContext = {
    identity,
    suites: options.suites,
    argo,
    audit,
    durable: new DurableEffects(audit),
    pool: new ChunkPool(),
    deferredCopies,
    flusher: new Flusher(),
    handshake: {
      randomBytes,
      wallClock: clock.wall,
      clock: clock.mono,
      clockToleranceSeconds: CLOCK_TOLERANCE_SECONDS,
      aead: aead.provider,
      isRevoked: keys.isRevoked,
    },
    clock,
    log,
  };
  const sessions = new Sessions(context, clock, keys);
  keys.watch(sessions);
  undo.push(() => endSessions(sessions));

  const accept: ConstructorParameters<typeof DomainListeners>[1] = (carrier, release) =>
    sessions.accept(carrier, release);
  const listeners = new DomainListeners(options.runtime, accept, (domain, error) =>
    log.error({ domain, code: error.code }, error.message),
  );
  const natsEnd = options.nats === null ? null : await loadNatsEnd(parseNatsAddress(options.nats), options.identity);
  const nats = natsEnd === null ? null : listenAtNats(natsEnd, identity.name, accept, log);
  const brokerListeners = new BrokerListeners(identity.name, listeners, nats, federation, (domain) =>
    log.error({ domain }, 'this domain comes over NATS, and argus.yaml names no NATS server'),
  );
  undo.push(() => brokerListeners.close());
  await brokerListeners.sync(policy.domains.all);
  let tcp: Listener | null = null;
  if (options.tcp !== null) {
    tcp = await listenTcp(options.tcp.host, options.tcp.port, accept);
    const listening = tcp;
    undo.push(() => listening.close());
  }

  undo.push(() => federation.close());
  if (natsEnd !== null) await joinOthers(federation, natsEnd, context, sessions);

  const reload = new PolicyReload(policy, argo, audit, sessions, brokerListeners, log);
  const grants = new Grants(argo, audit, reload, clock);
  sessions.watcher = tellBoth(grants, federation, argo);
  undo.push(() => grants.close());
  const facts = { name: identity.name, version: VERSION, startedAt: clock.mono(), aead, keys };
  const sources = { ...facts, argo, reload, audit, sessions, federation, clock: clock.mono };
  const metrics = brokerMetrics(sources);
  const target = { status: () => describeBroker(sources), reload: () => reload.run(), grants, keys, metrics };
  const controlPath = join(options.runtime, CONTROL_SOCKET);
  undo.push(await serve(() => serveControl(controlPath, target)));
  const scraped =
    options.metrics === null ? null : await serveMetrics(options.metrics.host, options.metrics.port, metrics);
  if (scraped !== null) undo.push(() => scraped.close());
  if (options.watchPolicy) {
    const watch = watchPolicy(options.policy, () => void reload.run(), { hash: policy.hash });
    undo.push(() => watch.close());
  }

  log.info(
    { broker: identity.name, runtime: options.runtime, revision: policy.revision, rows: policy.rows },
    'broker running',
  );
  let closing: Promise<void> | null = null;
  return {
    name: identity.name,
    carrierOf: (domain) => `unix:${listeners.pathOf(domain)}`,
    tcp: tcp?.address ?? null,
    control: controlPath,
    metrics: scraped?.address ?? null,
    status: target.status,
    reload: target.reload,
    grants,
    keys,
    close: () => {
      closing ??= tearDown().then(() => log.info('broker stopped'));
      return closing;
    },
  };
}

function listenAtNats(
  end: NatsEnd,
  broker: string,
  accept: ConstructorParameters<typeof DomainListeners>[1],
  log: Logger,
): NatsListeners {
  return new NatsListeners(end, broker, accept, (domain, error) => {
    log.warn({ domain, code: error.code }, error.message);
  });
}

function joinOthers(federation: Federation, end: NatsEnd, context: PeerContext, sessions: Sessions): Promise<void> {
  const { argo, audit, durable } = context;
  return federation.start({
    ...context,
    end,
    whenDurable: (effect, source) => durable.after(effect, source),
    report: () => ({
      revision: argo.policy.revision,
      policy: argo.policy.hash,
      grants: argo.policy.grants.length,
      sessions: sessions.count,
      auditRecords: audit.head.seq,
      auditHead: audit.head.hash,
      at: clock.wall(),
    }),
  });
}

/** The federation is told in a turn of its own: the core has attached or detached the domain by then. */
function tellBoth(grants: SessionWatcher, federation: Federation, argo: Argo): SessionWatcher {
  const tell = (name: string): void =>
    queueMicrotask(() => {
      const state = argo.domain(name);
      if (state !== undefined) federation.tell(state);
    });
  return {
    sessionOpened: (name) => {
      grants.sessionOpened(name);
      tell(name);
    },
    sessionEnded: (name, reason) => {
      grants.sessionEnded(name, reason);
      tell(name);
    },
  };
}

async function serve(start: () => Promise<ControlServer>): Promise<() => Promise<void>> {
  const server = await start();
  return () => server.close();
}

/** Says goodbye, then gives the carriers a moment to take it. */
async function endSessions(sessions: Sessions): Promise<void> {
  sessions.endAll('shutdown');
  const deadline = clock.mono() + DRAIN_TIMEOUT_MS;
  while ([...sessions.openCarriers].length > 0 && clock.mono() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 5));
  for (const carrier of sessions.openCarriers) carrier.destroy();
}
