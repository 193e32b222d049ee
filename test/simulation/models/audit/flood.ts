/** What one domain repeats is not written one by one: of each kind of event its log has a few records in a second. */
import { type Invariant, type View, Violation } from '../invariant.ts';

/** The broker writes eight at once of those that are alike, and a sum a second. A ring is opened in a few different ways. */
const RECORDS_PER_SECOND = 64;
const SECOND_MS = 1_000;
/** What a domain does as often as it likes, and at no price of its own. */
const EVENTS = ['ring.register', 'ring.unregister'];

interface Line {
  readonly event: string;
  readonly boot: string;
  readonly mono: number;
  readonly session?: string;
  readonly src?: { readonly domain: string };
  readonly port?: number | null;
}

export class LogFlood implements Invariant {
  readonly name = 'log-flood';

  quiet({ homes }: View): void {
    for (const { name, disk } of homes) {
      const times = new Map<string, number[]>();
      for (const text of disk.durableText().split('\n')) {
        const start = text.lastIndexOf('{"seq"');
        if (start < 0 || !text.endsWith('}')) continue;
        const line = JSON.parse(text.slice(start)) as Line;
        if (!EVENTS.includes(line.event)) continue;
        const kind = `${line.boot} ${line.src?.domain} ${line.session} ${line.event} ${line.port}`;
        const seen = times.get(kind) ?? [];
        times.set(kind, seen);
        seen.push(line.mono);
        const since = seen.at(-1 - RECORDS_PER_SECOND);
        if (since !== undefined && line.mono - since < SECOND_MS)
          throw new Violation(this.name, `${name}: more than ${RECORDS_PER_SECOND} records of ${kind} in a second`);
      }
    }
  }
}
