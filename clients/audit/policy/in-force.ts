/** The policy that was in force at a moment: the log says which one, and the archive next to the log has its files. */
import {
  type ArchiveReader,
  archivedFiles,
  archiveOf,
  compileFiles,
  type Grant,
  type Inspectors,
  type PolicyRevision,
  readArchive,
  regrantPolicy,
} from '../../../policy/index.ts';
import { AuditQuestionError } from '../errors.ts';
import type { QueryRow } from '../query/index.ts';
import { number } from '../reports/index.ts';

/** A revision as a `policy.load` record names it. */
export interface LoadedPolicy {
  readonly seq: number;
  readonly time: string;
  readonly revision: number;
  /** The hash of its files, or the first digits. */
  readonly policy: string;
  readonly grants: readonly Grant[];
  readonly cause: string;
  readonly by: string;
  readonly why: string;
}

/** Null: the record is not that of a policy that came into force. */
export function loadedPolicyOf(row: QueryRow): LoadedPolicy | null {
  const policy = row.get('policy');
  if (row.get('event') !== 'policy.load' || typeof policy !== 'string') return null;
  const detail = detailOf(row.get('detail'));
  const grants = Array.isArray(detail.grants) ? detail.grants.flatMap(grantOf) : [];
  const said = (key: string): string => (typeof detail[key] === 'string' ? detail[key] : '');
  return {
    seq: number(row, 'seq'),
    time: String(row.get('time') ?? ''),
    revision: number(row, 'revision'),
    policy,
    grants,
    cause: said('cause'),
    by: said('by'),
    why: said('why'),
  };
}

export class PolicyArchive {
  readonly #archive: ArchiveReader;
  readonly #inspectors: Inspectors;

  /** @param inspectors those of the broker that wrote the log */
  constructor(auditDirectory: string, inspectors: Inspectors) {
    this.#archive = readArchive(archiveOf(auditDirectory));
    this.#inspectors = inspectors;
  }

  /** @throws AuditQuestionError ERR_AUDIT_NO_POLICY: the archive does not have it */
  async policyOf({ policy, grants, revision }: LoadedPolicy): Promise<PolicyRevision> {
    const hash = (await this.#archive.policies()).find((each) => each.startsWith(policy));
    if (hash === undefined)
      throw new AuditQuestionError(
        'ERR_AUDIT_NO_POLICY',
        `the archive next to the log does not have policy ${policy.slice(0, 12)} of revision ${revision}`,
      );
    const files = await archivedFiles(this.#archive, hash);
    const compiled = await compileFiles(`revision ${revision}`, files, { revision, inspectors: this.#inspectors });
    return grants.length === 0 ? compiled : regrantPolicy(compiled, revision, grants);
  }
}

function detailOf(detail: unknown): { readonly [key: string]: unknown } {
  if (typeof detail !== 'string') return {};
  try {
    const value: unknown = JSON.parse(detail);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function grantOf(text: unknown): Grant[] {
  const [domain, label] = typeof text === 'string' ? text.split(' ') : [];
  return domain === undefined || label === undefined ? [] : [{ domain, label }];
}
