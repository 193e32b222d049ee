/** Opens a log: takes the lock, finds the end of the log, and states it in the first record of this run. */
import { randomBytes } from 'node:crypto';
import { type Clock, nodeClock } from '../../base/index.ts';
import type { Detail } from '../../record/index.ts';
import { Bodies } from '../body.ts';
import { AuditError } from '../errors.ts';
import type { CheckpointSigner } from '../evidence/index.ts';
import type { AuditFiles } from '../files/files.ts';
import { nodeFiles } from '../files/node-files.ts';
import {
  DEFAULT_FLOW_INTERVAL_MS,
  DEFAULT_SEGMENT_BYTES,
  DOMAIN_BYTES_PER_HOUR,
  MIN_DOMAIN_BYTES_PER_HOUR,
} from '../limits.ts';
import type { AuditLog } from '../log.ts';
import { findEnd, type LogEnd } from '../read/end.ts';
import { Checkpointer } from './checkpointer.ts';
import { Digests, digestKey } from './digests.ts';
import { SegmentLog } from './segment-log.ts';
import { loadTree } from './state.ts';
import { type RetentionOptions, resolveRetention } from './upkeep/retention.ts';
import { LogWriter } from './writer.ts';

export interface AuditOptions {
  /** Made with mode 0700 if missing; one writer at a time. */
  readonly directory: string;
  /** The broker's name, in each record. */
  readonly broker: string;
  /** Facts for the broker.start record: version, configuration file, … */
  readonly detail?: Detail;
  /** When a segment has grown to this many bytes, a new one begins. Default 64 MiB. */
  readonly segmentBytes?: number;
  /** Allowed sends are counted per flow this long, in milliseconds. Default 10 000. */
  readonly flowIntervalMs?: number;
  /** The share of the log of each domain, in bytes an hour. Default 32 MiB. */
  readonly domainBytesPerHour?: number;
  /** What is removed from the log, and when. Default: nothing. Nothing is removed from a log without a signer. */
  readonly retention?: RetentionOptions;
  /** Signs the log's checkpoints. Without a signer there are no checkpoints, and the log proves less. */
  readonly signer?: CheckpointSigner;
}

/** The parts that a test may replace. */
export interface AuditHost {
  readonly files: AuditFiles;
  readonly clock: Clock;
  /** Identifies one start of the broker. */
  readonly boot: string;
}

/**
 * Opens the log of a directory and returns once `broker.start` is on disk. The detail of that record states an unclean
 * end of the previous run, torn bytes, and how many records no checkpoint covered. Throws AuditError (ERR_AUDIT_LOCKED,
 * _MODE, _DIRECTORY, _CORRUPT, _TAMPERED, _OPTION) or the host's error.
 */
export async function openAuditLog(options: AuditOptions, host?: Partial<AuditHost>): Promise<AuditLog> {
  const segmentBytes = positive('segmentBytes', options.segmentBytes ?? DEFAULT_SEGMENT_BYTES);
  const flowIntervalMs = positive('flowIntervalMs', options.flowIntervalMs ?? DEFAULT_FLOW_INTERVAL_MS);
  const domainBytesPerHour = positive('domainBytesPerHour', options.domainBytesPerHour ?? DOMAIN_BYTES_PER_HOUR);
  if (domainBytesPerHour < MIN_DOMAIN_BYTES_PER_HOUR)
    throw new AuditError(
      'ERR_AUDIT_OPTION',
      `"domainBytesPerHour" must be at least ${MIN_DOMAIN_BYTES_PER_HOUR}, got ${domainBytesPerHour}`,
    );
  const retention = resolveRetention(options.retention ?? {}, segmentBytes);
  const files = host?.files ?? nodeFiles(options.directory);
  const boot = host?.boot ?? randomBytes(8).toString('hex');
  await files.prepare();
  const unlock = await files.lock();
  try {
    const end = await findEnd(files);
    const state = await loadTree(files, end);
    const digests = new Digests(boot, await digestKey(files));
    const { signer } = options;
    const writer = new LogWriter({
      files,
      segments: new SegmentLog(files, segmentBytes, end, state),
      checkpointer: signer === undefined ? null : new Checkpointer(files, signer, state.signed),
      bodies: new Bodies({ boot, broker: options.broker }),
      digests,
      clock: host?.clock ?? nodeClock,
      flowIntervalMs,
      domainBytesPerHour,
      retention,
      unlock,
    });
    const uncovered = signer === undefined ? 0 : end.seq - state.signed;
    await writer.start({ ...options.detail, ...aftermath(end), ...(uncovered > 0 ? { uncovered } : {}) });
    return writer;
  } catch (error) {
    await unlock();
    throw error;
  }
}

/** Traces of an unclean end of the previous run; empty after a clean one. */
function aftermath(end: LogEnd): Detail {
  return {
    ...(end.event !== null && end.event !== 'broker.stop' ? { unclean: true } : {}),
    ...(end.torn.length > 0 ? { torn: end.torn.map((torn) => ({ ...torn })) } : {}),
  };
}

function positive(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new AuditError('ERR_AUDIT_OPTION', `"${name}" must be a positive integer, got ${value}`);
}
