/**
 * How decisions are recorded: the `dontaudit` and `auditallow` rows, found by what they name.
 *
 * The AVC asks once for each (source, destination, class) and keeps the answer with the decisions, so a message never looks
 * at these rows. As in SELinux a row for the wrong outcome means nothing: `dontaudit` is about denials, `auditallow` about
 * allowed uses. The order of rows means nothing either.
 */
import { ANY_LABEL, BROKER_NAME, type Domain, type ServiceClass } from '../contract/index.ts';
import { type AuditRow, permissionsMeet } from '../read/index.ts';

const NONE: readonly AuditRow[] = [];

export class AuditRows {
  /** In file order. */
  readonly rows: readonly AuditRow[];
  /** Class index -> source subject -> rows in file order */
  readonly #classes: (Map<string, AuditRow[]> | undefined)[] = [];

  constructor(rows: readonly AuditRow[]) {
    this.rows = rows;
    for (const row of rows) {
      const bySource = this.#classes[row.serviceClass.index] ?? new Map<string, AuditRow[]>();
      this.#classes[row.serviceClass.index] = bySource;
      const known = bySource.get(row.source);
      if (known === undefined) bySource.set(row.source, [row]);
      else known.push(row);
    }
  }

  /** The rows that cover requests of this class from the source to the destination, in file order. */
  covering(source: Domain, destination: Domain, { index }: ServiceClass): readonly AuditRow[] {
    const bySource = this.#classes[index];
    if (bySource === undefined) return NONE;
    const targets = subjectsOf(destination);
    return subjectsOf(source)
      .flatMap((subject) => (bySource.get(subject) ?? NONE).filter((row) => targets.includes(row.destination)))
      .sort((a, b) => a.place.line - b.place.line);
  }
}

/** The first row of a kind that covers the permission; null: there is none. */
export function auditRowFor(
  covering: readonly AuditRow[],
  kind: AuditRow['kind'],
  permission: string,
): AuditRow | null {
  return covering.find((row) => row.kind === kind && permissionsMeet(row.permission, permission)) ?? null;
}

/** The broker has no labels: `@any` does not mean it. */
function subjectsOf({ name, labels }: Domain): readonly string[] {
  return name === BROKER_NAME ? [name] : [name, ...labels, ANY_LABEL];
}
