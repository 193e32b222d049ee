/** The data of the Policy view: a revision next to its use, what it changed, and what it would decide otherwise. */
import { type AccessChange, diffAccess, finish, formatChange, type PolicyRevision } from '../../../../policy/index.ts';
import { AuditQuestionError } from '../../errors.ts';
import {
  type AssertionProof,
  accessUse,
  decidedOtherwise,
  type LoadedPolicy,
  loadedPolicyOf,
  type PolicyArchive,
  proveAssertions,
  ruleUse,
  UsageTally,
} from '../../policy/index.ts';
import { RecordRow } from '../../query/index.ts';
import type { AuditStore } from '../../store/index.ts';
import type { PolicyAnswer } from '../answers.ts';

/** Newest revisions that the page lists. */
const SHOWN_REVISIONS = 200;
/** Changes that the page lists; all are counted. */
const SHOWN_CHANGES = 200;
/** An answer is good for so long: a live log changes the counts many times a second. */
const KEPT_MS = 5_000;
/** Policies that stay compiled. */
const KEPT_POLICIES = 4;

export class PolicyState {
  readonly #store: AuditStore;
  readonly #archive: PolicyArchive;
  readonly #candidate: PolicyRevision | null;
  readonly #tally = new UsageTally();
  readonly #loaded: LoadedPolicy[] = [];
  readonly #policies = new Map<number, Promise<PolicyRevision>>();
  #proofs: { readonly policy: PolicyRevision; readonly found: readonly AssertionProof[] } | null = null;
  #looked = 0;
  /** Rows of `policy.load` that have not been read from the log yet. */
  #loads: number[] = [];
  /** Ends when all known revisions have been read from the log. */
  #reading: Promise<void> = Promise.resolve();
  #kept: { readonly name: string; readonly until: number; readonly view: Promise<PolicyAnswer> } | null = null;

  constructor(store: AuditStore, archive: PolicyArchive, candidate: PolicyRevision | null) {
    this.#store = store;
    this.#archive = archive;
    this.#candidate = candidate;
  }

  /**
   * @param name the `seq` of a `policy.load`, `candidate`, or empty for the newest
   * @throws AuditQuestionError, PolicyError
   */
  async look(name: string): Promise<PolicyAnswer> {
    const now = performance.now();
    if (this.#kept === null || this.#kept.name !== name || this.#kept.until < now)
      this.#kept = { name, until: now + KEPT_MS, view: this.#view(name) };
    return await this.#kept.view;
  }

  async #view(name: string): Promise<PolicyAnswer> {
    await this.#catchUp();
    const isCandidate = name === 'candidate' && this.#candidate !== null;
    const at = isCandidate ? this.#loaded.length : this.#indexOf(name);
    const loaded = this.#loaded[at];
    if (loaded === undefined && !isCandidate)
      throw new AuditQuestionError('ERR_AUDIT_NO_POLICY', 'no such policy is known to have been in force');
    const policy = loaded === undefined ? this.#candidate : await this.#policyOf(loaded);
    if (policy === null) throw new AuditQuestionError('ERR_AUDIT_NO_POLICY', 'there is no candidate');
    const before = this.#loaded[at - 1];
    return {
      revisions: this.#loaded.slice(-SHOWN_REVISIONS).reverse(),
      shown: loaded?.seq ?? null,
      hasCandidate: this.#candidate !== null,
      hash: policy.hash,
      grants: policy.grants.map(({ domain, label }) => `${domain} ${label}`),
      domains: [...policy.domains.all, policy.domains.broker].map((domain) => ({
        name: domain.name,
        labels: domain.labels,
      })),
      accesses: accessUse(policy, this.#tally),
      rules: ruleUse(policy, this.#tally),
      assertions: this.#proofsOf(policy),
      changes: before === undefined ? null : await this.#changes(before, policy),
      otherwise: decidedOtherwise(policy, this.#tally).slice(0, SHOWN_CHANGES),
    };
  }

  #indexOf(name: string): number {
    if (name === '') return this.#loaded.length - 1;
    return this.#loaded.findIndex(({ seq }) => String(seq) === name);
  }

  /** Null: the archive no longer has the policy before. */
  async #changes(before: LoadedPolicy, policy: PolicyRevision): Promise<PolicyAnswer['changes']> {
    try {
      const changes = finish(diffAccess(await this.#policyOf(before), policy));
      return { total: changes.length, lines: changes.slice(0, SHOWN_CHANGES).map(changeText) };
    } catch (error) {
      if (error instanceof AuditQuestionError) return null;
      throw error;
    }
  }

  /** The policy that decided a record: the newest of that revision before it. @throws AuditQuestionError, PolicyError */
  async inForce(seq: number, revision: unknown): Promise<PolicyRevision> {
    await this.#catchUp();
    const loaded = this.#loaded.findLast((one) => one.revision === revision && one.seq < seq);
    if (loaded === undefined)
      throw new AuditQuestionError('ERR_AUDIT_NO_POLICY', 'the log does not say which policy decided it');
    return await this.#policyOf(loaded);
  }

  /** Takes in what is new, so that a look costs no more than the policy. */
  advance(): void {
    const { index } = this.#store;
    const cursor = index.cursor();
    for (; this.#looked < index.rows; this.#looked++) {
      cursor.row = this.#looked;
      this.#tally.add(cursor);
      if (index.textAt(this.#looked, 'event') === 'policy.load') this.#loads.push(this.#looked);
    }
  }

  /** Compiled once: a person looks at several records that one policy decided. */
  #policyOf(loaded: LoadedPolicy): Promise<PolicyRevision> {
    const known = this.#policies.get(loaded.seq) ?? this.#archive.policyOf(loaded);
    this.#policies.delete(loaded.seq);
    this.#policies.set(loaded.seq, known);
    // The archive may have it the next time.
    known.catch(() => this.#policies.delete(loaded.seq));
    for (const oldest of this.#policies.keys()) {
      if (this.#policies.size <= KEPT_POLICIES) break;
      this.#policies.delete(oldest);
    }
    return known;
  }

  #proofsOf(policy: PolicyRevision): readonly AssertionProof[] {
    if (this.#proofs?.policy !== policy) this.#proofs = { policy, found: proveAssertions(policy) };
    return this.#proofs.found;
  }

  async #catchUp(): Promise<void> {
    this.advance();
    // Two looks at a time would add a revision twice: each takes what is there, and waits afterwards.
    const loads = this.#loads;
    this.#loads = [];
    const read = loads.map(async (row) => {
      const placed = this.#store.index.placed(row);
      const fields = await this.#store.record(placed);
      const loaded = fields === null ? null : loadedPolicyOf(new RecordRow({ seq: placed.seq, fields }));
      if (loaded !== null) this.#loaded.push(loaded);
    });
    // Retention may have removed the segment of an old one: the others are shown all the same.
    this.#reading = Promise.allSettled([this.#reading, ...read]).then(() => undefined);
    await this.#reading;
    this.#loaded.sort((a, b) => a.seq - b.seq);
  }
}

/** With sediff's mark: `+` new, `-` gone, `*` other permissions. */
function changeText(change: AccessChange): string {
  const { kept, added, removed } = change;
  const mark = kept.length > 0 || (added.length > 0 && removed.length > 0) ? '*' : added.length > 0 ? '+' : '-';
  return `${mark} ${formatChange(change)}`;
}
