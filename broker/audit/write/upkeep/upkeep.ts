/**
 * Retention and rotation by time, next to the commits: at the start, when a segment begins, and once an hour.
 *
 *   look --> plan --> record audit.prune --> on disk --> checkpoint covers it --> write `pruned` --> remove
 *
 * Nothing is removed before a signed checkpoint covers both the records and the record that states their removal. After
 * a crash between two steps the next look begins again, and removes what an interrupted removal left.
 */
import type { Clock } from '../../../base/index.ts';
import type { Detail } from '../../../record/index.ts';
import type { Bodies } from '../../body.ts';
import { encodeBody } from '../../chain.ts';
import type { AuditFiles, SegmentInfo } from '../../files/files.ts';
import { UPKEEP_INTERVAL_MS } from '../../limits.ts';
import { firstTime } from '../../read/lines.ts';
import { PRUNED_FILE, type PrunedPart, prunedRoot, prunedText, withoutPruned } from '../../read/pruned.ts';
import type { Checkpointer } from '../checkpointer.ts';
import { type Committer, momentOf } from '../committer.ts';
import type { SegmentLog } from '../segment-log.ts';
import type { Signing } from '../signing.ts';
import { steadyWall } from './age.ts';
import { type PrunePlan, planPrune, storedBytes } from './prune-plan.ts';
import { partThrough } from './pruned-part.ts';
import { isWanted, type Retention } from './retention.ts';
import { SpaceWatch } from './space-watch.ts';

export interface UpkeepParts {
  readonly files: AuditFiles;
  readonly segments: SegmentLog;
  readonly committer: Committer;
  readonly signing: Signing;
  /** Null: the log is not signed, and nothing is ever removed. */
  readonly checkpointer: Checkpointer | null;
  readonly bodies: Bodies;
  readonly clock: Clock;
  readonly retention: Retention;
}

/** A removal that waits for its checkpoint. */
interface Pending {
  readonly part: PrunedPart;
  readonly going: readonly number[];
  /** The checkpoint must cover this many records. */
  readonly needs: number;
}

export class Upkeep {
  readonly #parts: UpkeepParts;
  readonly #steadyWall: () => number;
  readonly #space: SpaceWatch;
  /** An `audit.prune` is recorded and not carried out. */
  #pending: Pending | null = null;
  #isRecording = false;
  #isRefused = false;
  #isStopped = false;
  #cancel: (() => void) | null = null;
  /** The running step; steps run one after the other. Never rejects. */
  #running: Promise<void> = Promise.resolve();

  constructor(parts: UpkeepParts) {
    this.#parts = parts;
    this.#steadyWall = steadyWall(parts.clock);
    this.#space = new SpaceWatch(parts.retention);
    if (!isWanted(parts.retention)) return;
    parts.segments.onBegin = () => this.look();
    parts.signing.onSigned = () => this.#step(() => this.#carryOut());
  }

  /** Looks for work, after the step that is running. */
  look(): void {
    if (!isWanted(this.#parts.retention)) return;
    this.#arm();
    this.#step(() => this.#look());
  }

  /** Returns when no step is running. None begins afterwards. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    await this.#running;
  }

  #arm(): void {
    if (this.#isStopped) return;
    this.#cancel?.();
    this.#cancel = this.#parts.clock.after(UPKEEP_INTERVAL_MS, () => this.look());
  }

  /** An error of the disk costs time only: the next look tries again. */
  #step(task: () => Promise<void>): void {
    if (this.#isStopped) return;
    this.#running = this.#running.then(() => (this.#isStopped ? undefined : task().catch(() => undefined)));
  }

  async #look(): Promise<void> {
    const { files, segments } = this.#parts;
    const all = await files.segments();
    // A log with foreign files in it is evidence. Nothing in it is touched.
    if (all.some(({ fault }) => fault !== undefined)) return;
    const { pruned, left } = await withoutPruned(files, all);
    const leftover = all.filter((segment) => !left.includes(segment)).map(({ number }) => number);
    if (leftover.length > 0) await files.remove(leftover);
    const closed = await this.#compress(left.filter(({ number }) => number < segments.segment));
    const current = left.find(({ number }) => number === segments.segment);
    if (current === undefined) return;
    await this.#rotate(current);
    if (this.#pending !== null) this.#parts.signing.demand();
    else if (!this.#isRecording) await this.#plan(pruned, closed, current);
    await this.#watchSpace([...closed, current]);
  }

  /** The closed segments as they are afterwards. */
  async #compress(closed: readonly SegmentInfo[]): Promise<readonly SegmentInfo[]> {
    const { files, retention } = this.#parts;
    const plain = closed.filter(({ bytes, stored }) => bytes > 0 && stored === undefined);
    if (retention.compress !== true || plain.length === 0) return closed;
    for (const { number } of plain) {
      if (this.#isStopped) return closed;
      await files.compress(number);
    }
    const known = new Set(closed.map(({ number }) => number));
    return (await files.segments()).filter(({ number }) => known.has(number));
  }

  async #rotate({ number, bytes }: SegmentInfo): Promise<void> {
    const { files, segments, retention } = this.#parts;
    if (retention.rotateMs === null || bytes === 0) return;
    const began = Date.parse((await firstTime(files, number, bytes)) ?? '');
    if (this.#steadyWall() - began >= retention.rotateMs) segments.rotate();
  }

  async #plan(pruned: PrunedPart | null, closed: readonly SegmentInfo[], current: SegmentInfo): Promise<void> {
    const { files, checkpointer, retention } = this.#parts;
    // Without a signature nothing would prove that the broker removed the records.
    if (checkpointer === null) return;
    const { keepMs, totalBytes } = retention;
    const before = keepMs === null ? null : this.#steadyWall() - keepMs;
    const plan = await planPrune(files, closed, current.bytes, { before, totalBytes });
    if (plan === null) return;
    const going = closed.filter(({ number }) => number <= plan.through);
    const next = [...closed, current].find(({ number }) => number > plan.through);
    const part = next === undefined ? null : await partThrough(files, pruned, going, next);
    if (part === null) this.#refuse(plan);
    else this.#record(plan, part, going, (pruned?.records ?? 0) + 1);
  }

  #record(plan: PrunePlan, part: PrunedPart, going: readonly SegmentInfo[], from: number): void {
    const { committer, segments, signing } = this.#parts;
    this.#isRecording = true;
    this.#own(plan.cause, {
      from,
      records: part.records,
      segment: part.segment,
      bytes: going.reduce((sum, segment) => sum + storedBytes(segment), 0),
      root: prunedRoot(part),
    });
    committer.wait([
      (ok) => {
        this.#isRecording = false;
        if (!ok) return;
        this.#pending = { part, going: going.map(({ number }) => number), needs: segments.head.seq };
        signing.demand();
      },
    ]);
  }

  async #carryOut(): Promise<void> {
    const { files, checkpointer } = this.#parts;
    if (this.#pending === null || checkpointer === null || checkpointer.signed < this.#pending.needs) return;
    const { part, going } = this.#pending;
    await files.replaceBeside(PRUNED_FILE, prunedText(part));
    await files.remove(going);
    checkpointer.forgetBefore(part.records);
    this.#pending = null;
  }

  /** Said once a run. verify says what is wrong. */
  #refuse({ through }: PrunePlan): void {
    if (this.#isRefused) return;
    this.#isRefused = true;
    this.#own('ALTERED', { segment: through });
  }

  async #watchSpace(segments: readonly SegmentInfo[]): Promise<void> {
    const { files } = this.#parts;
    const stored = segments.reduce((sum, segment) => sum + storedBytes(segment), 0);
    const full = this.#space.look(stored, await files.space());
    if (full !== null) this.#own(full.reason, full.detail, 'audit.space');
  }

  #own(reason: string, detail: Detail, event: 'audit.prune' | 'audit.space' = 'audit.prune'): void {
    if (this.#isStopped) return;
    const { bodies, committer, clock } = this.#parts;
    committer.queue({ event, count: 1, body: encodeBody(bodies.own(momentOf(clock), event, detail, reason)) });
  }
}
