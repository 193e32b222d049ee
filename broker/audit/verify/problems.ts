/** What verify can find wrong, by code, and which of an auditor's words each code is. */
import type { LineFault } from '../chain.ts';

export type ProblemCode =
  | LineFault
  | 'LINE_TOO_LONG'
  /** The line is a record, but not one that a broker writes (only with `schema`). */
  | 'BAD_SCHEMA'
  /** The number is smaller than the next one due: repeated, copied or moved. */
  | 'SEQ_REPEATED'
  /** Records are missing before this one. */
  | 'SEQ_GAP'
  /** Not the successor of the line before it. */
  | 'PREV_MISMATCH'
  | 'SEGMENT_MISSING'
  /** Something that is not a regular file has a segment's name. */
  | 'SEGMENT_NOT_FILE'
  /** Bytes of a cut-off line that the next record does not state exactly. */
  | 'TORN_UNACCOUNTED'
  /** The record states torn bytes that are not there. */
  | 'TORN_MISSING'
  /** The log ends in a cut-off line, and nobody is writing it. */
  | 'TORN_TAIL'
  /** Not one record: even an idle broker leaves a broker.start. */
  | 'EMPTY'
  /** The record that `since` names is there with another hash: the past was rewritten. */
  | 'SINCE_MISMATCH'
  /** The log ends before the record that `since` names: it was cut off or rolled back. */
  | 'SINCE_MISSING'
  /** The remembered checkpoint is one of another log. */
  | 'SINCE_FOREIGN'
  /** The remembered checkpoint is not one, or not signed by the key. */
  | 'SINCE_UNSIGNED'
  | 'HEAD_MISMATCH'
  /** A piece of the checkpoint file is not a signed checkpoint. */
  | 'CHECKPOINT_MALFORMED'
  /** A checkpoint carries no signature by a known key. */
  | 'CHECKPOINT_WRONG_KEY'
  /** A checkpoint carries a signature by the key, and it is false. */
  | 'CHECKPOINT_BAD_SIGNATURE'
  /** A checkpoint of another log. */
  | 'CHECKPOINT_FOREIGN'
  /** A checkpoint covers fewer records than the one before it. */
  | 'CHECKPOINT_ORDER'
  /** The records are not those that were signed. */
  | 'CHECKPOINT_MISMATCH'
  /** The log ends before a record that was signed. */
  | 'CHECKPOINT_BEYOND'
  /** A key was given, and there is no checkpoint. */
  | 'CHECKPOINT_NONE';

/** What happened to the log, in one word. */
export type LogFinding =
  | 'damaged'
  | 'edited'
  | 'deleted'
  | 'inserted'
  | 'reordered'
  | 'truncated'
  | 'rolled back'
  | 'forked'
  | 'foreign'
  | 'unsigned'
  | 'wrong key'
  | 'schema';

/** SEQ_REPEATED is `reordered` where the number was missing before; the check says so itself. */
export const FINDINGS: Readonly<Record<ProblemCode, LogFinding>> = {
  BAD_JSON: 'edited',
  BAD_FIELDS: 'edited',
  BAD_SUM: 'edited',
  LINE_TOO_LONG: 'inserted',
  BAD_SCHEMA: 'schema',
  SEQ_REPEATED: 'inserted',
  SEQ_GAP: 'deleted',
  PREV_MISMATCH: 'edited',
  SEGMENT_MISSING: 'deleted',
  SEGMENT_NOT_FILE: 'foreign',
  TORN_UNACCOUNTED: 'inserted',
  TORN_MISSING: 'deleted',
  TORN_TAIL: 'truncated',
  EMPTY: 'deleted',
  SINCE_MISMATCH: 'forked',
  SINCE_MISSING: 'rolled back',
  SINCE_FOREIGN: 'foreign',
  SINCE_UNSIGNED: 'unsigned',
  HEAD_MISMATCH: 'forked',
  CHECKPOINT_MALFORMED: 'damaged',
  CHECKPOINT_WRONG_KEY: 'wrong key',
  CHECKPOINT_BAD_SIGNATURE: 'wrong key',
  CHECKPOINT_FOREIGN: 'foreign',
  CHECKPOINT_ORDER: 'rolled back',
  CHECKPOINT_MISMATCH: 'edited',
  CHECKPOINT_BEYOND: 'truncated',
  CHECKPOINT_NONE: 'unsigned',
};

export interface LogProblem {
  /** 0 = not in a segment: the checkpoints, or the log as a whole. */
  readonly segment: number;
  /** 1-based; 0 = the segment as a whole. */
  readonly line: number;
  readonly code: ProblemCode;
  readonly finding: LogFinding;
  readonly message: string;
}

export const FAULT_MESSAGES: Readonly<Record<LineFault, string>> = {
  BAD_JSON: 'not UTF-8 JSON',
  BAD_FIELDS: 'not a record: seq, prev or event is missing or malformed',
  BAD_SUM: 'the line was altered: its own checksum does not match',
};

/** The first of them, and how many there are: a log overwritten with rubbish must not fill the memory. */
export class Problems {
  readonly #limit: number;
  readonly #list: LogProblem[] = [];
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get list(): readonly LogProblem[] {
    return this.#list;
  }

  get count(): number {
    return this.#count;
  }

  add(code: ProblemCode, message: string, segment = 0, line = 0, finding: LogFinding = FINDINGS[code]): void {
    this.#count += 1;
    if (this.#list.length < this.#limit) this.#list.push({ segment, line, code, finding, message });
  }
}
