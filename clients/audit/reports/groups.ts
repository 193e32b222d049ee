/** Records counted by some of their fields. Pure: fed with rows in order. */
import { byText } from '../../../broker/base/index.ts';
import type { QueryField, QueryRow } from '../query/index.ts';

export interface Group {
  readonly key: readonly string[];
  /** Number of events. A collapsed record counts all the events that it represents. */
  events: number;
  messages: number;
  bytes: number;
  readonly firstSeq: number;
  readonly first: string;
  lastSeq: number;
  last: string;
}

/** Between the parts of a key; names and labels hold no control characters. */
const SEPARATOR = '\u001f';

export class Groups {
  readonly #by: readonly QueryField[];
  readonly #groups = new Map<string, Group>();

  /** @param counted groups of the rows before: an index has counted them */
  constructor(by: readonly QueryField[], counted: readonly Group[] = []) {
    this.#by = by;
    for (const group of counted) this.#groups.set(groupName(group.key), { ...group });
  }

  add(row: QueryRow): Group {
    const key = this.#by.map((field) => shown(row.get(field)));
    const name = groupName(key);
    const [seq, time] = [number(row, 'seq'), String(row.get('time') ?? '')];
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = { key, events: 0, messages: 0, bytes: 0, firstSeq: seq, first: time, lastSeq: seq, last: time };
      this.#groups.set(name, group);
    }
    group.events += number(row, 'count');
    group.messages += number(row, 'messages');
    group.bytes += number(row, 'bytes');
    group.lastSeq = seq;
    group.last = time;
    return group;
  }

  sorted(by: GroupOrder = 'events'): readonly Group[] {
    return sortedGroups([...this.#groups.values()], by);
  }
}

type GroupOrder = 'events' | 'messages' | 'bytes' | 'firstSeq';

/** Largest first; equal ones by key, so that the order is the same each time. */
export function sortedGroups(groups: readonly Group[], by: GroupOrder): readonly Group[] {
  const sign = by === 'firstSeq' ? -1 : 1;
  return groups.toSorted((a, b) => sign * (b[by] - a[by]) || byText(groupName(a.key), groupName(b.key)));
}

/** One text for a whole key. */
export function groupName(key: readonly string[]): string {
  return key.join(SEPARATOR);
}

export function shown(value: ReturnType<QueryRow['get']>): string {
  if (value === undefined) return '-';
  return Array.isArray(value) ? value.join(' ') : String(value);
}

export function number(row: QueryRow, field: QueryField): number {
  const value = row.get(field);
  return typeof value === 'number' ? value : 0;
}
