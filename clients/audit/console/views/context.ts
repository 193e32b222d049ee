/** What surrounds a record: the archived policy's answer to why, and what the same domain did before and after. */
import {
  type AccessQuestion,
  answerWhy,
  decideAgain,
  differencesFrom,
  formatRule,
  isDecidedByRows,
  needsOfMessage,
  type PolicyRevision,
  type RecordedDecision,
  readQuestion,
} from '../../../../policy/index.ts';
import { RecordRow } from '../../query/index.ts';
import type { RecordIndex } from '../../store/index.ts';
import type { RowInFile, Why } from '../answers.ts';

/** Rows of a policy file before and after the one that decided. */
const LINES_AROUND = 2;
/** Records of the same domain before and after. */
const NEIGHBOURS = 4;
/** A domain that did nothing else for so many records did nothing around this one. */
const MAX_STEPS = 50_000;

type Fields = { readonly [key: string]: unknown };

/** Null: the record holds no decision. */
export function decisionIn(fields: Fields): RecordedDecision | null {
  const record = new RecordRow({ seq: Number(fields.seq), fields });
  const decision = record.get('decision');
  const [source, destination] = [record.get('src'), record.get('dst')];
  const [className, permission] = [record.get('class'), record.get('permission')];
  if (decision !== 'allow' && decision !== 'deny') return null;
  if (typeof source !== 'string' || typeof destination !== 'string') return null;
  if (typeof className !== 'string' || typeof permission !== 'string') return null;
  // A permissive domain's request passed, and the rows denied it: the rows are asked again.
  const allowed = decision === 'allow' && record.get('permissive') !== 1;
  const reason = record.get('reason');
  const [file = '', line = ''] = String(record.get('rule') ?? '').split(':');
  return {
    source,
    destination,
    className,
    permission,
    allowed,
    reason: !allowed && typeof reason === 'string' ? reason : null,
    rule: file === '' ? null : { file, line: Number(line) },
    sourceLabels: labelsOf(record, 'src.labels'),
    destinationLabels: labelsOf(record, 'dst.labels'),
  };
}

/** @param policy the one that decided it */
export function whyOf(decided: RecordedDecision, policy: PolicyRevision): Why {
  if (!isDecidedByRows(decided)) return { by: 'message' };
  const { source, destination, className, permission } = decided;
  const question = readQuestion(policy, [source, destination, className, permission]);
  if (typeof question === 'string') return { by: 'unknown policy', problem: question };
  const answer = answerWhy(policy, question);
  return {
    by: 'rows',
    policy: policy.hash,
    row: answer.rule === null ? null : rowInFile(policy, answer.rule),
    labels: answer.labels,
    nearMisses: answer.nearMisses.map(({ rule, differsIn, because }) => ({
      row: formatRule(rule),
      differsIn,
      because,
    })),
    needs: needsOf(policy, question),
    differences: differencesFrom(decided, decideAgain(policy, decided)),
  };
}

function needsOf(policy: PolicyRevision, question: AccessQuestion): Extract<Why, { by: 'rows' }>['needs'] {
  return needsOfMessage(policy, question).map(({ what, allowed }) => ({ what, allowed }));
}

function rowInFile(policy: PolicyRevision, rule: Parameters<typeof formatRule>[0]): RowInFile {
  const { file, line } = rule.row.place;
  const bytes = file === 'policy.csv' ? policy.files['policy.csv'] : new Uint8Array();
  const lines = new TextDecoder().decode(bytes).split('\n');
  return {
    text: formatRule(rule),
    file,
    lines: lines
      .map((text, at) => ({ number: at + 1, text, isIt: at + 1 === line }))
      .filter(({ number, text }) => Math.abs(number - line) <= LINES_AROUND && (text !== '' || number === line)),
  };
}

function labelsOf(record: RecordRow, field: 'src.labels' | 'dst.labels'): readonly string[] {
  const labels = record.get(field);
  return Array.isArray(labels) ? labels : [];
}

/** Rows of the same source, the oldest first; `row` itself is not among them. */
export function neighboursOf(index: RecordIndex, row: number): readonly number[] {
  const sources = index.column('src');
  const id = sources.idAt(row);
  if (id === 0) return [];
  const found = (step: 1 | -1): number[] => {
    const rows: number[] = [];
    const end = Math.min(index.rows, row + MAX_STEPS);
    const begin = Math.max(-1, row - MAX_STEPS);
    for (let at = row + step; at > begin && at < end && rows.length < NEIGHBOURS; at += step)
      if (sources.idAt(at) === id) rows.push(at);
    return rows;
  };
  return [...found(-1).reverse(), ...found(1)];
}
