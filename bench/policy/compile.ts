/** How long a policy takes from its files to a revision: the shapes for which figures are promised. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { compilePolicy, POLICY_FILE_NAMES, type PolicyFiles } from '../../policy/index.ts';
import { median } from '../figures/stats.ts';

const INSPECTORS = new Map([['opaque', { permissions: ['send'] }]]);
export const DOMAINS = 500;

/** The texts of a policy directory, without its model. */
export interface PolicyShape {
  readonly name: string;
  /** Milliseconds on an idle machine. */
  readonly promisedMs: number;
  readonly domains: string;
  readonly policy: string;
  readonly assertions: string;
}

export interface CompileFigure {
  readonly name: string;
  readonly promisedMs: number;
  /** Medians. CPU time says the same on a busy machine; wall time does not. */
  readonly wallMs: number;
  readonly cpuMs: number;
}

const SERVICES =
  'classes:\n  - { name: data, ports: [7000], inspector: opaque, permissions: [send], flow: to-destination }\n';

function inventory(labels: readonly string[], labelsOf: (index: number) => readonly string[]): string {
  const entries = Array.from({ length: DOMAINS }, (_, index) => {
    const own = labelsOf(index).map((label) => `"${label}"`);
    return `  - { name: vm-${index}, domid: ${index + 1}, labels: [${own.join(', ')}] }\n`;
  });
  return `labels:\n${labels.map((label) => `  - { name: "${label}" }\n`).join('')}domains:\n${entries.join('')}`;
}

/** The numbers of two domains and a class: another pair for each row. */
export function manyRowsPairs(
  rows: number,
): readonly { readonly from: number; readonly to: number; readonly name: string }[] {
  return Array.from({ length: rows }, (_, index) => {
    const from = index % DOMAINS;
    const to = (from + 1 + Math.floor(index / DOMAINS)) % DOMAINS;
    return { from, to, name: index % 2 === 0 ? 'argo' : 'data' };
  });
}

/** Every row names another pair of domains, so no two domains are of one kind. */
export function manyRows(rows: number): PolicyShape {
  const lines = manyRowsPairs(rows).map(({ from, to, name }) => `p, vm-${from}, vm-${to}, ${name}, send, allow\n`);
  return {
    name: `${rows} rows x ${DOMAINS} domains`,
    promisedMs: 300,
    domains: inventory(['@all'], () => ['@all']),
    policy: lines.join(''),
    assertions: '',
  };
}

/** Every domain has many labels, and one assertion looks at every pair. */
export function manyLabels(labels: number, perDomain: number): PolicyShape {
  const names = Array.from({ length: labels }, (_, index) => `@l${index}`);
  const own = (index: number): string[] =>
    Array.from({ length: perDomain }, (_, step) => names[(index * 7 + step * (labels / perDomain)) % labels] ?? '@l0');
  const rows = names.map((name, index) => `p, ${name}, ${names[(index + 1) % labels]}, data, send, allow\n`);
  return {
    name: `${DOMAINS} domains x ${labels} labels, 1 neverallow about all`,
    promisedMs: 1_000,
    domains: inventory(names, own),
    policy: [...rows, 'p, @l0, broker, argo, enable, allow\n', 'p, @l0, @l1, argo, send, allow\n'].join(''),
    assertions: 'neverallow, @any, @any, argo, register_single_source\n',
  };
}

export async function shapeFiles({ domains, policy, assertions }: PolicyShape): Promise<PolicyFiles> {
  const model = await readFile(fileURLToPath(new URL('../../policy/shipped/model.conf', import.meta.url)));
  const texts: Readonly<Record<string, string>> = {
    'domains.yaml': domains,
    'services.yaml': SERVICES,
    'policy.csv': policy,
    'assertions.csv': assertions,
    'tests.csv': '',
  };
  const bytes = POLICY_FILE_NAMES.map((name) => [name, name === 'model.conf' ? model : Buffer.from(texts[name] ?? '')]);
  return Object.fromEntries(bytes) as unknown as PolicyFiles;
}

/** The first round warms up. */
export async function measureCompile(shape: PolicyShape, rounds: number): Promise<CompileFigure> {
  const files = await shapeFiles(shape);
  const [wall, cpu]: [number[], number[]] = [[], []];
  for (let round = 0; round <= rounds; round++) {
    const [startedAt, cpuBefore] = [performance.now(), process.cpuUsage()];
    await compilePolicy(files, { revision: 1, inspectors: INSPECTORS });
    if (round === 0) continue;
    const { user, system } = process.cpuUsage(cpuBefore);
    wall.push(performance.now() - startedAt);
    cpu.push((user + system) / 1_000);
  }
  return { name: shape.name, promisedMs: shape.promisedMs, wallMs: median(wall), cpuMs: median(cpu) };
}
