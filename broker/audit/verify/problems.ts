/** The problems that verify can find, by code, and an auditor's word for each code. */
import type { LineFault } from '../chain.ts';

export type ProblemCode =
  | LineFault
  | 'LINE_TOO_LONG'
  /** The line is a record, but no broker writes such a record (found only with `schema`). */
  | 'BAD_SCHEMA'
  /** The number is smaller than the expected one: the record was repeated, copied or moved. */
  | 'SEQ_REPEATED'
  /** Records are missing before this one. */
  | 'SEQ_GAP'
  /** `prev` is not the hash of the previous line. */
  | 'PREV_MISMATCH'
  | 'SEGMENT_MISSING'
  /** Records at the beginning are missing, and no signed record states that retention removed them. */
  | 'PRUNE_UNSTATED'
  /** An entry with a segment's name is not a regular file, or is a damaged compressed file. */
  | 'SEGMENT_NOT_FILE'
  /** The next record does not state the bytes of a torn line exactly. */
  | 'TORN_UNACCOUNTED'
  /** The record states torn bytes that do not exist. */
  | 'TORN_MISSING'
  /** The log ends in a torn line, and no broker is writing it. */
  | 'TORN_TAIL'
  /** The log has no record. Even an idle broker writes a broker.start. */
  | 'EMPTY'
  /** The record that `since` names has another hash: the past was rewritten. */
  | 'SINCE_MISMATCH'
  /** The log ends before the record that `since` names: it was cut off or rolled back. */
  | 'SINCE_MISSING'
  /** What `since` names was removed by retention: nothing shows any more that the log continues it. */
  | 'SINCE_PRUNED'
  /** The remembered checkpoint belongs to another log. */
  | 'SINCE_FOREIGN'
  /** The remembered text is not a checkpoint, or the key did not sign it. */
  | 'SINCE_UNSIGNED'
  | 'HEAD_MISMATCH'
  /** A part of the checkpoint file is not a signed checkpoint. */
  | 'CHECKPOINT_MALFORMED'
  /** A checkpoint carries no signature by a known key. */
  | 'CHECKPOINT_WRONG_KEY'
  /** A checkpoint carries a false signature by the key. */
  | 'CHECKPOINT_BAD_SIGNATURE'
  /** A checkpoint of another log. */
  | 'CHECKPOINT_FOREIGN'
  /** A checkpoint covers fewer records than the one before it. */
  | 'CHECKPOINT_ORDER'
  /** The records do not match the signed root. */
  | 'CHECKPOINT_MISMATCH'
  /** The log ends before the last signed record. */
  | 'CHECKPOINT_BEYOND'
  /** A key was given, but the log has no checkpoint. */
  | 'CHECKPOINT_NONE'
  /** What a witness remembers cannot be read. */
  | 'WITNESS_MALFORMED'
  /** The witness remembers no checkpoint of this log. */
  | 'WITNESS_UNKNOWN'
  /** The witness has cosigned another log of this broker after this one. */
  | 'WITNESS_OTHER_LOG'
  /** The note is not signed by the key of the log, or of the witness. */
  | 'WITNESS_UNSIGNED'
  /** The witness has seen more records than there are. */
  | 'WITNESS_BEYOND'
  /** The witness has seen other records. */
  | 'WITNESS_MISMATCH'
  /** Fewer witnesses have seen this log than there have to be. */
  | 'WITNESS_QUORUM';

/** One word for the damage to the log. */
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

/** SEQ_REPEATED becomes `reordered` if the number was missing before. The check itself sets that. */
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
  PRUNE_UNSTATED: 'deleted',
  SEGMENT_NOT_FILE: 'foreign',
  TORN_UNACCOUNTED: 'inserted',
  TORN_MISSING: 'deleted',
  TORN_TAIL: 'truncated',
  EMPTY: 'deleted',
  SINCE_MISMATCH: 'forked',
  SINCE_MISSING: 'rolled back',
  SINCE_PRUNED: 'deleted',
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
  WITNESS_MALFORMED: 'damaged',
  WITNESS_UNKNOWN: 'unsigned',
  WITNESS_OTHER_LOG: 'forked',
  WITNESS_UNSIGNED: 'wrong key',
  WITNESS_BEYOND: 'rolled back',
  WITNESS_MISMATCH: 'forked',
  WITNESS_QUORUM: 'unsigned',
};

export interface LogProblem {
  /** 0 = the problem is in the checkpoints or in the log as a whole. */
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

/** The first problems and the number of all: a log overwritten with random bytes must not fill the memory. */
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
