/**
 * Composition: starts the parts of a broker in this order, and stops them in the opposite order.
 *
 *   identity -> policy -> audit log -> core -> sessions -> sockets -> control
 *
 * No socket listens before every part that could refuse to start has been tried.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import {
  type AeadChoice,
  aeadSelfTest,
  CLONE_SAFE_SUITES,
  chooseAead,
  type Identity,
  isCredentialReplaced,
  RecordedEntries,
  RevocationStore,
  readHandedOver,
} from '../keys/index.ts';
import {
  type Attribution,
  archiveOf,
  openArchive,
  type PolicyRevision,
  type RevisionArchive,
  type RevisionEntry,
  readArchive,
  watchPolicy,
} from '../policy/index.ts';
import { type AuditLog, openAuditLog, type WitnessFeed } from './audit/index.ts';
import { nodeClock } from './base/index.ts';
import {
  type Accept,
  CONTROL_SOCKET,
  DomainListeners,
  gidOf,
  type Listener,
  listenTcp,
  loadNatsEnd,
  type NatsEnd,
  NatsListeners,
  NODE_LINE_HOST,
  parseNatsAddress,
  prepareRuntime,
} from './carrier/index.ts';
import { brokerIdentity } from './check.ts';
import { KeyGate, serveControl, serveMetrics } from './control/index.ts';
import { Argo } from './core/index.ts';
import { Federation } from './federation/index.ts';
import { type BrokerOptions, type BrokerOptionsInput, resolveOptions } from './options.ts';
import { ChunkPool, DeferredCopies, DurableEffects, Flusher, type PeerContext } from './peer/index.ts';
import { CLOCK_TOLERANCE_SECONDS, DRAIN_TIMEOUT_MS, type Logger, ROUTES_PER_DOMAIN, VERSION } from './process/index.ts';
import {
  acceptedBundle,
  accessDetail,
  announceSessions,
  attributed,
  BrokerListeners,
  type BrokerStatus,
  brokerMetrics,
  bucketSourceOf,
  checkpointSigner,
  describeBroker,
  entriesAfter,
  entryOf,
  type FirstPolicy,
  firstAccess,
  firstPolicy,
  followBucket,
  Grants,
  type IdentitySource,
  KeyRegister,
  KeyWatch,
  Modes,
  memoryBytes,
  OwnIdentity,
  openLog,
  overCommitment,
  PacedLog,
  POLICY_HOST,
  PolicyReload,
  type ReloadResult,
  Reviews,
  Sessions,
  signedPolicyOf,
  startClusterWitness,
  startWitnessing,
  watchBundle,
} from './service/index.ts';
import { Turns } from './turns/index.ts';

export interface Broker {
  readonly name: string;
  /** `unix:…/NAME.sock` of a declared domain, for its SDK to connect to. */
  carrierOf(domain: string): string;
  /** `tcp:host:port`, or null when not configured. */
  readonly tcp: string | null;
  /** Path of the control socket. */
  readonly control: string;
  /** URL of the metrics, or null when only the control socket serves them. */
  readonly metrics: string | null;
  status(): BrokerStatus;
  /** Loads the policy directory again; never rejects. */
  reload(): Promise<ReloadResult>;
  /** Labels given at run time: grants, revokes and lists them. */
  readonly grants: Grants;
  /** Domains whose denials are not enforced for a while. */
  readonly modes: Modes;
  /** Revocation of keys, and incidents with them. */
  readonly keys: Pick<KeyWatch, 'install' | 'describe'>;
  /** Looks for a renewed credential of the broker now, and not only within half a minute. */
  refreshIdentity(): Promise<void>;
  /** Ends every session, finishes the audit log, and closes the sockets. Idempotent. */
  close(): Promise<void>;
}

const clock = nodeClock;

/** The started parts, so that they can be stopped in the opposite order. */
class Started {
  readonly #undo: (() => Promise<void> | void)[] = [];

  /** Registers the function that stops the part which has just been started. */
  add(undo: () => Promise<void> | void): void {
    this.#undo.push(undo);
  }

  async takeDown(): Promise<void> {
    for (let step = this.#undo.pop(); step !== undefined; step = this.#undo.pop()) await step();
  }
}

/**
 * Starts a broker in this process. Relative paths are relative to the working directory.
 *
 * @throws BrokerError, KeyError, PolicyError or AuditError, each with a stable `code`. Stops all started parts then.
 */
export async function startBroker(input: BrokerOptionsInput): Promise<Broker> {
  return startResolved(resolveOptions(input, process.cwd()));
}

export async function startResolved(options: BrokerOptions): Promise<Broker> {
  const started = new Started();
  try {
    return await start(options, started);
  } catch (error) {
    await started.takeDown();
    throw error;
  }
}

async function start(options: BrokerOptions, started: Started): Promise<Broker> {
  const log = new PacedLog(openLog(options.log.level), clock);
  const aead = selectAead(options, log);
  const { identity, revocations } = await loadTrust(options);
  const archivePath = archiveOf(options.audit);
  const end = { identity: options.identity, name: identity.name };
  const bucket = await bucketSourceOf(options.policy, options.nats, end, clock);
  started.add(() => bucket?.close());
  const bundleHost = {
    memory: acceptedBundle(options.identity),
    isRevoked: (thumbprint: string) => revocations.revokes(thumbprint, clock.wall()),
    now: () => clock.wall(),
    log,
  };
  const signed = await signedPolicyOf(options.policy, bundleHost, bucket);
  const first = await firstPolicy(options.policy, readArchive(archivePath), signed);
  const { policy } = first;
  await prepareRuntime(options.runtime);
  const witnessing: Witnessing = { feed: null };
  const audit = await startAudit(options, identity, { log, witnessing }, started);
  const archive = await openArchive(archivePath, (loss) =>
    log.warn(loss, 'the archive of policies is full: the oldest were dropped'),
  );
  await recordFirst(first, archive, audit, log);

  const keys = new KeyWatch(revocations, audit, log, clock);
  started.add(() => keys.close());
  const own = new OwnIdentity(identity, directorySource(options.identity), audit, log, clock);
  started.add(() => own.close());
  const register = await openRegister(options, own, audit, log);
  const trust = { identity: own, keys, clock, log };
  const feed = await startWitnessing(options, { audit, clock: nodeClock, log, trust });
  witnessing.feed = feed;
  const core = createCore(options, { log, aead, identity: own, policy, audit, keys });
  const sessions = new Sessions(core.context, clock, keys);
  keys.watch(sessions);
  keys.watch(core.federation);
  keys.announceTo(core.federation);
  // A rotation of the broker's own key puts the older one on the list.
  keys.announceTo({ listInstalled: () => void own.refresh() });
  started.add(() => endSessions(sessions));

  const listening = await startListeners(options, core, { sessions, keys, feed }, policy, started);
  // Note the policy only now: a start that fails on its sockets has not put a policy in force.
  await archive.note(await firstEntry(first, archive));
  const reload = new PolicyReload(policy, core.argo, audit, sessions, listening.domains, log, {
    ...POLICY_HOST,
    ...(signed === null
      ? {}
      : { reload: (previous, next) => signed.reload(previous, next), bundle: () => signed.status }),
    archive,
    source: options.policy.source,
    refusal: first.refusal,
  });
  started.add(() => reload.close());
  const grants = new Grants(core.argo, audit, reload, clock);
  const modes = new Modes(core.argo, audit, reload, clock);
  started.add(() => modes.close());
  sessions.watcher = announceSessions(grants, core.federation, core.argo);
  started.add(() => grants.close());

  const admin = await startAdmin(
    options,
    { core, keys, register, aead, sessions, reload, grants, modes, archive },
    started,
  );
  if (bucket !== null) {
    // Stopped first: no policy is loaded while the broker closes.
    started.add(() => bucket.close());
    followBucket(bucket, reload, own);
  } else if (options.watchPolicy) started.add(watchSource(options.policy, reload));

  log.info(
    { broker: identity.name, runtime: options.runtime, revision: policy.revision, rows: policy.rows },
    'broker running',
  );
  let closing: Promise<void> | null = null;
  return {
    name: identity.name,
    carrierOf: (domain) => `unix:${listening.sockets.pathOf(domain)}`,
    tcp: listening.tcp?.address ?? null,
    control: admin.control,
    metrics: admin.metrics,
    status: admin.status,
    reload: () => reload.run(),
    grants,
    modes,
    keys,
    refreshIdentity: () => own.refresh(),
    close: () => {
      closing ??= started.takeDown().then(() => log.info('broker stopped'));
      return closing;
    },
  };
}

/** Loads a policy when the files of its source change. Returns how to stop it. */
function watchSource({ directory, source }: BrokerOptions['policy'], reload: PolicyReload): () => void {
  if (source === 'applied') return () => undefined;
  const load = (): void => void reload.run({ cause: 'watch', by: 'broker', reason: '' });
  const watch =
    source === 'signed' ? watchBundle(directory, load) : watchPolicy(directory, load, { hash: reload.policy.hash });
  return () => watch.close();
}

function selectAead(options: BrokerOptions, log: Logger): AeadChoice {
  const aead = chooseAead(options.aead);
  if (aead.reason !== null) log.warn({ aead: aead.provider, reason: aead.reason }, 'records are not sealed in place');
  aeadSelfTest();
  return aead;
}

/** The broker's own identity and the keys that its authority has revoked. */
async function loadTrust(options: BrokerOptions): Promise<{ identity: Identity; revocations: RevocationStore }> {
  const identity = await brokerIdentity(options.identity);
  const revocations = await RevocationStore.open(options.identity, identity.authority, identity.credential);
  return { identity, revocations };
}

/** The register's part of the audit log, and what a command left in the directory while this broker did not run. */
async function openRegister(
  { identity, audit: directory }: BrokerOptions,
  own: Identity,
  audit: AuditLog,
  log: Logger,
): Promise<KeyRegister> {
  const store = await RecordedEntries.open(identity);
  const register = await KeyRegister.open(
    store,
    () => own.authority,
    audit,
    (seq) => entriesAfter(directory, seq),
  );
  for (const extract of await readHandedOver(identity)) {
    const result = await register.take(extract);
    if (!result.ok) log.error({ reason: result.reason }, `the register was not recorded: ${result.message}`);
  }
  return register;
}

function directorySource(directory: string): IdentitySource {
  return {
    isReplaced: (credentialJwt) => isCredentialReplaced(directory, credentialJwt),
    load: () => brokerIdentity(directory),
  };
}

/** The feed is started after the log, because it needs the keys, and the keys report to the log. */
interface Witnessing {
  feed: WitnessFeed | null;
}

async function startAudit(
  options: BrokerOptions,
  identity: Identity,
  { log, witnessing }: { readonly log: Logger; readonly witnessing: Witnessing },
  started: Started,
): Promise<AuditLog> {
  const audit = await openAuditLog({
    directory: options.audit,
    broker: identity.name,
    detail: { version: VERSION },
    domainBytesPerHour: options.limits.auditBytesPerHour,
    signer: checkpointSigner(identity),
    retention: options.retention,
  });
  // Closed after the log, because the log's last checkpoint is shown to the witnesses too.
  started.add(() => witnessing.feed?.close());
  started.add(() => audit.close());
  audit.onHealth((isHealthy) => {
    if (isHealthy) log.info('the audit log can be written again; sends go on');
    else log.error('the audit log cannot be written; sends stop until it can');
  });
  return audit;
}

/** The core, and the context that every session of this broker shares. */
interface Core {
  readonly argo: Argo;
  readonly federation: Federation;
  readonly context: PeerContext;
}

interface CoreParts {
  readonly log: Logger;
  readonly aead: AeadChoice;
  readonly identity: Identity;
  readonly policy: PolicyRevision;
  readonly audit: AuditLog;
  readonly keys: KeyWatch;
}

function createCore(options: BrokerOptions, { log, aead, identity, policy, audit, keys }: CoreParts): Core {
  const deferredCopies = new DeferredCopies();
  const federation = new Federation(identity.name, deferredCopies);
  const { ringBytesPerDomain } = options.limits;
  const total = memoryBytes(options.limits.memoryBytes);
  const overCommitted = overCommitment(total, policy.domains.all.length, ringBytesPerDomain);
  if (overCommitted !== null) log.warn({ memoryBytes: total }, overCommitted);
  const coreLimits = { ringBytesPerDomain, routesPerDomain: ROUTES_PER_DOMAIN, memoryBytes: total };
  const argo = new Argo(policy, audit, coreLimits, federation.remoteOf);
  const turns = new Turns(setImmediate, clock);
  const context: PeerContext = {
    identity,
    suites: options.suites,
    argo,
    audit,
    durable: new DurableEffects(audit),
    pool: new ChunkPool(),
    deferredCopies,
    flusher: new Flusher(setImmediate, turns),
    turns,
    handshake: {
      randomBytes,
      wallClock: clock.wall,
      clock: clock.mono,
      clockToleranceSeconds: CLOCK_TOLERANCE_SECONDS,
      aead: aead.provider,
      freshKeysMs: options.limits.freshKeysMinutes * 60_000,
      isRevoked: keys.isRevoked,
      suitesOf: (name) => (argo.domain(name)?.domain.cloneSafe === true ? CLONE_SAFE_SUITES : null),
    },
    clock,
    log,
  };
  return { argo, federation, context };
}

interface Listening {
  readonly domains: BrokerListeners;
  readonly sockets: DomainListeners;
  readonly tcp: Listener | null;
}

/** The sockets of the domains, the TCP address and the connections to the other brokers. */
async function startListeners(
  options: BrokerOptions,
  { federation, context }: Core,
  { sessions, keys, feed }: ClusterParts,
  policy: PolicyRevision,
  started: Started,
): Promise<Listening> {
  const { identity, log } = context;
  const accept: Accept = (carrier, release) => sessions.accept(carrier, release);
  const sockets = new DomainListeners(options.runtime, accept, (domain, error) =>
    log.error({ domain, code: error.code }, error.message),
  );
  const natsEnd = options.nats === null ? null : await loadNatsEnd(parseNatsAddress(options.nats), options.identity);
  const nats = natsEnd === null ? null : listenAtNats(natsEnd, identity.name, accept, context);
  const domains = new BrokerListeners(identity.name, sockets, nats, federation, (domain) =>
    log.error({ domain }, 'the carrier of this domain is "nats", and argus.yaml names no NATS server'),
  );
  started.add(() => domains.close());
  await domains.sync(policy.domains.all);
  let tcp: Listener | null = null;
  if (options.tcp !== null) {
    const listener = await listenTcp(options.tcp.host, options.tcp.port, accept);
    started.add(() => listener.close());
    tcp = listener;
  }
  started.add(() => federation.close());
  if (natsEnd !== null) await joinOthers(options.audit, federation, natsEnd, context, { sessions, keys, feed });
  return { domains, sockets, tcp };
}

interface AdminParts {
  readonly core: Core;
  readonly keys: KeyWatch;
  readonly register: KeyRegister;
  readonly aead: AeadChoice;
  readonly sessions: Sessions;
  readonly reload: PolicyReload;
  readonly grants: Grants;
  readonly modes: Modes;
  readonly archive: RevisionArchive;
}

/** The control socket and the metrics. */
async function startAdmin(
  options: BrokerOptions,
  { core, keys, register, aead, sessions, reload, grants, modes, archive }: AdminParts,
  started: Started,
): Promise<{ readonly control: string; readonly metrics: string | null; status(): BrokerStatus }> {
  const { identity, audit } = core.context;
  const facts = {
    name: identity.name,
    version: VERSION,
    identity,
    startedAt: clock.mono(),
    aead,
    keys,
    auditDirectory: options.audit,
  };
  const { argo, federation } = core;
  const { turns } = core.context;
  const sources = { ...facts, argo, turns, reload, audit, sessions, federation, clock: clock.mono };
  const metrics = brokerMetrics(sources);
  const status = (): BrokerStatus => describeBroker(sources);
  const control = join(options.runtime, CONTROL_SOCKET);
  const policy = { reload, archive };
  const reviews = new Reviews({ identity, audit, keys, clock });
  const gate = new KeyGate({ identity, keys, clock, randomBytes });
  const target = { status, policy, grants, modes, keys, register, reviews, metrics, audit, gate, clock };
  const server = await serveControl({ path: control, needsKey: options.control.keys === 'always', gid: null }, target);
  started.add(() => server.close());
  const { shared, group } = options.control;
  if (shared !== null) {
    const second = await serveControl({ path: shared, needsKey: true, gid: await gidOf(group) }, target);
    started.add(() => second.close());
  }
  if (options.metrics === null) return { control, metrics: null, status };
  const scraped = await serveMetrics(options.metrics.host, options.metrics.port, metrics);
  started.add(() => scraped.close());
  return { control, metrics: scraped.address, status };
}

/**
 * Records the policy that the broker starts with, after its files are in the archive. Warns when it is not the policy
 * of the directory.
 */
async function recordFirst(first: FirstPolicy, archive: RevisionArchive, audit: AuditLog, log: Logger): Promise<void> {
  const { policy, refusal, restored } = first;
  await archive.keep(policy.hash, policy.files);
  const access = await firstAccess(policy, archive);
  audit.record({
    event: 'policy.load',
    revision: policy.revision,
    policy: policy.hash,
    detail: {
      assertions: policy.assertionsHash,
      rows: policy.rows,
      ...attributed(attributionOf(first)),
      ...(access === undefined ? {} : { access: accessDetail(access) }),
    },
  });
  if (refusal === null) return;
  const detail = { message: refusal.message.slice(0, 1_000), revision: policy.revision };
  const refused = refusal.policy === null ? {} : { policy: refusal.policy };
  audit.record({ event: 'policy.reject', reason: refusal.code, ...refused, detail });
  log.error(
    { ...refusal, restored, directory: policy.directory },
    'the policy of the directory cannot be used: the policy that was in force before is used',
  );
}

async function firstEntry(first: FirstPolicy, archive: RevisionArchive): Promise<RevisionEntry> {
  const before = (await archive.revisions()).at(-1)?.policy ?? null;
  return entryOf(first.policy, before, attributionOf(first));
}

function attributionOf({ restored }: FirstPolicy): Attribution {
  return { cause: 'start', by: 'broker', reason: restored ?? '' };
}

function listenAtNats(end: NatsEnd, broker: string, accept: Accept, { turns, log }: PeerContext): NatsListeners {
  return new NatsListeners(end, broker, accept, turns, (domain, error) => {
    log.warn({ domain, code: error.code }, error.message);
  });
}

/** What the other brokers of a cluster learn of this one. */
interface ClusterParts extends Pick<AdminParts, 'sessions' | 'keys'> {
  readonly feed: WitnessFeed;
}

async function joinOthers(
  directory: string,
  federation: Federation,
  end: NatsEnd,
  context: PeerContext,
  { sessions, keys, feed }: ClusterParts,
): Promise<void> {
  const { identity, argo, audit, log, durable } = context;
  const domain = () => argo.policy.domains.broker;
  const witness = await startClusterWitness({ directory, identity, feed, audit, domain, log, now: clock.wall });
  return federation.start({
    ...context,
    end,
    host: NODE_LINE_HOST,
    keys,
    witness,
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

/** Sends each session its close frame, then gives the carriers a moment to write it. */
async function endSessions(sessions: Sessions): Promise<void> {
  sessions.endAll('shutdown');
  const deadline = clock.mono() + DRAIN_TIMEOUT_MS;
  while ([...sessions.openCarriers].length > 0 && clock.mono() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 5));
  for (const carrier of sessions.openCarriers) carrier.destroy();
}
