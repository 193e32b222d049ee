/** What was done with the log, as the log has it: reviewed, read, exported. Pure: fed with rows in order. */
import { member, type QueryRow } from '../query/index.ts';

/** `log` compares the record that a review ended with and the record that the log has now. */
export interface LogUse {
  readonly seq: number;
  readonly time: string;
  /** By the auditor's key for a review; otherwise as the caller claims. */
  readonly by: string;
  /** The user of the calling process by the kernel; null: unknown. */
  readonly uid: number | null;
  readonly what: 'reviewed' | 'read' | 'exported';
  /** The command or view. */
  readonly means: string;
  /** Of a review: the last record. Of an export: how many. */
  readonly records: number | null;
  /** The note or the question. */
  readonly about: string;
  log: 'same' | 'DIFFERS' | 'removed' | '';
}

const KINDS: ReadonlyMap<string, LogUse['what']> = new Map([
  ['audit.review', 'reviewed'],
  ['audit.read', 'read'],
  ['audit.export', 'exported'],
]);

export class LogUses {
  readonly #uses: LogUse[] = [];
  readonly #hashes = new Map<LogUse, string>();
  #newest = 0;

  /** @param fields the whole record */
  add(row: QueryRow, fields: { readonly [key: string]: unknown }): void {
    this.#newest = Math.max(this.#newest, Number(row.get('seq')));
    const { detail } = fields;
    const what = KINDS.get(text(member(detail, 'request')));
    if (row.get('event') !== 'admin.request' || what === undefined) return;
    const isReview = what === 'reviewed';
    const uid = member(member(detail, 'caller'), 'uid');
    const records = member(detail, isReview ? 'through' : 'records');
    const use: LogUse = {
      seq: Number(row.get('seq')),
      time: text(row.get('time')),
      by: text(member(detail, 'by')),
      uid: typeof uid === 'number' ? uid : null,
      what,
      means: text(member(detail, 'what')),
      records: typeof records === 'number' ? records : null,
      about: text(member(detail, isReview ? 'why' : 'question')),
      log: isReview ? 'removed' : '',
    };
    this.#uses.push(use);
    if (isReview) this.#hashes.set(use, text(member(detail, 'hash')));
  }

  get hasReviews(): boolean {
    return this.#hashes.size > 0;
  }

  /** The second pass: `prev` of a record is the hash of the one before it. */
  compare(seq: number, prev: string): void {
    for (const [use, hash] of this.#hashes) if (use.records === seq - 1) use.log = hash === prev ? 'same' : 'DIFFERS';
  }

  get uses(): readonly LogUse[] {
    return this.#uses;
  }

  /** The last record that was reviewed as the log has it; 0: none. */
  get reviewedThrough(): number {
    return Math.max(0, ...this.#uses.filter(({ log }) => log === 'same').map(({ records }) => records ?? 0));
  }

  get newest(): number {
    return this.#newest;
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
