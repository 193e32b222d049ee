/**
 * The data of History's stories: what records tell only together, because their order matters. Each goes on with the new
 * records where it ended, so that a live log is asked about for the price of what is new. Pure.
 */
import { byText } from '../../../../broker/base/index.ts';
import { AuditQuestionError } from '../../errors.ts';
import { type Predicate, parseQuestion, predicateOf, type QueryField, type QueryRow } from '../../query/index.ts';
import { Groups, number, ObservedFlow, Openings, Probes } from '../../reports/index.ts';
import type { RecordIndex } from '../../store/index.ts';
import type { ReportAnswer, ReportName } from '../answers.ts';

/** Rows of an answer that a page shows; all are counted. */
const MAX_ROWS = 1_000;
/** Domains that can be chosen from. */
const MAX_DOMAINS = 5_000;
/** Stories that are kept, so that a page that asks again is answered from what is new. */
const KEPT = 8;
const PAIR: readonly QueryField[] = ['src', 'dst', 'class'];

export interface ReportQuestion {
  readonly name: string;
  readonly question: string;
  /** Ends of a way; empty: not chosen yet. */
  readonly from: string;
  readonly to: string;
}

type Told = Pick<ReportAnswer, 'columns' | 'rows'>;

/** A story that is being told. */
interface Teller {
  add(row: QueryRow, isAsked: boolean): void;
  told(to: string): Told;
}

const TELLERS: Readonly<Record<ReportName, (from: string) => Teller>> = {
  'first-seen': firstSeen,
  probes: probing,
  opened,
  way,
};

interface Kept {
  readonly index: RecordIndex;
  readonly wants: Predicate;
  readonly teller: Teller;
  looked: number;
}

export class Reports {
  readonly #kept = new Map<string, Kept>();

  /** @throws AuditQuestionError ERR_AUDIT_QUERY */
  look(index: RecordIndex, { name, question, from, to }: ReportQuestion, now: number): ReportAnswer {
    if (!isReport(name)) throw new AuditQuestionError('ERR_AUDIT_QUERY', `"${name}" is no report`);
    // The beginning and the end of a way are apart: other ends of the same beginning are already known.
    const key = JSON.stringify([name, question, name === 'way' ? from : '']);
    const before = /\b(since|until)\b/.test(question) ? undefined : this.#kept.get(key);
    const kept =
      before?.index === index
        ? before
        : { index, wants: predicateOf(parseQuestion(question, now)), teller: TELLERS[name](from), looked: 0 };
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT) break;
      this.#kept.delete(oldest);
    }
    const cursor = index.cursor();
    for (; kept.looked < index.rows; kept.looked++) {
      cursor.row = kept.looked;
      kept.teller.add(cursor, kept.wants(cursor));
    }
    const { columns, rows } = kept.teller.told(to);
    return {
      columns,
      rows: rows.slice(0, MAX_ROWS),
      total: rows.length,
      domains: name === 'way' ? domainsOf(index) : [],
    };
  }
}

function isReport(name: string): name is ReportName {
  return Object.hasOwn(TELLERS, name);
}

function domainsOf(index: RecordIndex): readonly string[] {
  const names = new Set([...index.textsOf('src', MAX_DOMAINS), ...index.textsOf('dst', MAX_DOMAINS)]);
  return [...names].sort(byText);
}

const text = (name: string) => ({ name, kind: 'text' }) as const;
const amount = (name: string) => ({ name, kind: 'number' }) as const;
const record = (name: string) => ({ name, kind: 'record' }) as const;

/** All records are looked at: a pair is new only if it was in none before. The question says which new ones are shown. */
function firstSeen(): Teller {
  const groups = new Groups(PAIR);
  const asked = new Set<number>();
  return {
    add: (row, isAsked) => {
      const event = row.get('event');
      if (event !== 'flow' && event !== 'send.allowed') return;
      const group = groups.add(row);
      if (isAsked && group.firstSeq === number(row, 'seq')) asked.add(group.firstSeq);
    },
    told: () => ({
      columns: [...PAIR.map(text), text('first'), record('record')],
      rows: groups
        .sorted('firstSeq')
        .filter(({ firstSeq }) => asked.has(firstSeq))
        .map(({ key, first, firstSeq }) => [...key, first, firstSeq]),
    }),
  };
}

function probing(): Teller {
  const probes = new Probes();
  return {
    add: (row, isAsked) => {
      if (isAsked) probes.add(row);
    },
    told: () => ({
      columns: [
        text('src'),
        ...['destinations', 'ports', 'classes', 'denials'].map(amount),
        record('first'),
        record('last'),
      ],
      rows: probes
        .result()
        .map(({ src, destinations, ports, classes, denials, firstSeq, lastSeq }) => [
          ...[src, destinations, ports, classes, denials],
          ...[firstSeq, lastSeq],
        ]),
    }),
  };
}

function opened(): Teller {
  const openings = new Openings();
  return {
    add: (row, isAsked) => {
      if (isAsked) openings.add(row);
    },
    told: () => ({
      columns: [
        ...['src', 'dst', 'what'].map(text),
        ...['denied', 'allowed'].map(record),
        text('between'),
        record('change'),
      ],
      rows: openings.result().map((one) => {
        const change = one.between.at(-1);
        return [
          ...[one.src, one.dst, `${one.class}:${one.permission}`, one.deniedSeq, one.allowedSeq],
          one.between.length === 0 ? 'nothing' : changesOf(one.between),
          change?.seq ?? '',
        ];
      }),
    }),
  };
}

function changesOf(between: readonly { readonly event: string; readonly src: string | null }[]): string {
  return between.map(({ event, src }) => (src === null ? event : `${event} ${src}`)).join(', ');
}

function way(from: string): Teller {
  const flow = new ObservedFlow(from);
  return {
    add: (row, isAsked) => {
      if (isAsked && from !== '') flow.add(row);
    },
    told: (to) => ({
      columns: [...['from', 'to', 'class', 'time'].map(text), record('record')],
      rows: (to === '' ? flow.reached() : (flow.pathTo(to) ?? [])).map((step) => [
        ...[step.src, step.dst, step.class, step.time],
        step.seq,
      ]),
    }),
  };
}
