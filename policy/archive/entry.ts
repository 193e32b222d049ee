/**
 * One line of the archive's journal: a revision that came into force, and the person or part that requested it. Pure.
 */

/** The cause of the change. */
export const CHANGE_CAUSES = ['start', 'watch', 'reload', 'apply', 'rollback', 'grants', 'modes'] as const;
export type ChangeCause = (typeof CHANGE_CAUSES)[number];

/** The person or program that wanted a change, and the reason. */
export interface Attribution {
  readonly cause: ChangeCause;
  /** The admin, as the control socket knows it; `broker` when no admin asked. */
  readonly by: string;
  /** May be empty. */
  readonly reason: string;
}

export interface RevisionEntry extends Attribution {
  /** Grows by one with each change, also over restarts of the broker. */
  readonly revision: number;
  /** RFC 3339. */
  readonly time: string;
  /** SHA-256 over the six files, hex: finds them in the archive. */
  readonly policy: string;
  /** The policy in force before; null for the first of an archive. */
  readonly before: string | null;
  /** SHA-256 of assertions.csv, hex. */
  readonly assertions: string;
  readonly rows: number;
  /** `chrome-vm @mic`: grants in force on top of the files. */
  readonly grants: readonly string[];
  /** Domains that were permissive; absent: none. */
  readonly permissive?: readonly string[];
}

/** Null: the line was torn by a crash, or another program wrote it. */
export function parseEntry(line: string): RevisionEntry | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  return isEntry(value) ? value : null;
}

function isEntry(value: unknown): value is RevisionEntry {
  if (typeof value !== 'object' || value === null) return false;
  const entry = value as Readonly<Record<string, unknown>>;
  const { revision, policy, before, rows, grants, cause } = entry;
  return (
    isCount(revision) &&
    isHash(policy) &&
    (before === null || isHash(before)) &&
    typeof rows === 'number' &&
    isHash(entry.assertions) &&
    Array.isArray(grants) &&
    grants.every((grant) => typeof grant === 'string') &&
    CHANGE_CAUSES.some((each) => each === cause) &&
    ['time', 'by', 'reason'].every((key) => typeof entry[key] === 'string')
  );
}

export function isHash(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1;
}
