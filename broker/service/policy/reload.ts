/**
 * Puts a policy in force. It is built completely next to the running one, then swapped in one step.
 *
 * A policy changes by an edited directory or by a change of the run-time grants. The effect of a change decides how
 * fast it comes into force:
 *
 *   takes away only   in force at once, in the same turn as its record is queued. It does not wait for a load, another
 *                     change, a flood of denials or a failing log. Its record is the first of the new revision.
 *   allows something  recorded on disk first (`policy.prepare`), then in force. Such changes take turns. If a change that
 *                     only takes away overtakes it, the slower one is made again on top of the new policy.
 *
 * `policy.load` is recorded in the turn in which a policy comes into force: each one in the log was in force.
 *
 * When a policy fails any step, the old one stays in force and the failure is recorded. If the log cannot be written,
 * an edited directory does not come into force. It is loaded again automatically as soon as the log can be written.
 *
 * Each policy is in the archive before it allows anything new, and its revision is in the archive's journal before an
 * admin gets the answer. With applied policies the directory is ignored: all six files come with the request.
 */
import {
  type AccessSummary,
  type Attribution,
  addsAccess,
  compileFiles,
  type Domain,
  finish,
  finishPaced,
  type Grant,
  hashFiles,
  memoryArchive,
  PolicyError,
  type PolicyFiles,
  type PolicyRevision,
  type RevisionArchive,
  recordsLess,
  regrantPolicy,
  summarizeAccess,
} from '../../../policy/index.ts';
import type { AuditLog } from '../../audit/index.ts';
import { InvariantError, reasonOf } from '../../base/index.ts';
import { type Argo, INSPECTORS } from '../../core/index.ts';
import { BrokerError, type Logger, type PolicySourceName } from '../../process/index.ts';

import { adoptPolicy } from '../adopt.ts';
import type { BrokerListeners } from '../broker-listeners.ts';
import type { Sessions } from '../sessions.ts';
import {
  type ApplyRequest,
  accessDetail,
  attributed,
  entryOf,
  hasSameInventory,
  includes,
  inForce,
  loosens,
  type OverlayPlan,
  POLICY_HOST,
  type PolicyHost,
  type Refusal,
  type ReloadResult,
  refused,
} from './policy-change.ts';
import type { BundleStatus } from './signed-policy.ts';

/** Digits of a token: enough to distinguish all policies of an archive. */
const MIN_TOKEN_DIGITS = 12;
const RELOAD: Attribution = { cause: 'reload', by: 'broker', reason: '' };

const UNWRITABLE = 'ERR_BROKER_AUDIT';
const CLOSING = 'the broker is closing and its audit log with it, so no policy comes into force';

/** A policy that was built on `base`. It can come into force only while `base` is in force. */
interface Candidate {
  readonly base: PolicyRevision;
  readonly policy: PolicyRevision;
  readonly access: AccessSummary | null;
}

export class PolicyReload {
  /** The policy in force with its files; the core holds the same object without them. */
  #inForce: PolicyRevision;
  readonly #argo: Argo;
  readonly #audit: AuditLog;
  readonly #sessions: Sessions;
  readonly #brokerListeners: Pick<BrokerListeners, 'prepare' | 'sync'>;
  readonly #host: PolicyHost;
  readonly #log: Logger;
  readonly #archive: RevisionArchive;
  /** The highest revision number given to a policy, whether it came into force or not. */
  #number: number;
  /**
   * The running load, and the one that waits for it. Further requests join the waiting load: it reads the files later.
   */
  #loading: Promise<unknown> = Promise.resolve();
  #waiting: Promise<ReloadResult> | null = null;
  /** Attribution of the waiting load: that of the last request that joined it. */
  #wanted: Attribution = RELOAD;
  /** Changes that allow something take turns. */
  #turn: Promise<unknown> = Promise.resolve();
  /** The directory must be loaded again once the log can be written. */
  #isOwed = false;
  #isClosed = false;
  /** Number of refused policies since start. */
  rejected = 0;
  /** Null: the files in the directory are in force, or the directory is ignored. */
  #refusal: Refusal | null;

  constructor(
    first: PolicyRevision,
    argo: Argo,
    audit: AuditLog,
    sessions: Sessions,
    brokerListeners: Pick<BrokerListeners, 'prepare' | 'sync'>,
    log: Logger,
    host: PolicyHost = POLICY_HOST,
  ) {
    this.#host = host;
    this.#inForce = first;
    this.#number = first.revision;
    this.#argo = argo;
    this.#audit = audit;
    this.#sessions = sessions;
    this.#brokerListeners = brokerListeners;
    this.#log = log;
    this.#archive = host.archive ?? memoryArchive();
    this.#refusal = host.refusal ?? null;
    audit.onHealth((isHealthy) => {
      if (isHealthy && this.#isOwed) void this.run();
    });
  }

  get policy(): PolicyRevision {
    return this.#inForce;
  }

  /** The reason why the files of the directory, as last read, are not in force; null when they are. */
  get refusal(): Refusal | null {
    return this.#refusal;
  }

  get source(): PolicySourceName {
    return this.#host.source ?? 'watch';
  }

  /** The bundle in force; null where bundles are not used. */
  get bundle(): BundleStatus | null {
    return this.#host.bundle?.() ?? null;
  }

  /** Reads the directory again; grants stay. One load answers all waiting requests. Never rejects. */
  run(attribution: Attribution = RELOAD): Promise<ReloadResult> {
    if (this.source === 'applied') {
      const message = `policies are applied here (policy.source), and "${this.#inForce.directory}" is a working copy: use argus policy apply`;
      this.#log.warn(message);
      return Promise.resolve(refused('ERR_BROKER_SOURCE', message));
    }
    if (this.#isClosed) return Promise.resolve(refused(UNWRITABLE, CLOSING));
    this.#wanted = attribution;
    if (this.#waiting !== null) return this.#waiting;
    const result = this.#loading.then(() => {
      this.#waiting = null;
      const wanted = this.#wanted;
      return this.#recorded(this.#guard(() => this.#reload(wanted))).then((loaded) => this.#remember(loaded));
    });
    this.#waiting = result;
    this.#loading = result;
    return result;
  }

  /**
   * Begins no other load, and resolves when those under way have ended: a policy that came into force after the
   * listeners were closed would open its sockets again.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#loading;
    await this.#turn;
  }

  /** Puts an admin's files in force, if the admin edited the policy that is in force now. Never rejects. */
  apply(request: ApplyRequest): Promise<ReloadResult> {
    if (this.source !== 'applied') {
      const message =
        this.source === 'watch'
          ? `this broker reads its policy from "${this.#inForce.directory}" (policy.source is watch): change the files there`
          : `this broker accepts only signed bundles (policy.source is ${this.source}): argus policy publish`;
      return Promise.resolve(refused('ERR_BROKER_SOURCE', message));
    }
    if (this.#isClosed) return Promise.resolve(refused(UNWRITABLE, CLOSING));
    const result = this.#loading.then(() =>
      this.#recorded(this.#guard(() => this.#apply(request), hashFiles(request.files))),
    );
    this.#loading = result;
    return result;
  }

  /** Checks files as `apply` would, with the grants in force, and stores them in the archive. Never rejects. */
  stage(files: PolicyFiles): Promise<ReloadResult> {
    const result = this.#loading.then(async (): Promise<ReloadResult> => {
      try {
        const loaded = await this.#compile(files);
        this.#withGrants(loaded);
        await this.#archive.keep(loaded.hash, files);
        return this.#unchanged();
      } catch (error) {
        if (error instanceof PolicyError) return refused(error.code, error.message);
        throw error;
      }
    });
    this.#loading = result.catch(() => {});
    return result;
  }

  /** Changes the grants in a way that may allow something: recorded first, then in force. Never rejects. */
  give(plan: OverlayPlan): Promise<ReloadResult> {
    return this.#inTurn(() => this.#regrant(plan));
  }

  /** Changes the grants to take something away: in force when this returns, unless the change also allows something. */
  takeAway(plan: OverlayPlan): Promise<ReloadResult> {
    return this.#guard(async () => {
      const change = plan(this.#inForce.grants, this.#inForce.permissive);
      if (change === null) return this.#unchanged();
      if ('refusal' in change) return refused(change.code ?? 'ERR_BROKER_GRANT', change.refusal);
      const policy = regrantPolicy(this.#inForce, this.#number + 1, change.overlay, change.permissive);
      const changed = changedDomains(this.#inForce, policy);
      // If a deny row names the label, removing the label allows something again.
      if (loosens(this.#inForce, policy) || finish(addsAccess(this.#inForce, policy, changed))) return this.give(plan);
      this.#number = policy.revision;
      const access = finish(summarizeAccess(this.#inForce, policy, changed));
      const { attribution } = change;
      return this.#atOnce(policy, { record: () => change.record(policy.revision), attribution, access });
    });
  }

  /**
   * An admin gets a refusal only when its record is on disk. A change that takes away does not use this: it must not
   * wait.
   */
  async #recorded(change: Promise<ReloadResult>): Promise<ReloadResult> {
    const result = await change;
    if (!result.ok) await this.#durable();
    return result;
  }

  async #guard(change: () => Promise<ReloadResult>, hash?: string): Promise<ReloadResult> {
    try {
      return await change();
    } catch (error) {
      // A broken invariant may have left the core between two revisions. It must not decide anything in that state, so
      // the broker ends.
      if (error instanceof InvariantError) {
        queueMicrotask(() => {
          throw error;
        });
      }
      return this.#reject(error, hash);
    }
  }

  #inTurn(change: () => Promise<ReloadResult>): Promise<ReloadResult> {
    const result = this.#turn.then(() => this.#guard(change));
    this.#turn = result;
    return result;
  }

  async #reload(attribution: Attribution): Promise<ReloadResult> {
    const loaded = await this.#host.reload(this.#inForce, { revision: this.#number + 1, inspectors: INSPECTORS });
    this.#isOwed = false;
    return loaded === null ? this.#unchanged() : this.#replace(loaded, attribution);
  }

  async #apply({ files, token, attribution }: ApplyRequest): Promise<ReloadResult> {
    const { hash, revision } = this.#inForce;
    if (token.length < MIN_TOKEN_DIGITS || !hash.startsWith(token)) {
      const message = `the token ${token.slice(0, 12)} is not that of the policy in force (revision ${revision}, ${hash.slice(0, 12)}): another admin changed it; look with argus policy show ${revision}`;
      this.#audit.record({
        event: 'policy.reject',
        reason: 'ERR_BROKER_TOKEN',
        policy: hashFiles(files),
        detail: { ...attributed(attribution), revision },
      });
      return refused('ERR_BROKER_TOKEN', message);
    }
    if (hashFiles(files) === hash) return this.#unchanged();
    return this.#replace(await this.#compile(files), attribution);
  }

  #compile(files: PolicyFiles): Promise<PolicyRevision> {
    const base = this.#inForce;
    return compileFiles(base.directory, files, { revision: this.#number + 1, inspectors: INSPECTORS }, base);
  }

  async #replace(loaded: PolicyRevision, attribution: Attribution): Promise<ReloadResult> {
    await this.#brokerListeners.prepare(loaded.domains.all);
    const result = await this.#putInForce(loaded, attribution);
    if (!result.ok || !result.changed) return result;
    await this.#brokerListeners.sync(this.#inForce.domains.all).catch((error: unknown) => {
      this.#log.error({ err: error }, 'a socket of the new inventory could not be opened');
    });
    return result;
  }

  /**
   * Rows that only take away, and leave no less in the log, are in force at once. If another change came first, the
   * comparison is made again.
   */
  async #putInForce(loaded: PolicyRevision, attribution: Attribution): Promise<ReloadResult> {
    let candidate: Candidate | null = null;
    for (;;) {
      const base = this.#inForce;
      if (!hasSameInventory(base, loaded)) break;
      const policy = this.#withGrants(loaded);
      const weakens = loosens(base, policy) || recordsLess(base, policy);
      const adds = weakens || (await finishPaced(addsAccess(base, policy), this.#host.pace()));
      const access = await finishPaced(summarizeAccess(base, policy), this.#host.pace());
      if (this.#inForce !== base) continue;
      if (adds) {
        candidate = { base, policy, access };
        break;
      }
      return this.#atOnce(policy, { record: this.#droppedBy(policy), attribution, access });
    }
    return this.#inTurn(() => this.#widen(loaded, candidate, attribution));
  }

  async #widen(loaded: PolicyRevision, candidate: Candidate | null, attribution: Attribution): Promise<ReloadResult> {
    for (;;) {
      const base = this.#inForce;
      // After another change the candidate's base or number is out of date, so the policy is built again.
      const isCurrent = candidate?.base === base && candidate.policy.revision === this.#number;
      const policy = isCurrent ? candidate.policy : this.#withGrants(loaded);
      const access = isCurrent ? candidate.access : await finishPaced(summarizeAccess(base, policy), this.#host.pace());
      if (base !== this.#inForce) continue;
      const change = { record: this.#droppedBy(policy), attribution, access, isCurrent: () => this.#inForce === base };
      const result = await this.#recordFirst(policy, change);
      if (result === 'overtaken') continue;
      if (!result.ok && result.code === UNWRITABLE) this.#isOwed = true;
      return result;
    }
  }

  async #regrant(plan: OverlayPlan): Promise<ReloadResult> {
    for (;;) {
      const base = this.#inForce;
      const change = plan(base.grants, base.permissive);
      if (change === null) return this.#unchanged();
      if ('refusal' in change) return refused(change.code ?? 'ERR_BROKER_GRANT', change.refusal);
      const policy = regrantPolicy(base, this.#number + 1, change.overlay, change.permissive);
      this.#number = policy.revision;
      const record = () => change.record(policy.revision);
      const isCurrent = () => this.#inForce === base && change.isWanted?.() !== false;
      const { attribution } = change;
      const access = finish(summarizeAccess(base, policy, changedDomains(base, policy)));
      const result = await this.#recordFirst(policy, { record, attribution, access, isCurrent });
      if (result !== 'overtaken') return result;
    }
  }

  /**
   * Keeps all grants in force if the new files permit them; otherwise as many as they permit, the older ones first. Then
   * the same for the domains that are permissive.
   */
  #withGrants(loaded: PolicyRevision): PolicyRevision {
    const revision = ++this.#number;
    const attempt = (overlay: readonly Grant[], permissive: readonly string[] = []): PolicyRevision | null => {
      try {
        return regrantPolicy(loaded, revision, overlay, permissive);
      } catch (error) {
        if (error instanceof PolicyError) return null;
        throw error;
      }
    };
    let best = attempt([]) ?? loaded;
    // Bisection: one impossible grant among a hundred costs a few attempts, not a hundred.
    const add = (grants: readonly Grant[]): void => {
      if (grants.length === 0) return;
      const whole = attempt([...best.grants, ...grants]);
      if (whole !== null) best = whole;
      else if (grants.length > 1) {
        add(grants.slice(0, grants.length >> 1));
        add(grants.slice(grants.length >> 1));
      }
    };
    add(this.#inForce.grants);
    for (const name of this.#inForce.permissive) best = attempt(best.grants, [...best.permissive, name]) ?? best;
    return best;
  }

  /** Records the grants that are dropped with a policy of new files. */
  #droppedBy(policy: PolicyRevision): () => void {
    return () => {
      for (const grant of this.#inForce.grants) {
        if (includes(policy.grants, grant)) continue;
        const src = this.#argo.domain(grant.domain)?.domain;
        if (src === undefined) continue;
        const detail = { label: grant.label, by: 'policy', from: policy.revision };
        this.#audit.record({ event: 'grant.revoke', src, reason: 'POLICY_CHANGED', detail });
      }
    };
  }

  /** Records the domains whose denials are enforced again, whatever the cause. */
  #recordEnforced(policy: PolicyRevision, { by, reason }: Attribution): void {
    for (const name of this.#inForce.permissive) {
      const src = this.#argo.domain(name)?.domain;
      if (src === undefined || policy.permissive.includes(name)) continue;
      const detail = { by, from: policy.revision, ...(reason === '' ? {} : { why: reason }) };
      this.#audit.record({ event: 'mode.set', src, reason: 'ENFORCING', detail });
    }
  }

  #unchanged(): ReloadResult {
    return { ok: true, revision: this.#inForce.revision, changed: false };
  }

  /** Queues the record before any record of a decision under the new revision, and does not wait for the disk. */
  async #atOnce(policy: PolicyRevision, { record, attribution, access }: Change): Promise<ReloadResult> {
    record();
    this.#recordEnforced(policy, attribution);
    this.#recordRevision('policy.load', policy, attribution, access);
    const before = this.#inForce;
    this.#adopt(policy);
    const noted = this.#note(policy, before, attribution);
    const isRecorded = await this.#durable();
    const result = inForce(policy, await noted);
    return isRecorded ? result : { ...result, recorded: false };
  }

  async #recordFirst(policy: PolicyRevision, change: Widening): Promise<ReloadResult | 'overtaken'> {
    // Without this check the log would later report policies that never were in force.
    if (!this.#audit.healthy) return this.#unwritable();
    // Archive the files first: every decision of the broker must be reproducible from the archive.
    if (!this.#archive.has(policy.hash)) await this.#archive.keep(policy.hash, policy.files);
    this.#recordRevision('policy.prepare', policy, change.attribution, change.access);
    if (!(await this.#durable())) {
      this.#takeBack(policy, 'AUDIT_UNAVAILABLE');
      return this.#unwritable();
    }
    if (!change.isCurrent()) {
      this.#takeBack(policy, 'SUPERSEDED');
      return 'overtaken';
    }
    return this.#atOnce(policy, change);
  }

  /**
   * Notes the revision in the archive. Returns false when the archive cannot be written. A change of grants does not
   * wait for it, because grants end with the broker.
   */
  async #note(policy: PolicyRevision, before: PolicyRevision, attribution: Attribution): Promise<boolean> {
    const noted = this.#archive
      .keep(policy.hash, policy.files)
      .then(() => this.#archive.note(entryOf(policy, before.hash, attribution)))
      .then(
        () => true,
        (error: unknown) => {
          this.#log.error({ err: error, revision: policy.revision }, 'this revision could not be archived');
          return false;
        },
      );
    return policy.hash === before.hash ? true : noted;
  }

  #recordRevision(
    event: 'policy.load' | 'policy.prepare',
    policy: PolicyRevision,
    attribution: Attribution,
    access: AccessSummary | null,
  ): void {
    const grants = policy.grants.map(({ domain, label }) => `${domain} ${label}`);
    this.#audit.record({
      event,
      revision: policy.revision,
      policy: policy.hash,
      detail: {
        assertions: policy.assertionsHash,
        rows: policy.rows,
        ...attributed(attribution),
        access: accessDetail(access),
        ...(grants.length === 0 ? {} : { grants }),
        ...(policy.permissive.length === 0 ? {} : { permissive: policy.permissive }),
      },
    });
  }

  /** Records that a prepared revision did not come into force. */
  #takeBack({ revision, hash }: PolicyRevision, reason: string): void {
    const detail = { revision: this.#inForce.revision, refused: revision };
    this.#audit.record({ event: 'policy.reject', reason, policy: hash, detail });
  }

  /** Waits for the disk, but not for the flood window of any domain: the source is the broker, which never floods. */
  #durable(): Promise<boolean> {
    return new Promise((resolve) => this.#audit.whenDurable(resolve, this.#inForce.domains.broker));
  }

  #adopt(policy: PolicyRevision): void {
    this.#inForce = policy;
    adoptPolicy(policy, this.#argo, this.#sessions);
    this.#log.info(
      { revision: policy.revision, policy: policy.hash.slice(0, 12), rows: policy.rows, grants: policy.grants.length },
      'policy in force',
    );
    if (policy.permissive.length > 0)
      this.#log.warn({ permissive: policy.permissive }, 'denials of these domains are recorded and NOT enforced');
  }

  #remember(result: ReloadResult): ReloadResult {
    this.#refusal = result.ok
      ? null
      : {
          code: result.code,
          message: result.message,
          findings: result.findings?.length ?? 0,
          policy: result.policy ?? null,
        };
    return result;
  }

  #unwritable(): ReloadResult {
    this.rejected++;
    const message = 'the audit log cannot be written, so a change that allows something cannot come into force';
    this.#log.error({ code: UNWRITABLE }, message);
    return refused(UNWRITABLE, message);
  }

  #reject(error: unknown, hash?: string): ReloadResult {
    this.rejected++;
    const message = reasonOf(error);
    const code = error instanceof PolicyError || error instanceof BrokerError ? error.code : 'ERR_POLICY_LOAD';
    const policy = hash ?? (error instanceof PolicyError ? error.policy : null);
    const named = policy === null ? {} : { policy };
    // A refused policy has no number; the next one that comes into force gets the one that this policy would have had.
    const detail = { message: message.slice(0, 1_000), revision: this.#inForce.revision, refused: this.#number + 1 };
    this.#audit.record({ event: 'policy.reject', reason: code, ...named, detail });
    this.#log.error({ code, message }, 'the new policy was refused; the old one stays in force');
    const result = { ...refused(code, message), ...named };
    return error instanceof PolicyError && error.findings.length > 0 ? { ...result, findings: error.findings } : result;
  }
}

interface Change {
  /** Writes the change's own records, before the record of the policy. */
  readonly record: () => void;
  readonly attribution: Attribution;
  /** Compared with the policy in force before. */
  readonly access: AccessSummary | null;
}

/** A change that may allow something. */
interface Widening extends Change {
  /** Called when the records are on disk. False = another change came first. */
  readonly isCurrent: () => boolean;
}

/** The domains that have other labels; nothing else differs between two policies of the same files. */
function changedDomains(before: PolicyRevision, after: PolicyRevision): readonly Domain[] {
  return after.domains.all.filter((domain, index) => domain !== before.domains.all[index]);
}
