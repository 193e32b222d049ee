/**
 * What makes an assertion true in a policy: counted again from who may do what, and not from the check that let the
 * policy in. Pure.
 */
import { accessMatrix, finish, flowGraph, type PolicyRevision } from '../../../policy/index.ts';

/** Names in one line of a proof. */
const SHOWN_NAMES = 8;

type Parts = PolicyRevision['source']['parts'];
type AccessAssertion = Parts['assertions'][number];
type StructuralAssertion = Parts['structural'][number];
type Domain = PolicyRevision['domains']['all'][number];
type FlowGraph = ReturnType<typeof flowGraph> extends Generator<unknown, infer Graph> ? Graph : never;

export interface AssertionProof {
  readonly line: number;
  /** As it stands in assertions.csv. */
  readonly text: string;
  readonly holds: boolean;
  /** What was counted. */
  readonly proof: string;
}

/** All assertions, in the order of the file. */
export function proveAssertions(policy: PolicyRevision): readonly AssertionProof[] {
  const { assertions, structural } = policy.source.parts;
  const lines = new TextDecoder().decode(policy.files['assertions.csv']).split('\n');
  const facts = new Facts(policy);
  const proven = [
    ...assertions.map((one) => ({ line: one.place.line, ...ofAccess(one, facts) })),
    ...structural.map((one) => ({ line: one.place.line, ...ofStructure(one, facts) })),
  ];
  return proven
    .sort((a, b) => a.line - b.line)
    .map(({ line, ...rest }) => ({ line, text: lines[line - 1]?.trim() ?? '', ...rest }));
}

type Finding = Pick<AssertionProof, 'holds' | 'proof'>;

/** Who may do what, and what can flow where; found once for all assertions. */
class Facts {
  readonly policy: PolicyRevision;
  readonly #allowed = new Set<string>();
  #graph: FlowGraph | null = null;

  constructor(policy: PolicyRevision) {
    this.policy = policy;
    for (const { source, destination, classes } of finish(accessMatrix(policy)))
      for (const [className, permissions] of classes)
        for (const permission of permissions)
          this.#allowed.add(keyOf(source.name, destination.name, className, permission));
  }

  isAllowed(source: Domain, destination: Domain, className: string, permission: string): boolean {
    return this.#allowed.has(keyOf(source.name, destination.name, className, permission));
  }

  get graph(): FlowGraph {
    this.#graph ??= finish(flowGraph(this.policy));
    return this.#graph;
  }

  /** The domains that a subject stands for. */
  of(subject: string): readonly Domain[] {
    const { all, broker } = this.policy.domains;
    if (subject === '@any') return all;
    return [...all, broker].filter(({ name, labels }) => name === subject || labels.includes(subject));
  }
}

function keyOf(...words: readonly string[]): string {
  return words.join('\n');
}

function ofAccess(assertion: AccessAssertion, facts: Facts): Finding {
  const [sources, destinations] = [facts.of(assertion.source), facts.of(assertion.destination)];
  const excepted = assertion.exceptions.map((one) => [facts.of(one.source), facts.of(one.destination)] as const);
  let [allowed, denied] = [0, 0];
  for (const source of sources) {
    for (const destination of destinations) {
      if (excepted.some(([from, to]) => from.includes(source) && to.includes(destination))) continue;
      for (const { name, permissions } of assertion.classes) {
        for (const permission of permissions) {
          if (assertion.permission !== '*' && permission !== assertion.permission) continue;
          // A permission that is asked of the broker is asked of no domain, and the other way round.
          const isOfBroker = name === 'argo' && BROKER_PERMISSIONS.has(permission);
          if (isOfBroker !== (destination === facts.policy.domains.broker)) continue;
          if (facts.isAllowed(source, destination, name, permission)) allowed += 1;
          else denied += 1;
        }
      }
    }
  }
  const total = allowed + denied;
  const who = `${counted(sources.length, 'domain')} to ${counted(destinations.length, 'domain')}`;
  const proof = `${allowed} of ${counted(total, 'request')} allowed, from ${who}`;
  return { holds: (assertion.kind === 'neverallow' ? allowed : denied) === 0, proof };
}

const BROKER_PERMISSIONS: ReadonlySet<string> = new Set(['enable', 'register_any_source']);

function ofStructure(assertion: StructuralAssertion, facts: Facts): Finding {
  if (assertion.kind === 'separate') {
    const [first, second] = [facts.of(assertion.first), facts.of(assertion.second)];
    const both = first.filter((domain) => second.includes(domain));
    const text = `${assertion.first}: ${namesOf(first)}; ${assertion.second}: ${namesOf(second)}; both: ${namesOf(both)}`;
    return { holds: both.length === 0, proof: text };
  }
  return assertion.kind === 'max-fan' ? ofFan(assertion, facts) : ofFlow(assertion, facts);
}

/** How many domains information gets to, or comes from, in one step. */
function ofFan(
  { subject, direction, limit }: Extract<StructuralAssertion, { kind: 'max-fan' }>,
  facts: Facts,
): Finding {
  const { domains, steps } = facts.graph;
  const fans = facts.of(subject).map((domain) => {
    const at = domains.indexOf(domain);
    const count = domains.filter((_, other) => {
      const step = direction === 'out' ? steps[at]?.[other] : steps[other]?.[at];
      return other !== at && step !== undefined;
    }).length;
    return { name: domain.name, count };
  });
  const most = fans.reduce((a, b) => (b.count > a.count ? b : a), { name: 'none', count: 0 });
  return { holds: most.count <= limit, proof: `the most is ${most.count}, of ${most.name}; allowed are ${limit}` };
}

/** Where information gets to, if the named relays do not pass it on. */
function ofFlow(
  { source, destination, via }: Extract<StructuralAssertion, { kind: 'neverflow' }>,
  facts: Facts,
): Finding {
  const { domains, steps } = facts.graph;
  const relays = new Set(via.flatMap((relay) => facts.of(relay)));
  const targets = facts.of(destination);
  const reached = new Set<Domain>();
  const arrived = new Set<Domain>();
  for (const first of facts.of(source)) {
    const seen = new Set<Domain>([first]);
    for (const at of seen) {
      if (at !== first && relays.has(at)) continue;
      for (const step of steps[domains.indexOf(at)] ?? []) if (step !== undefined) seen.add(step.to);
    }
    seen.delete(first);
    for (const one of seen) (targets.includes(one) ? arrived : reached).add(one);
  }
  const inOrder = (found: ReadonlySet<Domain>): string => namesOf(domains.filter((domain) => found.has(domain)));
  const where = `it gets to ${inOrder(reached)}`;
  return { holds: arrived.size === 0, proof: arrived.size === 0 ? where : `${where}, and to ${inOrder(arrived)}` };
}

function namesOf(domains: readonly Domain[]): string {
  if (domains.length === 0) return 'none';
  const names = domains.slice(0, SHOWN_NAMES).map(({ name }) => name);
  const more = domains.length - names.length;
  return `${names.join(' ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function counted(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
