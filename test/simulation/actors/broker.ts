/**
 * One life of a broker: the parts of the product, composed as broker/broker.ts composes them, on the clock, the disk and
 * the lines of the simulation.
 */
import { type AuditLog, openAuditLog } from '../../../broker/audit/index.ts';
import type { Accept } from '../../../broker/carrier/index.ts';
import { Argo } from '../../../broker/core/index.ts';
import { Federation } from '../../../broker/federation/index.ts';
import { ChunkPool, DeferredCopies, DurableEffects, Flusher, type PeerContext } from '../../../broker/peer/index.ts';
import { CLOCK_TOLERANCE_SECONDS, type Logger, ROUTES_PER_DOMAIN } from '../../../broker/process/index.ts';
import {
  announceSessions,
  checkpointSigner,
  Grants,
  KeyWatch,
  PolicyReload,
  Sessions,
} from '../../../broker/service/index.ts';
import { Turns } from '../../../broker/turns/index.ts';
import type { Identity } from '../../../keys/index.ts';
import { type PolicyRevision, regrantPolicy, servingPace } from '../../../policy/index.ts';
import type { Random } from '../../support/random.ts';
import { ephemeralOf } from '../engine/crypto.ts';
import type { Disk } from '../engine/disk.ts';
import { type NatsServer, NOBODY } from '../engine/nats.ts';
import type { GuestLine, LineState } from '../engine/network.ts';
import type { Process } from '../engine/process.ts';
import type { Revocations } from '../engine/revocations.ts';

export interface BrokerLimits {
  readonly ringBytesPerDomain: number;
  readonly memoryBytes: number;
}

/** Small, so that shares and bounds are reached within a run. */
export const SMALL_LIMITS: BrokerLimits = { ringBytesPerDomain: 64 * 1024, memoryBytes: 256 * 1024 };
/** Agents ask for the rings that they ask for in the product. */
export const AGENT_LIMITS: BrokerLimits = { ringBytesPerDomain: 64 * 1024 * 1024, memoryBytes: 1024 * 1024 };
/** One for all brokers of the process: it is as large as a hundred runs are short. */
const POOL = new ChunkPool();

/** What outlives the process: the machine it runs on. */
export interface BrokerMachine {
  readonly identity: Identity;
  readonly disk: Disk;
  /** Of the domains that are at home here. */
  readonly lines: readonly GuestLine[];
  readonly nats: NatsServer;
  /** Its connections to the NATS server, over which it reaches the other brokers. */
  readonly serverLine: LineState;
  /** The policy directory as it is now. */
  readonly directory: { policy: PolicyRevision };
  readonly revocations: Revocations;
  readonly limits: BrokerLimits;
  readonly random: Random;
  readonly log: Logger;
}

export class SimulatedBroker {
  readonly process: Process;
  readonly argo: Argo;
  readonly audit: AuditLog;
  readonly sessions: Sessions;
  readonly reload: PolicyReload;
  readonly grants: Grants;
  readonly keys: KeyWatch;
  readonly federation: Federation;
  readonly turns: Turns;
  readonly #machine: BrokerMachine;

  private constructor(machine: BrokerMachine, process: Process, audit: AuditLog, policy: PolicyRevision) {
    this.#machine = machine;
    this.process = process;
    this.audit = audit;
    const { identity, log, random } = machine;
    const { clock } = process;
    audit.record({ event: 'policy.load', revision: policy.revision, policy: policy.hash });
    const keys = new KeyWatch(machine.revocations, audit, log, clock);
    this.keys = keys;
    this.turns = new Turns(process.atTurnsEnd, clock);
    const limits = { ...machine.limits, routesPerDomain: ROUTES_PER_DOMAIN };
    const deferredCopies = new DeferredCopies();
    this.federation = new Federation(identity.name, deferredCopies);
    this.argo = new Argo(policy, audit, limits, this.federation.remoteOf);
    const context: PeerContext = {
      identity,
      suites: ['A256GCM', 'C20P'],
      argo: this.argo,
      audit,
      durable: new DurableEffects(audit),
      pool: POOL,
      deferredCopies,
      flusher: new Flusher(process.atTurnsEnd, this.turns),
      turns: this.turns,
      handshake: {
        randomBytes: (length) => random.bytes(length),
        ephemeral: () => ephemeralOf(random),
        wallClock: clock.wall,
        clock: clock.mono,
        clockToleranceSeconds: CLOCK_TOLERANCE_SECONDS,
        aead: 'node',
        isRevoked: keys.isRevoked,
      },
      clock,
      log,
    };
    this.sessions = new Sessions(context, clock, keys);
    keys.watch(this.sessions);
    keys.watch(this.federation);
    keys.announceTo(this.federation);
    const listeners = { prepare: async () => {}, sync: () => this.federation.sync() };
    this.reload = new PolicyReload(policy, this.argo, audit, this.sessions, listeners, log, {
      reload: async (before, { revision }) => {
        const { policy: now } = machine.directory;
        return now.hash === before.hash ? null : regrantPolicy(now, revision, []);
      },
      pace: () => servingPace(clock.mono),
    });
    this.grants = new Grants(this.argo, audit, this.reload, clock);
    this.sessions.watcher = announceSessions(this.grants, this.federation, this.argo);
    void this.federation.start({
      ...context,
      end: NOBODY,
      host: machine.nats.hostOf(process, machine.serverLine, () => {}),
      keys,
      whenDurable: (effect, source) => context.durable.after(effect, source),
      report: () => ({
        revision: this.argo.policy.revision,
        policy: this.argo.policy.hash,
        grants: this.argo.policy.grants.length,
        sessions: this.sessions.count,
        auditRecords: audit.head.seq,
        auditHead: audit.head.hash,
        at: clock.wall(),
      }),
    });
    for (const line of machine.lines) {
      const accept: Accept = (carrier, release) => this.sessions.accept(carrier, release);
      line.listen(accept, process, (worker) => this.turns.job(line.name, worker));
    }
  }

  /** Resolves once the log is open and the broker listens. */
  static async start(machine: BrokerMachine, process: Process): Promise<SimulatedBroker> {
    const audit = await openAuditLog(
      { directory: '/simulated', broker: machine.identity.name, signer: checkpointSigner(machine.identity) },
      {
        files: machine.disk.filesFor(process),
        clock: process.clock,
        boot: Buffer.from(machine.random.bytes(8)).toString('hex'),
      },
    );
    return new SimulatedBroker(machine, process, audit, regrantPolicy(machine.directory.policy, 1, []));
  }

  /** As by a kill -9: nothing is said, and what was not synced may be lost. */
  kill(): void {
    this.process.kill();
    for (const line of this.#machine.lines) line.killBroker();
    this.#machine.nats.dropAll(this.process);
    this.#machine.disk.crash();
  }
}
