/** A change of the policy: what is asked for, what becomes of it, and how the log and the archive name it. */
import {
  type Attribution,
  type Finding,
  type Grant,
  type PolicyFiles,
  type PolicyRevision,
  type RevisionArchive,
  type RevisionEntry,
  reloadPolicy,
  servingPace,
} from '../../policy/index.ts';

export type ReloadResult =
  | {
      readonly ok: true;
      readonly revision: number;
      readonly changed: boolean;
      /** False: in force, but the log cannot be written now; the record follows when it can. */
      readonly recorded?: false;
      /** False: in force, but the archive cannot be written; a restart would go back to the policy before. */
      readonly archived?: false;
    }
  | {
      readonly ok: false;
      readonly code: string;
      readonly message: string;
      /** All that is wrong with the files; absent when the files are not to blame. */
      readonly findings?: readonly Finding[];
    };

/** Files in the policy directory that are not in force, and why. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  /** How many; `argus policy check` and `argus reload --json` list them. */
  readonly findings: number;
}

/** Which grants shall be in force, and what the log is told about it. */
export interface OverlayChange {
  readonly overlay: readonly Grant[];
  readonly record: (revision: number) => void;
  /** Who wanted it, and why. */
  readonly attribution: Attribution;
  /** Asked again when the record is on disk: false = the plan has to be asked again. */
  readonly isWanted?: () => boolean;
}

/** Asked when the change is made, perhaps more than once; null = nothing to do. */
export type OverlayPlan = (inForce: readonly Grant[]) => OverlayChange | null | { readonly refusal: string };

/** A policy with all its files, from an admin. */
export interface ApplyRequest {
  readonly files: PolicyFiles;
  /** First digits of the hash of the policy that the admin believes in force: an edit over another one is refused. */
  readonly token: string;
  readonly attribution: Attribution;
}

/** Where a new policy comes from, how the work on it is spread, and where policies are kept. The simulator has its own. */
export interface PolicyHost {
  readonly reload: typeof reloadPolicy;
  readonly pace: typeof servingPace;
  /** Default: one in memory. */
  readonly archive?: RevisionArchive;
  /** True: files count only when they are applied; the directory is a working copy. Default: false. */
  readonly isApplied?: boolean;
  /** Why the files of the directory are not in force from the start. Default: they are. */
  readonly refusal?: Refusal | null;
}

export const POLICY_HOST: PolicyHost = Object.freeze({ reload: reloadPolicy, pace: servingPace });

export function inForce({ revision }: PolicyRevision, isArchived: boolean): Extract<ReloadResult, { ok: true }> {
  const result = { ok: true, revision, changed: true } as const;
  return isArchived ? result : { ...result, archived: false };
}

/** As the audit log has it. */
export function attributed({ cause, by, reason }: Attribution): Readonly<Record<string, string>> {
  return { cause, by, ...(reason === '' ? {} : { why: reason }) };
}

export function entryOf(policy: PolicyRevision, before: string | null, attribution: Attribution): RevisionEntry {
  return {
    revision: policy.revision,
    time: new Date().toISOString(),
    policy: policy.hash,
    before,
    assertions: policy.assertionsHash,
    rows: policy.rows,
    grants: policy.grants.map(({ domain, label }) => `${domain} ${label}`),
    ...attribution,
  };
}

export function refused(code: string, message: string): Extract<ReloadResult, { readonly ok: false }> {
  return { ok: false, code, message };
}

/** The same domains and classes: only rows, assertions and tests can differ. */
export function hasSameInventory(a: PolicyRevision, b: PolicyRevision): boolean {
  return (['domains.yaml', 'services.yaml'] as const).every(
    (name) => Buffer.compare(a.files[name], b.files[name]) === 0,
  );
}

export function includes(grants: readonly Grant[], { domain, label }: Grant): boolean {
  return grants.some((each) => each.domain === domain && each.label === label);
}
