/** Each record is of the kind that the rows in force ask for: `dontaudit` denials are counted, `auditallow` uses are not. */
import { naiveAudit } from '../../../policy/naive.ts';
import { AUDITED_USES } from '../../agents/inventory.ts';
import { SERVICES } from '../../topology.ts';
import { type Invariant, type PolicyInForce, type View, Violation } from '../invariant.ts';

interface Line {
  readonly seq: number;
  readonly event: string;
  readonly reason?: string;
  readonly src?: { readonly domain: string };
  readonly dst?: { readonly domain: string };
  readonly class?: string;
  readonly permission?: string;
  readonly revision?: number;
}

export class Audited implements Invariant {
  readonly name = 'audited';
  readonly #policies: PolicyInForce[] = [];

  policy(policy: PolicyInForce): void {
    this.#policies.push(policy);
  }

  quiet({ homes }: View): void {
    for (const { name, disk } of homes) {
      for (const text of disk.durableText().split('\n')) {
        // A torn line stands before the next segment's first.
        const start = text.lastIndexOf('{"seq"');
        if (start < 0 || !text.endsWith('}')) continue;
        this.#check(name, JSON.parse(text.slice(start)) as Line);
      }
    }
  }

  #check(broker: string, line: Line): void {
    // A broker that was killed counts its revisions from the beginning again.
    const policies = this.#policies.filter((each) => each.broker === broker && each.revision === line.revision);
    const isWrong = policies.length > 0 && policies.every((policy) => !fits(policy, line));
    if (isWrong) throw new Violation(this.name, `${broker}: record ${line.seq} is ${line.event}`);
  }
}

function fits({ rules, links }: PolicyInForce, line: Line): boolean {
  const { event, reason, src, dst, class: className = '', permission = '' } = line;
  const [source, destination] = [src?.domain ?? '', dst?.domain ?? ''];
  const has = (kind: 'dontaudit' | 'auditallow', name: string, use = permission): boolean =>
    naiveAudit(rules, links, [source, destination, name, use], kind);
  if (event === 'denied.counted') return has('dontaudit', className);
  if (event === 'send.denied' && (reason === 'NO_RULE' || reason === 'EXPLICIT_DENY'))
    return !has('dontaudit', className);
  if (event !== 'send.allowed') return true;
  const isAudited =
    SERVICES.some((each) => each.className === className && each.audited) ||
    AUDITED_USES.has(`${className} ${permission}`);
  return isAudited || has('auditallow', className) || has('auditallow', 'argo', 'send');
}
