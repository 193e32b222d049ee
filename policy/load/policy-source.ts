/**
 * What a set of files says, read once. Revisions are made of it: the files as written, or with run-time grants on top.
 *
 * A grant is a membership more in a grantable label. It changes the labels of one domain and nothing else, so putting an
 * overlay on is short work that never waits: the rows are not read again, Casbin's answers are kept, the expansion is made
 * again only when a domain gets a combination of labels that no domain had before. A revocation brings none.
 */
import type { CompiledPolicy, Domain, Domains, Grant, Revision, ServiceClasses } from '../contract/index.ts';
import {
  AccessVectorCache,
  type Assertion,
  type Assertions,
  AuditRows,
  checkAssertions,
  checkStructure,
  createDomains,
  Decider,
  type Examined,
  Expansion,
  Kinds,
  kindsOfDomains,
  type Oracle,
  Permissive,
  PermissiveReach,
  Placement,
  type PolicyTest,
  type Rulebook,
  RuleIndex,
  relabelDomains,
  reportTests,
  runTests,
} from '../decide/index.ts';
import {
  type AuditRow,
  type BoundClass,
  type Closure,
  closeLabels,
  didYouMean,
  type Finding,
  finish,
  type Inventory,
  invariant,
  type Membership,
  type PolicyRow,
  PortBinder,
  refuseFindings,
  type Work,
} from '../read/index.ts';

/** The files, understood row by row. */
export interface PolicyParts {
  readonly inventory: Inventory;
  readonly bound: readonly BoundClass[];
  readonly rows: readonly PolicyRow[];
  /** `dontaudit` and `auditallow`. */
  readonly audit: readonly AuditRow[];
  /** Of domains.yaml and of policy.csv. */
  readonly memberships: readonly Membership[];
  readonly assertions: readonly Assertion[];
  /** neverflow, separate, max-fan. */
  readonly structural: Assertions['structural'];
  readonly tests: readonly PolicyTest[];
  readonly hash: string;
  readonly assertionsHash: string;
  /** Rows of policy.csv. */
  readonly rowCount: number;
}

/** A compiled policy, and the answers to the tools' questions about it. */
export interface PolicyBuild extends CompiledPolicy {
  readonly source: PolicySource;
  readonly examined: Examined;
}

/** Kinds that grants may add before the table starts afresh: a domain with n grantable labels can have 2^n of them. */
const MAX_ADDED_KINDS = 512;

export class PolicySource {
  readonly parts: PolicyParts;
  /** Domains, classes and kinds of the files as written. */
  readonly #base: { readonly domains: Domains; readonly classes: ServiceClasses };
  readonly #ports: PortBinder;
  /** Kinds grow with the grants; the expansion follows them. */
  #book: Rulebook;
  #expansion: Expansion;

  private constructor(
    parts: PolicyParts,
    base: { readonly domains: Domains; readonly classes: ServiceClasses },
    ports: PortBinder,
    book: Rulebook,
    expansion: Expansion,
  ) {
    this.parts = parts;
    this.#base = base;
    this.#ports = ports;
    this.#book = book;
    this.#expansion = expansion;
  }

  /**
   * Checks the files as written, with their assertions and tests.
   *
   * @throws PolicyError with all findings of the earliest step that has any
   */
  static *build(parts: PolicyParts, oracle: Oracle): Work<PolicySource> {
    const findings: Finding[] = [];
    const { inventory, bound, rows, audit, memberships } = parts;
    const closure = closeLabels(
      inventory.domains.map(({ name }) => name),
      memberships,
      findings,
    );
    refuseFindings(findings);
    invariant(closure !== null, 'no closure without a finding');
    checkEmptyLabels([...rows, ...audit], inventory, closure, findings);
    const domains = createDomains(inventory, closure);
    const ports = new PortBinder(bound);
    const classes = ports.bind(domains.all, findings);
    refuseFindings(findings);
    invariant(classes !== null, 'no classes without a finding');
    const index = yield* RuleIndex.build(rows, classes.all);
    const kinds = new Kinds(namedIn(index, parts));
    const book: Rulebook = {
      index,
      kinds,
      oracle,
      audit: new AuditRows(audit),
      answers: new Map(),
      cells: new Map(),
    };
    const placement = new Placement(kinds, domains);
    const expansion = yield* Expansion.build(index, kinds);
    const examined = { book, placement, expansion };
    yield* checkAssertions(parts.assertions, examined, findings);
    yield* checkStructure(parts.structural, examined, classes.all, findings);
    // Tests describe the files as written. A grant changes a decision on purpose and must not fail them.
    reportTests(yield* runTests(parts.tests, examined), findings);
    refuseFindings(findings);
    return new PolicySource(parts, { domains, classes }, ports, book, expansion);
  }

  /**
   * A revision of these files under an overlay. Does not rest: taking a grant back must not wait.
   *
   * @param permissive names of domains whose denials by the rows are not enforced
   * @throws PolicyError with every finding: an assertion, or a grant of what cannot be granted
   */
  revise(revision: Revision, overlay: readonly Grant[], permissive: readonly string[] = []): PolicyBuild {
    const { parts } = this;
    const findings: Finding[] = [];
    const domains = this.#relabel(overlay, findings);
    refuseFindings(findings);
    const classes = overlay.length === 0 ? this.#base.classes : this.#ports.bind(domains.all, findings);
    refuseFindings(findings);
    invariant(classes !== null, 'no classes without a finding');
    const examined = this.#examine(domains);
    const changed = domains.all.filter((domain, index) => domain !== this.#base.domains.all[index]);
    if (changed.length > 0) {
      finish(checkAssertions(parts.assertions, examined, findings, kindsOfDomains(changed, examined)));
      finish(checkStructure(parts.structural, examined, classes.all, findings));
      refuseFindings(findings);
    }
    const loose = permissive.length === 0 ? null : this.#loosen(permissive, domains, examined, classes, findings);
    refuseFindings(findings);
    const argo = classes.byName('argo');
    invariant(argo !== undefined, 'class argo is built in');
    return {
      revision,
      hash: parts.hash,
      assertionsHash: parts.assertionsHash,
      domains,
      classes,
      monitor: new AccessVectorCache(
        revision,
        domains,
        classes,
        argo,
        new Decider(examined),
        loose,
        examined.book.audit,
      ),
      rows: parts.rowCount,
      labels: parts.inventory.labels,
      grants: overlay.map(({ domain, label }) => ({ domain, label })),
      permissive: [...permissive],
      checked: { assertions: parts.assertions.length + parts.structural.length, tests: parts.tests.length },
      source: this,
      examined,
    };
  }

  /** What permissive domains may do must not break what assertions say about flows. */
  #loosen(
    permissive: readonly string[],
    domains: Domains,
    examined: Examined,
    classes: ServiceClasses,
    findings: Finding[],
  ): Permissive {
    const members = permissive.flatMap((name) => {
      const domain = domains.byName(name);
      if (domain !== undefined) return [domain];
      const hint = didYouMean(name, domains.all.map(nameOf));
      const message = `"${name}" is not in domains.yaml, so it cannot be permissive${hint}`;
      findings.push({ file: 'modes', line: 0, column: 0, code: 'E-010', message });
      return [];
    });
    const loose = new Permissive(members, domains.broker, this.parts.assertions);
    const expansion = new PermissiveReach(examined, loose);
    finish(checkStructure(this.parts.structural, { ...examined, expansion }, classes.all, findings));
    return loose;
  }

  #examine(domains: Domains): Examined {
    let placement = new Placement(this.#book.kinds, domains);
    if (this.#book.kinds.size > this.#base.domains.all.length + 1 + MAX_ADDED_KINDS) {
      // Revisions in force keep the book they were made with.
      const kinds = new Kinds(namedIn(this.#book.index, this.parts));
      this.#book = { ...this.#book, kinds, cells: new Map() };
      placement = new Placement(kinds, domains);
      this.#expansion = finish(Expansion.build(this.#book.index, kinds));
    }
    if (!this.#expansion.grow()) this.#expansion = finish(Expansion.build(this.#book.index, this.#book.kinds));
    return { book: this.#book, placement, expansion: this.#expansion };
  }

  /** The domains with the granted labels, and all labels that these have. */
  #relabel(overlay: readonly Grant[], findings: Finding[]): Domains {
    if (overlay.length === 0) return this.#base.domains;
    const granted = readOverlay(overlay, this.parts.inventory, this.#base.domains, findings);
    if (findings.length > 0) return this.#base.domains;
    const names = new Set(overlay.map(({ domain }) => domain));
    // Links of other domains say nothing about these.
    const relevant = this.parts.memberships.filter(({ member }) => member.startsWith('@') || names.has(member));
    const closure = closeLabels([...names], [...relevant, ...granted], findings);
    return closure === null ? this.#base.domains : relabelDomains(this.#base.domains, closure);
  }
}

/** Domains that a row, an exception or a neverflow names have a kind of their own. */
function namedIn(index: RuleIndex, { assertions, structural }: PolicyParts): ReadonlySet<string> {
  const exceptions = assertions.flatMap((assertion) => assertion.exceptions);
  return new Set([
    ...index.named,
    ...exceptions.flatMap(({ source, destination }) => [source, destination]),
    // A path over kinds is a path over domains only if its ends and relays have kinds of their own.
    ...structural.flatMap((each) => (each.kind === 'neverflow' ? [each.source, each.destination, ...each.via] : [])),
  ]);
}

function readOverlay(
  overlay: readonly Grant[],
  inventory: Inventory,
  domains: Domains,
  findings: Finding[],
): Membership[] {
  const place = { file: 'grants', line: 0, column: 0 };
  const refuse = (message: string) => void findings.push({ ...place, code: 'E-053', message });
  for (const { domain, label } of overlay) {
    const declared = inventory.labels.get(label);
    if (domains.byName(domain) === undefined)
      refuse(`"${domain}" is not in domains.yaml${didYouMean(domain, domains.all.map(nameOf))}`);
    if (declared === undefined)
      refuse(`label "${label}" is not declared in domains.yaml${didYouMean(label, inventory.labels.keys())}`);
    else if (!declared.grantable)
      refuse(`label "${label}" cannot be granted; domains.yaml does not declare it "grantable: true"`);
  }
  return overlay.map(({ domain, label }) => ({ member: domain, label, place }));
}

function nameOf({ name }: Domain): string {
  return name;
}

/** A label without members makes a row that matches nothing: usually a forgotten `g`. A grantable one may wait for its first grant. */
function checkEmptyLabels(
  rows: readonly (PolicyRow | AuditRow)[],
  inventory: Inventory,
  closure: Closure,
  findings: Finding[],
): void {
  const used = new Set([...closure.values()].flat());
  for (const { place, source, destination } of rows) {
    for (const subject of new Set([source, destination])) {
      const label = inventory.labels.get(subject);
      if (label === undefined || label.grantable || used.has(subject)) continue;
      const message = `no domain has the label "${subject}": the row can never match`;
      findings.push({ ...place, code: 'E-019', message });
    }
  }
}
