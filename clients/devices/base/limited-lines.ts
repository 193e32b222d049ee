/**
 * Lines for the operator that another party causes: a VMM that connects in a tight loop, a guest that faults again after
 * each reset. The first line of a kind is said at once. Of what follows within a second, the last line is said at the end
 * of that second, with the number of lines before it. So nothing is unlimited, and the last word is never lost.
 */
import type { Clock } from '../../../broker/base/index.ts';
import { LINE_MS } from './limits.ts';

interface Kind {
  /** The last line that was held back; null: none was. */
  line: string | null;
  /** Lines before it that were held back. */
  skipped: number;
  readonly cancel: () => void;
}

export class LimitedLines {
  readonly #say: (line: string) => void;
  readonly #after: Clock['after'];
  /** The kinds of which a line was said less than a second ago. */
  readonly #kinds = new Map<string, Kind>();

  constructor(say: (line: string) => void, after: Clock['after']) {
    this.#say = say;
    this.#after = after;
  }

  /** `kind`: one of a fixed set; each has a limit of its own. */
  say(kind: string, line: string): void {
    const recent = this.#kinds.get(kind);
    if (recent === undefined) this.#begin(kind, line);
    else {
      if (recent.line !== null) recent.skipped++;
      recent.line = line;
    }
  }

  /** Says what was held back. */
  close(): void {
    for (const [kind, { line, skipped, cancel }] of this.#kinds) {
      cancel();
      this.#kinds.delete(kind);
      if (line !== null) this.#say(withCount(line, skipped));
    }
  }

  #begin(kind: string, line: string): void {
    this.#kinds.set(kind, { line: null, skipped: 0, cancel: this.#after(LINE_MS, () => this.#end(kind)) });
    this.#say(line);
  }

  #end(kind: string): void {
    const { line = null, skipped = 0 } = this.#kinds.get(kind) ?? {};
    this.#kinds.delete(kind);
    if (line !== null) this.#begin(kind, withCount(line, skipped));
  }
}

function withCount(line: string, skipped: number): string {
  return skipped === 0 ? line : `${line} (and ${skipped} more times in a second)`;
}
