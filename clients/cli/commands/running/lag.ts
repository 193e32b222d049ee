/**
 * Which brokers of a cluster have the newest bundle in force, and which lag by how much. Pure.
 *
 * The newest version is the highest one that the bucket or a broker has. A broker's row is signed, the bucket's head is
 * not: when a broker has a higher version than the bucket, the bucket has lost or was rolled back.
 */
import { byText } from '../../../../broker/base/index.ts';
import type { Standing } from '../../../../broker/index.ts';

/** A row of a broker that runs is at most 30 s old. Three times that, and the broker or its line is gone. */
const SILENT_MS = 90_000;

export interface BucketContent {
  /** Version and hash of the bundle in the bucket; null: there is no whole bundle. */
  readonly bundle: { readonly version: number; readonly policy: string } | null;
  /** What is wrong with the bucket; null: nothing is. */
  readonly problem: string | null;
}

export interface BrokerRow {
  readonly broker: string;
  /** `unsigned`: there is a row, and this broker has not signed it. `absent`: there is no row. */
  readonly standing: Standing | 'unsigned' | 'absent';
}

export const LAG_STATES = ['current', 'lags', 'differs', 'refuses', 'silent', 'unsigned', 'absent'] as const;
export type LagState = (typeof LAG_STATES)[number];

export interface BrokerLag {
  readonly broker: string;
  readonly state: LagState;
  /** One line for a person. */
  readonly why: string;
  readonly standing: Standing | null;
  /** Milliseconds since the broker wrote its row; null: there is no row that counts. */
  readonly ageMs: number | null;
}

export interface ClusterLag {
  /** The highest version that the bucket or a broker has; null: there is none. */
  readonly newest: number | null;
  readonly bucket: BucketContent;
  /** What is wrong with the bucket, one line each. */
  readonly notes: readonly string[];
  readonly brokers: readonly BrokerLag[];
  /** True: each broker has the newest bundle in force, and so has the bucket. */
  readonly isEven: boolean;
}

export function clusterLag(bucket: BucketContent, rows: readonly BrokerRow[], now: number): ClusterLag {
  const standings = rows.flatMap(({ standing }) => (typeof standing === 'string' ? [] : [standing]));
  const newest = Math.max(bucket.bundle?.version ?? 0, ...standings.map(({ version }) => version ?? 0));
  const policy =
    bucket.bundle?.version === newest
      ? bucket.bundle.policy
      : (standings.find(({ version }) => version === newest)?.policy ?? '');
  const notes = bucketNotes(bucket, newest);
  const brokers = rows.map((row) => lagOf(row, newest, policy, now)).sort((a, b) => byText(a.broker, b.broker));
  return {
    newest: newest === 0 ? null : newest,
    bucket,
    notes,
    brokers,
    isEven: notes.length === 0 && brokers.every(({ state }) => state === 'current'),
  };
}

function bucketNotes({ bundle, problem }: BucketContent, newest: number): string[] {
  const notes = problem === null ? [] : [problem];
  if (newest > (bundle?.version ?? 0))
    notes.push(
      `the bucket holds ${bundle === null ? 'no whole bundle' : `version ${bundle.version}`}, and a broker has version ${newest} in force: the bucket was lost or rolled back; publish version ${newest} again`,
    );
  return notes;
}

function lagOf({ broker, standing }: BrokerRow, newest: number, policy: string, now: number): BrokerLag {
  if (standing === 'absent')
    return { broker, state: 'absent', why: 'it has never written a row', standing: null, ageMs: null };
  if (standing === 'unsigned')
    return { broker, state: 'unsigned', why: 'its row is not signed by this broker', standing: null, ageMs: null };
  const ageMs = Math.max(0, now - standing.at);
  const [state, why] = stateOf(standing, newest, policy, ageMs);
  return { broker, state, why, standing, ageMs };
}

function stateOf(
  { version, policy: own, refusal }: Standing,
  newest: number,
  policy: string,
  ageMs: number,
): readonly [LagState, string] {
  const reason = refusal === null ? '' : `: ${refusal.message} (${refusal.code})`;
  if (version === null) return ['lags', `it has no bundle in force${reason}`];
  if (version < newest) return ['lags', `${newest - version} behind: version ${version} of ${newest}${reason}`];
  if (own !== policy) return ['differs', `it has other files in force as version ${version}${reason}`];
  if (ageMs > SILENT_MS)
    return ['silent', `its row is ${Math.round(ageMs / 1_000)} s old: it has ended, or is cut off`];
  if (refusal !== null) return ['refuses', `the last good one stays${reason}`];
  return ['current', ''];
}
