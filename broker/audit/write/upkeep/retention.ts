/** How long the log is kept, with the defaults. Pure. */
import { AuditError } from '../../errors.ts';
import { DAY_MS, HOUR_MS } from '../../limits.ts';

export interface RetentionOptions {
  /** Records older than this are removed, milliseconds; at least an hour. Default: none is. */
  readonly keepMs?: number | null;
  /** The oldest records are removed while the log has more bytes on disk. Default: no limit. */
  readonly totalBytes?: number | null;
  /** An `audit.space` record says that the file system, or the log's own total, is filled to this part (0 to 1). */
  readonly warnAt?: number | null;
  /** A new segment begins when the present one is older than this, milliseconds. Default: a day where `keepMs` is set. */
  readonly rotateMs?: number | null;
  /** Compress segments when the next one has begun. Default: no. */
  readonly compress?: boolean;
}

export type Retention = { readonly [Option in keyof RetentionOptions]-?: Exclude<RetentionOptions[Option], undefined> };

/** Throws ERR_AUDIT_OPTION. */
export function resolveRetention(options: RetentionOptions, segmentBytes: number): Retention {
  const keepMs = options.keepMs ?? null;
  const totalBytes = options.totalBytes ?? null;
  const warnAt = options.warnAt ?? null;
  const rotateMs = options.rotateMs ?? (keepMs === null ? null : DAY_MS);
  if (keepMs !== null) atLeast('keepMs', keepMs, HOUR_MS);
  if (rotateMs !== null) atLeast('rotateMs', rotateMs, HOUR_MS);
  // A smaller total would remove each segment as soon as it is full.
  if (totalBytes !== null) atLeast('totalBytes', totalBytes, 2 * segmentBytes);
  if (warnAt !== null && !(warnAt > 0 && warnAt <= 1))
    throw new AuditError('ERR_AUDIT_OPTION', `"warnAt" must be above 0 and at most 1, got ${warnAt}`);
  return { keepMs, totalBytes, warnAt, rotateMs, compress: options.compress ?? false };
}

/** Is there anything to look for? */
export function isWanted(retention: Retention): boolean {
  return Object.values(retention).some((value) => value !== null && value !== false);
}

function atLeast(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new AuditError('ERR_AUDIT_OPTION', `"${name}" must be an integer of at least ${least}, got ${value}`);
}
