/** What a run starts from: domains with labels, service classes and rows of policy, drawn from the seed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { INSPECTORS } from '../../broker/core/index.ts';
import { compilePolicy, type PolicyFiles, type PolicyRevision, SHIPPED_POLICY_DIRECTORY } from '../../policy/index.ts';
import type { Link, Rule } from '../policy/naive.ts';
import type { Random } from '../support/random.ts';

export interface Member {
  readonly name: string;
  readonly domid: number;
  readonly labels: readonly string[];
  /** The broker that it has its session with. */
  readonly home: string;
  /** It comes over the NATS server, not over a socket of its own. */
  readonly isOverNats: boolean;
}

export interface Topology {
  /** By name. */
  readonly brokers: readonly string[];
  readonly domains: readonly Member[];
  /** A domain that keeps no rules, in some runs. */
  readonly hostile: Member | null;
}

const HOSTILE = 'mallory';

/** The ports of each class, and how its permission is found without the product's inspectors. */
export interface Service {
  readonly className: string;
  readonly port: number;
  /** Payloads have a multiple of so many bytes; others are malformed. */
  readonly unitBytes: number;
  readonly audited: boolean;
}

export const SERVICES: readonly Service[] = [
  { className: 'data', port: 10, unitBytes: 1, audited: false },
  { className: 'data', port: 11, unitBytes: 1, audited: false },
  { className: 'audited', port: 20, unitBytes: 1, audited: true },
  { className: 'pcm', port: 30, unitBytes: 4, audited: false },
];

/** Given at run time. */
export const GRANTABLE = '@mic';
const LABELS = ['@red', '@blue'] as const;

const SERVICES_YAML = `classes:
  - { name: data, ports: ["10-19"], inspector: opaque, permissions: [send], flow: to-destination }
  - { name: audited, ports: [20], inspector: opaque, permissions: [send], flow: to-destination, auditallow: [send] }
  - { name: pcm, ports: [30], inspector: pcm, permissions: [send], flow: to-destination }
`;

const MODEL = readFileSync(join(SHIPPED_POLICY_DIRECTORY, 'model.conf'));

export function drawTopology(random: Random, brokerCount: number): Topology {
  const brokers = Array.from({ length: brokerCount }, (_, index) => `broker-${index + 1}`);
  const homeOf = (index: number): string => brokers[index % brokerCount] ?? '';
  const count = 2 + random.below(4);
  const domains = Array.from({ length: count }, (_, index) => ({
    name: `vm-${index + 1}`,
    domid: index + 1,
    home: homeOf(index),
    isOverNats: random.oneIn(3),
    // Each label has a member, or a row that names it would be refused.
    labels: LABELS.filter((_label, place) => index === place || random.oneIn(3)),
  }));
  const mallory = { name: HOSTILE, domid: count + 1, home: homeOf(0), labels: [], isOverNats: false };
  return { brokers, domains, hostile: random.oneIn(2) ? mallory : null };
}

/** All that are declared. */
export function membersOf({ domains, hostile }: Topology): readonly Member[] {
  return hostile === null ? domains : [...domains, hostile];
}

/** Rows as they stand in policy.csv. All domains may register rings; who may send what to whom is drawn. */
export function drawRules(random: Random, topology: Topology): readonly Rule[] {
  const subjects = [...topology.domains.map(({ name }) => name), ...LABELS, '@any'];
  const rules: Rule[] = [
    { source: '@any', destination: 'broker', className: 'argo', permission: '*', effect: 'allow' },
    { source: '@any', destination: '@any', className: 'argo', permission: '*', effect: 'allow' },
    { source: GRANTABLE, destination: '@any', className: 'pcm', permission: 'send', effect: 'allow' },
  ];
  for (const className of ['data', 'audited', 'pcm']) {
    if (random.oneIn(2)) {
      rules.push({ source: '@any', destination: '@any', className, permission: 'send', effect: 'allow' });
    }
    for (let left = random.below(3); left > 0; left--) {
      const effect = random.oneIn(3) ? 'deny' : 'allow';
      rules.push({
        source: random.pick(subjects),
        destination: random.pick(subjects),
        className,
        permission: 'send',
        effect,
      });
    }
  }
  if (random.oneIn(4)) {
    const [source, destination] = [random.pick(subjects), random.pick(subjects)];
    rules.push({ source, destination, className: 'argo', permission: 'send', effect: 'deny' });
  }
  return [...new Map(rules.map((rule) => [rowOf(rule), rule])).values()];
}

/** The label memberships of the files and of the grants in force. */
export function linksOf(
  topology: Topology,
  grants: readonly { readonly domain: string; readonly label: string }[],
): readonly Link[] {
  return [
    ...topology.domains.flatMap(({ name, labels }) => labels.map((label): Link => [name, label])),
    ...grants.map(({ domain, label }): Link => [domain, label]),
  ];
}

/** @throws PolicyError when the rows contradict each other */
export async function compileRules(topology: Topology, rules: readonly Rule[]): Promise<PolicyRevision> {
  const files = policyFiles(topology, rules);
  return { ...(await compilePolicy(files, { revision: 1, inspectors: INSPECTORS })), directory: '/simulated', files };
}

function policyFiles(topology: Topology, rules: readonly Rule[]): PolicyFiles {
  const domains = membersOf(topology).map(
    ({ name, domid, home, labels }) =>
      `  - { name: ${name}, domid: ${domid}, home: ${home}, labels: ${JSON.stringify(labels)} }`,
  );
  const labels = [GRANTABLE, ...LABELS].map(
    (name) => `  - { name: "${name}"${name === GRANTABLE ? ', grantable: true' : ''} }`,
  );
  return {
    'model.conf': MODEL,
    'domains.yaml': bytes(['labels:', ...labels, 'domains:', ...domains]),
    'services.yaml': Buffer.from(SERVICES_YAML),
    'policy.csv': bytes(rules.map(rowOf)),
    'assertions.csv': bytes([]),
    'tests.csv': bytes([]),
  };
}

function rowOf({ source, destination, className, permission, effect }: Rule): string {
  return `p, ${source}, ${destination}, ${className}, ${permission}, ${effect}`;
}

function bytes(lines: readonly string[]): Uint8Array {
  return Buffer.from(lines.map((line) => `${line}\n`).join(''));
}
