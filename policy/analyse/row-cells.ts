/** What a row covers: source kinds, destination kinds and permissions, in the files as written. */
import { WILDCARD } from '../contract/index.ts';
import { type Bits, emptyBits, keepBits, kindsOf, setBit } from '../decide/index.ts';
import type { PolicyBuild } from '../load/index.ts';
import type { Access } from '../read/index.ts';

interface WithRow {
  readonly row: Access;
}

export class RowCells {
  readonly #policy: PolicyBuild;
  readonly #populated: Bits;

  constructor(policy: PolicyBuild) {
    this.#policy = policy;
    this.#populated = emptyBits(policy.examined.expansion.capacity);
    for (const kind of policy.examined.placement.populated) setBit(this.#populated, kind);
  }

  /** A row for a grantable label means something only when a domain is granted it: nothing is said about such a row. */
  isOpen({ row }: WithRow): boolean {
    return [row.source, row.destination].some((subject) => this.#policy.labels.get(subject)?.grantable === true);
  }

  sources({ row }: WithRow): Bits {
    return this.#of(row.source);
  }

  destinations({ row }: WithRow): Bits {
    return this.#of(row.destination);
  }

  slots({ row }: WithRow): readonly number[] {
    return row.serviceClass.permissions.flatMap((name, position) =>
      row.permission === WILDCARD || row.permission === name ? [position] : [],
    );
  }

  #of(subject: string): Bits {
    const bits = kindsOf(subject, this.#policy.examined).slice();
    keepBits(bits, this.#populated);
    return bits;
  }
}
