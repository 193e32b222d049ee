/** What a run starts from: domains with labels, service classes and rows of policy, drawn from the seed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { INSPECTORS } from '../../broker/core/index.ts';
import { compilePolicy, type PolicyFiles, type PolicyRevision, SHIPPED_POLICY_DIRECTORY } from '../../policy/index.ts';
import { type Link, type Rule, rowOf } from '../policy/naive.ts';
import { Random } from '../support/random.ts';
import {
  AGENT_LABELS,
  AGENT_NAMES,
  AGENT_SERVICES_YAML,
  type Agent,
  drawAgentRules,
  drawnAgent,
  drawProxyRules,
  MIXER_LABEL,
  PROXY_SERVICES_YAML,
  stationOf,
} from './agents/inventory.ts';

export interface Member {
  readonly name: string;
  readonly domid: number;
  readonly labels: readonly string[];
  /** The broker that it has its session with. */
  readonly home: string;
  /** It comes over the NATS server, not over a socket of its own. */
  readonly isOverNats: boolean;
  /** Null where no agents take part. */
  readonly agent: Agent | null;
}

export interface Topology {
  /** By name. */
  readonly brokers: readonly string[];
  readonly domains: readonly Member[];
  /** A domain that keeps no rules, in some runs. */
  readonly hostile: Member | null;
  readonly hasAgents: boolean;
  /** Stream proxies and a mixer besides. */
  readonly hasProxies: boolean;
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

export function drawTopology(random: Random, brokerCount: number, hasAgents: boolean, hasProxies: boolean): Topology {
  const brokers = Array.from({ length: brokerCount }, (_, index) => `broker-${index + 1}`);
  const homeOf = (index: number): string => brokers[index % brokerCount] ?? '';
  const count = hasAgents ? 4 + random.below(2) : 2 + random.below(4);
  const agentOf = (index: number): Agent | null => (hasAgents ? drawnAgent(index, hasProxies) : null);
  const domains = Array.from({ length: count }, (_, index) => ({
    name: (hasAgents ? AGENT_NAMES[index] : undefined) ?? `vm-${index + 1}`,
    domid: index + 1,
    home: homeOf(index),
    agent: agentOf(index),
    isOverNats: random.oneIn(3),
    // Each label has a member, or a row that names it would be refused.
    labels: LABELS.filter((_label, place) => index === place || random.oneIn(3)),
  }));
  const mallory = {
    name: HOSTILE,
    domid: count + 1,
    home: homeOf(0),
    labels: [],
    isOverNats: false,
    agent: agentOf(count),
  };
  return { brokers, domains, hostile: random.oneIn(2) ? mallory : null, hasAgents, hasProxies };
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
  if (topology.hasAgents) rules.push(...drawAgentRules(random));
  if (topology.hasProxies) rules.push(...drawProxyRules(random));
  if (random.oneIn(4)) {
    const [source, destination] = [random.pick(subjects), random.pick(subjects)];
    rules.push({ source, destination, className: 'argo', permission: 'send', effect: 'deny' });
  }
  const unique = [...new Map(rules.map((rule) => [rowOf(rule), rule])).values()];
  return [...unique, ...drawAuditRows(unique, subjects)];
}

/** How decisions are recorded. Drawn from the rules themselves, so that a known seed stays the run that it was. */
function drawAuditRows(rules: readonly Rule[], subjects: readonly string[]): readonly Rule[] {
  const random = new Random(rules.reduce((sum, rule) => (sum * 31 + rowOf(rule).length) >>> 0, 4));
  return (['dontaudit', 'auditallow'] as const).flatMap((effect) => {
    if (!random.oneIn(2)) return [];
    const [source, destination] = [random.pick(subjects), random.pick(subjects)];
    return [{ source, destination, className: random.pick(['argo', 'data', 'pcm']), permission: 'send', effect }];
  });
}

/** The label memberships of the files and of the grants in force. */
export function linksOf(
  topology: Topology,
  grants: readonly { readonly domain: string; readonly label: string }[],
): readonly Link[] {
  return [
    ...topology.domains.flatMap((member) => labelsOf(member).map((label): Link => [member.name, label])),
    ...grants.map(({ domain, label }): Link => [domain, label]),
  ];
}

/** @throws PolicyError when the rows contradict each other */
export async function compileRules(topology: Topology, rules: readonly Rule[]): Promise<PolicyRevision> {
  const files = policyFiles(topology, rules);
  return { ...(await compilePolicy(files, { revision: 1, inspectors: INSPECTORS })), directory: '/simulated', files };
}

function policyFiles(topology: Topology, rules: readonly Rule[]): PolicyFiles {
  const domains = membersOf(topology).map((member) => {
    const { name, domid, home, agent } = member;
    const station = agent === null ? '' : `, ${stationOf(agent)}`;
    return `  - { name: ${name}, domid: ${domid}, home: ${home}, labels: ${JSON.stringify(labelsOf(member))}${station} }`;
  });
  const labels = [
    GRANTABLE,
    ...LABELS,
    ...(topology.hasAgents ? AGENT_LABELS : []),
    ...(topology.hasProxies ? [MIXER_LABEL] : []),
  ].map((name) => `  - { name: "${name}"${name === GRANTABLE ? ', grantable: true' : ''} }`);
  return {
    'model.conf': MODEL,
    'domains.yaml': bytes(['labels:', ...labels, 'domains:', ...domains]),
    'services.yaml': Buffer.from(servicesOf(topology)),
    'policy.csv': bytes(rules.map(rowOf)),
    'assertions.csv': bytes([]),
    'tests.csv': bytes([]),
  };
}

function servicesOf({ hasAgents, hasProxies }: Topology): string {
  return SERVICES_YAML + (hasAgents ? AGENT_SERVICES_YAML : '') + (hasProxies ? PROXY_SERVICES_YAML : '');
}

/** Those that the seed drew, and the ones of its agent. The hostile VM has none. */
function labelsOf({ name, labels, agent }: Member): readonly string[] {
  if (agent === null || name === HOSTILE) return labels;
  return [...labels, agent.label, ...(agent.isMixer ? [MIXER_LABEL] : [])];
}

function bytes(lines: readonly string[]): Uint8Array {
  return Buffer.from(lines.map((line) => `${line}\n`).join(''));
}
