/** A change of the policy: the request, the result, and its names in the log and the archive. */
import {
  type AccessSummary,
  type Attribution,
  type Finding,
  type Grant,
  type PolicyFiles,
  type PolicyRevision,
  type RevisionArchive,
  type RevisionEntry,
  reloadPolicy,
  servingPace,
} from '../../../policy/index.ts';

import type { PolicySourceName } from '../../process/index.ts';
import type { BundleStatus } from './signed-policy.ts';

export type ReloadResult =
  | {
      readonly ok: true;
      readonly revision: number;
      readonly changed: boolean;
      /** False: in force, but the log cannot be written now. The record follows later. */
      readonly recorded?: false;
      /** False: in force, but the archive cannot be written. A restart would restore the previous policy. */
      readonly archived?: false;
    }
  | {
      readonly ok: false;
      readonly code: string;
      readonly message: string;
      /** All problems of the files; absent when the files are not the reason. */
      readonly findings?: readonly Finding[];
      /** Hash of the files that were refused; absent when they could not be read, or are not to blame. */
      readonly policy?: string;
    };

/** The reason why the files of the policy directory are not in force. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  /** Number of findings. `argus policy check` and `argus reload --json` list them. */
  readonly findings: number;
  /** Hash of those files; null: they could not be read. */
  readonly policy: string | null;
}

/** The new set of grants, and the records for the log. */
export interface OverlayChange {
  readonly overlay: readonly Grant[];
  /** The new set of permissive domains. Default: unchanged. */
  readonly permissive?: readonly string[];
  readonly record: (revision: number) => void;
  /** The person or part that asked for the change, and the reason. */
  readonly attribution: Attribution;
  /** Called when the record is on disk. False = the plan must be called again. */
  readonly isWanted?: () => boolean;
}

/** Called when the change is made, possibly more than once. Null = nothing to do. */
export type OverlayPlan = (
  inForce: readonly Grant[],
  permissive: readonly string[],
) => OverlayChange | null | { readonly refusal: string; readonly code?: string };

/** A policy with all its files, from an admin. */
export interface ApplyRequest {
  readonly files: PolicyFiles;
  /** First digits of the hash of the policy that the admin edited. Refused when another policy is in force now. */
  readonly token: string;
  readonly attribution: Attribution;
}

/** The source of new policies, the pacing of the work on them, and their archive. The simulator has its own. */
export interface PolicyHost {
  readonly reload: typeof reloadPolicy;
  readonly pace: typeof servingPace;
  /** Default: one in memory. */
  readonly archive?: RevisionArchive;
  /** Default: `watch`. With `applied` the directory is a working copy; with `signed` and `nats`, `reload` brings accepted bundles. */
  readonly source?: PolicySourceName;
  /** The bundle in force. Default: none, because bundles are not used. */
  readonly bundle?: () => BundleStatus | null;
  /** The reason why the files of the directory are not in force at the start. Default: they are in force. */
  readonly refusal?: Refusal | null;
}

export const POLICY_HOST: PolicyHost = Object.freeze({ reload: reloadPolicy, pace: servingPace });

export function inForce({ revision }: PolicyRevision, isArchived: boolean): Extract<ReloadResult, { ok: true }> {
  const result = { ok: true, revision, changed: true } as const;
  return isArchived ? result : { ...result, archived: false };
}

/** The attribution in the form of the audit log. */
export function attributed({ cause, by, reason }: Attribution): Readonly<Record<string, string>> {
  return { cause, by, ...(reason === '' ? {} : { why: reason }) };
}

/** What a policy allows more and less than the one before it, in the form of the audit log. */
export function accessDetail(access: AccessSummary | null): AccessDetail {
  if (access === null) return 'not compared';
  const { added, removed, modified, examples } = access;
  return { added, removed, modified, ...(examples.length === 0 ? {} : { examples }) };
}

type AccessDetail =
  | 'not compared'
  | {
      readonly added: number;
      readonly removed: number;
      readonly modified: number;
      readonly examples?: readonly string[];
    };

export function entryOf(policy: PolicyRevision, before: string | null, attribution: Attribution): RevisionEntry {
  return {
    revision: policy.revision,
    time: new Date().toISOString(),
    policy: policy.hash,
    before,
    assertions: policy.assertionsHash,
    rows: policy.rows,
    grants: policy.grants.map(({ domain, label }) => `${domain} ${label}`),
    ...(policy.permissive.length === 0 ? {} : { permissive: policy.permissive }),
    ...attribution,
  };
}

export function refused(code: string, message: string): Extract<ReloadResult, { readonly ok: false }> {
  return { ok: false, code, message };
}

/** True when both have the same domains and classes, so that only rows, assertions and tests can differ. */
export function hasSameInventory(a: PolicyRevision, b: PolicyRevision): boolean {
  return (['domains.yaml', 'services.yaml'] as const).every(
    (name) => Buffer.compare(a.files[name], b.files[name]) === 0,
  );
}

/** True when a domain is permissive after the change that was not before it. */
export function loosens(before: PolicyRevision, after: PolicyRevision): boolean {
  if (after.permissive.length === 0) return false;
  // A permissive domain may do what no assertion forbids: with other assertions it may do more.
  return (
    before.assertionsHash !== after.assertionsHash || after.permissive.some((name) => !before.permissive.includes(name))
  );
}

export function includes(grants: readonly Grant[], { domain, label }: Grant): boolean {
  return grants.some((each) => each.domain === domain && each.label === label);
}
