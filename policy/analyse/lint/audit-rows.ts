/**
 * Audit rows that do not do what their writer thinks: W-035, a row that changes nothing, and W-036, a row that keeps attempts
 * at something forbidden by an assertion out of the log.
 */
import { BROKER_NAME } from '../../contract/index.ts';
import {
  type Bits,
  emptyBits,
  isEmptyBits,
  keepBits,
  kindsOf,
  membersOf,
  removeBits,
  setBit,
} from '../../decide/index.ts';
import type { PolicyBuild } from '../../load/index.ts';
import { type AuditRow, isAskedOfBroker, permissionsMeet } from '../../read/index.ts';
import type { RowCells } from '../row-cells.ts';
import type { Warning } from './pages.ts';

export function lintAuditRows(policy: PolicyBuild, cells: RowCells, warnings: Warning[]): void {
  const first = new Map<string, AuditRow>();
  for (const row of policy.source.parts.audit) {
    const key = [row.kind, row.source, row.destination, row.serviceClass.name, row.permission].join();
    const earlier = first.get(key);
    if (earlier !== undefined) {
      warnings.push({ ...row.place, code: 'W-020', message: `the same row as on line ${earlier.place.line}` });
      continue;
    }
    first.set(key, row);
    if (cells.isOpen({ row })) continue;
    const idle = row.kind === 'dontaudit' ? idleDontaudit(policy, cells, row) : idleAuditallow(policy, cells, row);
    if (idle !== null) warnings.push({ ...row.place, code: 'W-035', message: idle });
    const hidden = row.kind === 'dontaudit' ? hiddenBy(policy, cells, row) : null;
    if (hidden !== null) warnings.push({ ...row.place, code: 'W-036', message: hidden });
  }
}

function idleDontaudit(policy: PolicyBuild, cells: RowCells, row: AuditRow): string | null {
  const hasDenial = some(policy, cells, row, (source, position, asked) => {
    removeBits(asked, policy.examined.expansion.allowed(source, row.serviceClass, position));
    return !isEmptyBits(asked);
  });
  return hasDenial
    ? null
    : 'every request that this row covers is allowed, so there is no denial to keep out of the log';
}

function idleAuditallow(policy: PolicyBuild, cells: RowCells, row: AuditRow): string | null {
  const { serviceClass } = row;
  const isArgo = serviceClass.index === 0;
  let isAllowed = false;
  const adds = some(policy, cells, row, (source, position, asked) => {
    keepBits(asked, policy.examined.expansion.allowed(source, serviceClass, position));
    if (isEmptyBits(asked)) return false;
    isAllowed = true;
    // A session and a ring have records of their own.
    if (isArgo) return serviceClass.permissions[position] === 'send';
    return serviceClass.auditallow[position] !== true && serviceClass.strict[position] !== true;
  });
  if (adds) return null;
  return isAllowed
    ? 'each use that this row covers has a record already'
    : 'no request that this row covers is allowed, so there is no use to record';
}

/** True when the test holds for a source kind and a permission; it gets the destination kinds, as a set of its own. */
function some(
  { examined }: PolicyBuild,
  cells: RowCells,
  row: AuditRow,
  test: (source: number, position: number, asked: Bits) => boolean,
): boolean {
  const broker = kindsOf(BROKER_NAME, examined);
  const destinations = cells.destinations({ row });
  for (const source of membersOf(cells.sources({ row }))) {
    for (const position of cells.slots({ row })) {
      const asked = destinations.slice();
      if (isAskedOfBroker(row.serviceClass, row.serviceClass.permissions[position] ?? '')) keepBits(asked, broker);
      else removeBits(asked, broker);
      if (test(source, position, asked)) return true;
    }
  }
  return false;
}

/** The first assertion whose violations the row would hide; null: none. */
function hiddenBy(policy: PolicyBuild, cells: RowCells, row: AuditRow): string | null {
  const { assertions, structural } = policy.source.parts;
  const [sources, destinations] = [cells.sources({ row }), cells.destinations({ row })];
  for (const line of assertions) {
    if (line.kind !== 'neverallow' || !line.classes.includes(row.serviceClass)) continue;
    if (!permissionsMeet(line.permission, row.permission)) continue;
    const targets = common(policy, destinations, line.destination);
    for (const source of membersOf(common(policy, sources, line.source))) {
      const forbidden = targets.slice();
      for (const exception of line.exceptions) {
        const isExempt = !isEmptyBits(common(policy, bitOf(policy, source), exception.source));
        if (isExempt) removeBits(forbidden, kindsOf(exception.destination, policy.examined));
      }
      const [target] = membersOf(forbidden);
      if (target !== undefined) return message('neverallow', line.place.line, policy, source, target);
    }
  }
  for (const line of structural) {
    if (line.kind !== 'neverflow') continue;
    const { flow } = row.serviceClass;
    const ways = [
      ...(flow === 'to-source' ? [] : [[line.source, line.destination] as const]),
      ...(flow === 'to-destination' ? [] : [[line.destination, line.source] as const]),
    ];
    for (const [from, to] of ways) {
      const [source] = membersOf(common(policy, sources, from));
      const [target] = membersOf(common(policy, destinations, to));
      if (source !== undefined && target !== undefined)
        return message('neverflow', line.place.line, policy, source, target);
    }
  }
  return null;
}

function message(kind: string, line: number, { examined }: PolicyBuild, source: number, target: number): string {
  const { placement } = examined;
  const [from, to] = [source, target].map((each) => placement.members(each)[0]?.name ?? '');
  return `${kind} on line ${line} of assertions.csv forbids a part of it (${from} to ${to}): attempts would leave a count only`;
}

function common({ examined }: PolicyBuild, bits: Bits, subject: string): Bits {
  const both = bits.slice();
  keepBits(both, kindsOf(subject, examined));
  return both;
}

function bitOf({ examined }: PolicyBuild, kind: number): Bits {
  const bits = emptyBits(examined.expansion.capacity);
  setBit(bits, kind);
  return bits;
}
