/** A policy at a glance: counts, a matrix of allowed permissions by source and destination, a graph. */
import type { Domain } from '../contract/index.ts';
import type { PolicyBuild } from '../load/index.ts';
import type { Work } from '../read/index.ts';
import { type FlowGraph, shownClasses } from './flow.ts';
import { type Analysed, destinationsOf, isAllowed } from './subject.ts';

/** seinfo's block of counts. */
export function policyCounts(policy: PolicyBuild): Readonly<Record<string, number>> {
  const { parts } = policy.source;
  const effects = (effect: string): number => parts.rows.filter((row) => row.effect === effect).length;
  return {
    Domains: policy.domains.all.length,
    Kinds: new Set(policy.examined.placement.kindOf).size - 1,
    Labels: policy.labels.size,
    Grantable: [...policy.labels.values()].filter(({ grantable }) => grantable).length,
    Memberships: parts.memberships.length,
    Classes: policy.classes.all.length,
    Permissions: policy.classes.all.reduce((sum, { permissions }) => sum + permissions.length, 0),
    Allow: effects('allow'),
    Deny: effects('deny'),
    Auditallow: parts.audit.filter(({ kind }) => kind === 'auditallow').length,
    Dontaudit: parts.audit.filter(({ kind }) => kind === 'dontaudit').length,
    Assertions: parts.assertions.length,
    Tests: parts.tests.length,
  };
}

/** The permissions of one domain for another: class -> permissions. */
export interface AccessCell {
  readonly source: Domain;
  readonly destination: Domain;
  readonly classes: ReadonlyMap<string, readonly string[]>;
}

/** Every pair with any permission. */
export function* accessMatrix(policy: Analysed, className?: string): Work<AccessCell[]> {
  const found: AccessCell[] = [];
  for (const source of policy.domains.all) {
    for (const destination of [...policy.domains.all, policy.domains.broker]) {
      const classes = new Map<string, readonly string[]>();
      for (const serviceClass of policy.classes.all) {
        if (className !== undefined && serviceClass.name !== className) continue;
        const permissions = serviceClass.permissions.filter(
          (_, position) =>
            isAllowed(policy, { source, destination, serviceClass, position }) &&
            destinationsOf(policy, serviceClass, position).includes(destination),
        );
        if (permissions.length > 0) classes.set(serviceClass.name, permissions);
      }
      if (classes.size > 0) found.push({ source, destination, classes });
      yield;
    }
  }
  return found;
}

/** Graphviz: an arrow is a flow of information, its label the classes that carry it. */
export function formatDot({ domains, steps }: FlowGraph): string {
  const edges = steps.flatMap((row) =>
    row.flatMap((step) =>
      step === undefined
        ? []
        : [`  "${step.from.name}" -> "${step.to.name}" [label="${shownClasses(step).join('\\n')}"];`],
    ),
  );
  const nodes = domains.map(({ name, labels }) => `  "${name}" [tooltip="${labels.join(' ')}"];`);
  return ['digraph policy {', '  rankdir=LR;', '  node [shape=box];', ...nodes, ...edges, '}'].join('\n');
}

/** Mermaid, as GitHub and GitLab draw it inside Markdown. */
export function formatMermaid({ domains, steps }: FlowGraph): string {
  const ids = new Map(domains.map((domain, index) => [domain, `d${index}`]));
  const nodes = domains.map((domain) => `  ${ids.get(domain)}["${domain.name}"]`);
  const edges = steps.flatMap((row) =>
    row.flatMap((step) =>
      step === undefined ? [] : [`  ${ids.get(step.from)} -->|"${shownClasses(step).join(', ')}"| ${ids.get(step.to)}`],
    ),
  );
  return ['graph LR', ...nodes, ...edges].join('\n');
}
