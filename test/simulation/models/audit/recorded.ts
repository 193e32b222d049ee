/**
 * Nothing is seen before its record is on disk: a denial by its sender, a session or a ring by its guest. Denials that a
 * `dontaudit` row covers have no record of their own, so their sender waits for none.
 */
import { naiveAudit } from '../../../policy/naive.ts';
import { SERVICES } from '../../topology.ts';
import {
  type Invariant,
  type Outcome,
  type PolicyInForce,
  type SentMessage,
  type View,
  Violation,
} from '../invariant.ts';

interface Line {
  readonly event: string;
  readonly src?: { readonly domain: string };
  readonly count?: number;
}

type Counted = 'send.denied' | 'session.open' | 'ring.register';

export class Recorded implements Invariant {
  readonly name = 'recorded';
  readonly #policies: PolicyInForce[] = [];
  readonly #seen = new Map<string, number>();
  readonly #onDisk = new Map<string, number>();
  /** By broker: how much of its log was read. */
  readonly #read = new Map<string, number>();

  policy(policy: PolicyInForce): void {
    this.#policies.push(policy);
  }

  settled(message: SentMessage, outcome: Outcome, view: View): void {
    if (outcome.kind !== 'refused') return;
    const isDenied = outcome.code === 'EPERM' || (outcome.code === 'EACCES' && !this.#isKnown(message));
    if (isDenied) this.#see('send.denied', message.sender, view);
  }

  /** Did a row of any policy say that such denials are only counted? */
  #isKnown({ sender, receiver, port }: SentMessage): boolean {
    const service = SERVICES.find((each) => each.port === port)?.className ?? 'unclassified';
    return this.#policies.some(({ rules, links }) =>
      ['argo', service].some((name) => naiveAudit(rules, links, [sender, receiver, name, 'send'], 'dontaudit')),
    );
  }

  sessionUp(guest: string, view: View): void {
    this.#see('session.open', guest, view);
  }

  ringUp(guest: string, _port: number, view: View): void {
    this.#see('ring.register', guest, view);
  }

  #see(event: Counted, guest: string, { homes }: View): void {
    const key = `${event} ${guest}`;
    const seen = (this.#seen.get(key) ?? 0) + 1;
    this.#seen.set(key, seen);
    // A message to a domain at another broker is denied by either of the two, which records it.
    for (const { name, disk } of homes) this.#readOn(name, disk.durableText());
    const onDisk = this.#onDisk.get(key) ?? 0;
    if (onDisk < seen) throw new Violation(this.name, `${guest} saw ${seen} of ${event}, and ${onDisk} are on disk`);
  }

  #readOn(broker: string, text: string): void {
    let at = this.#read.get(broker) ?? 0;
    for (let end = text.indexOf('\n', at); end >= 0; end = text.indexOf('\n', at)) {
      this.#count(text.slice(at, end));
      at = end + 1;
    }
    this.#read.set(broker, at);
  }

  #count(line: string): void {
    // A torn line stands before the next segment's first; what is behind its break is a line again.
    const start = line.lastIndexOf('{"seq"');
    if (start < 0) return;
    const { event, src, count = 1 } = JSON.parse(line.slice(start)) as Line;
    if (src === undefined) return;
    const key = `${event} ${src.domain}`;
    this.#onDisk.set(key, (this.#onDisk.get(key) ?? 0) + count);
  }
}
