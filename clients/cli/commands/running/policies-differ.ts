/** Which brokers of a cluster have which policy in force. Pure. */
import { byText } from '../../../../broker/base/index.ts';

export interface PolicyInForce {
  readonly broker: string;
  /** SHA-256 over the six files, hex. Revision numbers are each broker's own and say nothing about another one. */
  readonly hash: string;
}

const SHOWN_DIGITS = 12;

/** Lines that name the brokers of each policy, the most common policy first; none while all have the same. */
export function policyDifferences(seen: readonly PolicyInForce[]): string[] {
  const brokers = new Map<string, Set<string>>();
  for (const { broker, hash } of seen) brokers.set(hash, (brokers.get(hash) ?? new Set()).add(broker));
  if (brokers.size < 2) return [];
  const groups = [...brokers].map(([hash, names]) => ({ hash, names: [...names].sort() }));
  groups.sort((a, b) => b.names.length - a.names.length || byText(a.hash, b.hash));
  return [
    `${groups.length} DIFFERENT policies are in force; a message that crosses needs the permission of both its brokers:`,
    ...groups.map(({ hash, names }) => `  ${hash.slice(0, SHOWN_DIGITS)}  ${names.join(', ')}`),
  ];
}
