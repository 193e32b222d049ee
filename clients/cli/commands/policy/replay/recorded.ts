/** The decisions of an audit log in order, each with the policy that made it. */
import { type ParsedLine, readAudit } from '../../../../../broker/audit/index.ts';
import { INSPECTORS } from '../../../../../broker/index.ts';
import {
  type ArchiveReader,
  compileFiles,
  type Grant,
  type PolicyRevision,
  type RecordedDecision,
  regrantPolicy,
} from '../../../../../policy/index.ts';
import { counted } from '../../../progress/index.ts';

/** A policy as a record of the log names it: by the first digits of its hash. */
export interface PolicyName {
  readonly hash: string;
  readonly grants: readonly Grant[];
}

export interface DecidedRecord {
  readonly seq: number;
  readonly time: string;
  readonly event: string;
  readonly revision: number;
  /** Null: the log does not say which policy this revision was; its beginning is missing. */
  readonly policy: PolicyName | null;
  readonly decision: RecordedDecision;
  readonly port: number | null;
  /** Messages or denials that the record stands for. */
  readonly count: number;
}

type Fields = Readonly<Record<string, unknown>>;

export async function* decidedRecords(auditDirectory: string): AsyncGenerator<DecidedRecord> {
  const reader = new DecisionReader();
  for await (const { parsed } of counted(readAudit(auditDirectory))) {
    const record = typeof parsed === 'string' ? null : reader.take(parsed);
    if (record !== null) yield record;
  }
}

/** Finds the decisions among records that it is given in order, and remembers which policy each revision was. */
export class DecisionReader {
  /** Revisions of this run of the broker; a flow may be written after the policy that follows it. */
  readonly #loaded: Map<number, PolicyName>;

  /** @param known revisions whose records came before the first one that is given */
  constructor(known: Iterable<readonly [number, PolicyName]> = []) {
    this.#loaded = new Map(known);
  }

  /** Null: the record holds no decision. */
  take({ seq, event, fields }: ParsedLine): DecidedRecord | null {
    if (event === 'broker.start') this.#loaded.clear();
    if (event === 'policy.load' && typeof fields.policy === 'string' && typeof fields.revision === 'number')
      this.#loaded.set(fields.revision, { hash: fields.policy, grants: grantsOf(fields.detail) });
    const decision = decisionOf(fields);
    if (decision === null || typeof fields.revision !== 'number') return null;
    return {
      seq,
      time: String(fields.time),
      event,
      revision: fields.revision,
      policy: this.#loaded.get(fields.revision) ?? null,
      decision,
      port: typeof fields.port === 'number' ? fields.port : null,
      count:
        typeof fields.messages === 'number' ? fields.messages : typeof fields.count === 'number' ? fields.count : 1,
    };
  }
}

function grantsOf(detail: unknown): Grant[] {
  const grants = isFields(detail) && Array.isArray(detail.grants) ? detail.grants : [];
  return grants.flatMap((text: unknown) => {
    const [domain, label] = typeof text === 'string' ? text.split(' ') : [];
    return domain === undefined || label === undefined ? [] : [{ domain, label }];
  });
}

function decisionOf({
  decision,
  reason,
  rule,
  src,
  dst,
  class: className,
  permission,
  permissive,
}: Fields): RecordedDecision | null {
  if ((decision !== 'allow' && decision !== 'deny') || !isFields(src) || !isFields(dst)) return null;
  if (typeof className !== 'string' || typeof permission !== 'string') return null;
  // A permissive domain's request passed, and the rows denied it: rows are what is decided again.
  const allowed = decision === 'allow' && permissive !== true;
  return {
    source: String(src.domain),
    destination: String(dst.domain),
    className,
    permission,
    allowed,
    // `session.close` and others have a reason of their own next to an allowed decision.
    reason: !allowed && typeof reason === 'string' ? reason : null,
    rule: isFields(rule) ? { file: String(rule.file), line: Number(rule.line) } : null,
    sourceLabels: textsOf(src.labels),
    destinationLabels: textsOf(dst.labels),
  };
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

/** Policies of the archive, compiled when they are first asked for. */
export class ArchivedPolicies {
  readonly #archive: ArchiveReader;
  #hashes: Promise<readonly string[]> | null = null;
  readonly #files = new Map<string, Promise<PolicyRevision | null>>();
  readonly #withGrants = new Map<string, Promise<PolicyRevision | null>>();

  constructor(archive: ArchiveReader) {
    this.#archive = archive;
  }

  /** Null: the archive does not have its files. */
  of({ hash, grants }: PolicyName): Promise<PolicyRevision | null> {
    const key = `${hash} ${grants.map(({ domain, label }) => `${domain} ${label}`).join()}`;
    let policy = this.#withGrants.get(key);
    if (policy === undefined) {
      policy = this.#filesOf(hash).then((files) =>
        files === null || grants.length === 0 ? files : regrantPolicy(files, files.revision, grants),
      );
      this.#withGrants.set(key, policy);
    }
    return policy;
  }

  async #named(prefix: string): Promise<string | null> {
    this.#hashes ??= this.#archive.policies();
    const named = (await this.#hashes).filter((hash) => hash.startsWith(prefix));
    return named.length === 1 ? (named[0] ?? null) : null;
  }

  #filesOf(prefix: string): Promise<PolicyRevision | null> {
    let policy = this.#files.get(prefix);
    if (policy === undefined) {
      policy = this.#compile(prefix);
      this.#files.set(prefix, policy);
    }
    return policy;
  }

  async #compile(prefix: string): Promise<PolicyRevision | null> {
    const hash = await this.#named(prefix);
    const files = hash === null ? null : await this.#archive.files(hash);
    if (files === null) return null;
    return compileFiles(`policy ${prefix}`, files, { revision: 1, inspectors: INSPECTORS });
  }
}
