/**
 * Who has which label: the transitive closure of all memberships.
 *
 * Casbin walks these links without remembering where it has been and stops after ten, silently. Here cycles and deep
 * chains are findings, and Casbin only gets the finished closure: one link from a domain to each of its labels.
 */

import { MAX_LABEL_DEPTH } from '../contract/index.ts';
import type { Finding } from './finding.ts';
import type { Membership } from './inventory.ts';

/** Domain name -> its labels, sorted. */
export type Closure = ReadonlyMap<string, readonly string[]>;

interface Node {
  readonly labels: ReadonlySet<string>;
  /** Links to the farthest label. */
  readonly depth: number;
}

/** @returns null after a finding */
export function closeLabels(
  domains: readonly string[],
  memberships: readonly Membership[],
  findings: Finding[],
): Closure | null {
  const before = findings.length;
  const links = new Map<string, Membership[]>();
  for (const membership of memberships) {
    const list = links.get(membership.member);
    if (list === undefined) links.set(membership.member, [membership]);
    else list.push(membership);
  }
  const done = new Map<string, Node>();
  const path: string[] = [];
  const visit = (member: string): Node => {
    const known = done.get(member);
    if (known !== undefined) return known;
    path.push(member);
    const labels = new Set<string>();
    let depth = 0;
    for (const link of links.get(member) ?? []) {
      const seenAt = path.indexOf(link.label);
      if (seenAt !== -1) {
        const cycle = [...path.slice(seenAt), link.label].join(' -> ');
        findings.push({ ...link.place, code: 'E-017', message: `labels contain each other: ${cycle}` });
        continue;
      }
      // The path is checked before the recursion, so the recursion is never deeper than the limit.
      if (path.length > MAX_LABEL_DEPTH) {
        const chain = [...path, link.label].join(' -> ');
        findings.push({
          ...link.place,
          code: 'E-017',
          message: `labels are nested deeper than ${MAX_LABEL_DEPTH} links: ${chain}`,
        });
        continue;
      }
      const above = visit(link.label);
      depth = Math.max(depth, above.depth + 1);
      labels.add(link.label);
      for (const label of above.labels) labels.add(label);
    }
    path.pop();
    const node = { labels, depth };
    done.set(member, node);
    if (depth > MAX_LABEL_DEPTH && findings.length === before) {
      const first = links.get(member)?.[0];
      const message = `"${member}" is ${depth} links away from its farthest label; at most ${MAX_LABEL_DEPTH}`;
      if (first !== undefined) findings.push({ ...first.place, code: 'E-017', message });
    }
    return node;
  };
  for (const member of [...domains, ...links.keys()]) visit(member);
  if (findings.length > before) return null;
  return new Map(domains.map((name) => [name, [...visit(name).labels].sort()]));
}
