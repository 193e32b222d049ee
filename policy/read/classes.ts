/** services.yaml: the class of each port and domain, and the permissions of each class. */
import { z } from 'zod';
import { didYouMean } from '../../broker/base/index.ts';
import {
  type Domain,
  formatPortRange,
  type Inspectors,
  isLabel,
  isName,
  isPermissionName,
  MAX_CLASSES,
  MAX_PORT_RANGES,
  type PortRange,
  PortTable,
  parsePortRange,
  type ServiceClass,
  type ServiceClasses,
} from '../contract/index.ts';
import type { Finding } from './finding.ts';
import { parseYaml, type YamlFile } from './yaml.ts';

export const SERVICES_FILE = 'services.yaml';

export const ARGO_PERMISSIONS = ['enable', 'register_single_source', 'register_any_source', 'send'] as const;

/** xen, tools/flask/policy/flask/access_vectors: class argo. No port is bound to it; the hooks ask it. */
const ARGO: ServiceClass = builtIn(0, 'argo', ARGO_PERMISSIONS);
/** The class of a port that no class claims. */
const UNCLASSIFIED: ServiceClass = builtIn(1, 'unclassified', ['send']);

function builtIn(index: number, name: string, permissions: readonly string[]): ServiceClass {
  const none = permissions.map(() => false);
  const recorded = { auditallow: none, strict: none, digest: none };
  return Object.freeze({
    index,
    name,
    permissions,
    inspector: 'opaque',
    flow: 'to-destination',
    oneWay: false,
    ...recorded,
  });
}

/** A class and the ports it claims; `destination` null = of every domain. */
export interface BoundClass {
  readonly serviceClass: ServiceClass;
  readonly ranges: readonly { readonly range: PortRange; readonly line: number; readonly column: number }[];
  readonly destination: string | null;
}

const portRange = z
  .union([z.number(), z.string()], { error: 'a port is a number, or a range in quotes: "5000-5099"' })
  .transform((value, context) => {
    const range = parsePortRange(value);
    if (range !== null) return range;
    context.addIssue({ code: 'custom', message: 'a port is 1 to 4294967295, a range is two of them: "5000-5099"' });
    return z.NEVER;
  });
const permission = z.string().refine(isPermissionName, { error: 'a permission is a-z, 0-9, "-" and "_"' });

const schema = z.strictObject({
  classes: z
    .array(
      z.strictObject({
        name: z.string().refine(isName, { error: 'a class name is a-z, 0-9 and "-"' }),
        about: z.string().max(500).optional(),
        ports: z.array(portRange).min(1, { error: 'at least one port' }),
        destination: z.string().refine(isLabel, { error: 'the destination is a label: "@audio"' }).optional(),
        inspector: z.string(),
        permissions: z.array(permission).min(1),
        flow: z.enum(['to-destination', 'to-source', 'both'], { error: 'flow is to-destination, to-source or both' }),
        oneWay: z.boolean().default(false),
        auditallow: z.array(permission).default([]),
        strict: z.array(permission).default([]),
        digest: z.array(permission).default([]),
      }),
    )
    .max(MAX_CLASSES, { error: `more than ${MAX_CLASSES} classes` }),
});

const RECORDED_KEYS = ['auditallow', 'strict', 'digest'] as const;
const KEYS = [
  'classes',
  'name',
  'about',
  'ports',
  'destination',
  'inspector',
  'permissions',
  'flow',
  'oneWay',
  ...RECORDED_KEYS,
];

type File = YamlFile<z.infer<typeof schema>>;
type Entry = z.infer<typeof schema>['classes'][number];

/**
 * Reads the classes; who has which label is looked at later, by `PortBinder`.
 *
 * @returns null after a finding; otherwise the two built-in classes first, without ports
 */
export function readClasses(
  bytes: Uint8Array,
  labels: ReadonlyMap<string, unknown>,
  inspectors: Inspectors,
  findings: Finding[],
): BoundClass[] | null {
  const before = findings.length;
  const file = parseYaml(SERVICES_FILE, bytes, schema, KEYS, findings);
  if (file === null) return null;
  const bound: BoundClass[] = [ARGO, UNCLASSIFIED].map((serviceClass) => ({
    serviceClass,
    ranges: [],
    destination: null,
  }));
  const lines = new Map<string, number>([ARGO, UNCLASSIFIED].map((builtin) => [builtin.name, 0]));
  for (const [index, entry] of file.value.classes.entries()) {
    checkName(file, index, entry, lines, findings);
    checkInspector(file, index, entry, inspectors, findings);
    for (const key of RECORDED_KEYS) checkRecorded(file, index, entry, key, findings);
    if (entry.destination !== undefined && !labels.has(entry.destination)) {
      const message = `label "${entry.destination}" is not declared in domains.yaml${didYouMean(entry.destination, labels.keys())}`;
      findings.push({ ...file.place(['classes', index, 'destination']), code: 'E-011', message });
    }
    const serviceClass: ServiceClass = Object.freeze({
      index: bound.length,
      name: entry.name,
      permissions: Object.freeze([...entry.permissions]),
      inspector: entry.inspector,
      flow: entry.flow,
      oneWay: entry.oneWay,
      auditallow: Object.freeze(entry.permissions.map((name) => entry.auditallow.includes(name))),
      strict: Object.freeze(entry.permissions.map((name) => [...entry.strict, ...entry.digest].includes(name))),
      digest: Object.freeze(entry.permissions.map((name) => entry.digest.includes(name))),
    });
    const ranges = entry.ports.map((range, position) => ({
      range,
      ...file.place(['classes', index, 'ports', position]),
    }));
    bound.push({ serviceClass, ranges, destination: entry.destination ?? null });
  }
  const total = bound.reduce((sum, { ranges }) => sum + ranges.length, 0);
  if (total > MAX_PORT_RANGES) {
    findings.push({
      ...file.place(['classes']),
      code: 'F-008',
      message: `${total} port ranges; at most ${MAX_PORT_RANGES}`,
    });
  }
  return findings.length > before ? null : bound;
}

function checkName(file: File, index: number, entry: Entry, lines: Map<string, number>, findings: Finding[]): void {
  const place = file.place(['classes', index, 'name']);
  const first = lines.get(entry.name);
  if (first === undefined) lines.set(entry.name, place.line);
  else {
    const message =
      first === 0
        ? `class "${entry.name}" is built in`
        : `class "${entry.name}" is declared twice, first on line ${first}`;
    findings.push({ ...place, code: 'E-016', message });
  }
}

/** A recorded permission must be one of the class. */
function checkRecorded(
  file: File,
  index: number,
  entry: Entry,
  key: (typeof RECORDED_KEYS)[number],
  findings: Finding[],
): void {
  for (const [position, used] of entry[key].entries()) {
    if (entry.permissions.includes(used)) continue;
    const message = `class "${entry.name}" has no permission "${used}"${didYouMean(used, entry.permissions)}`;
    findings.push({ ...file.place(['classes', index, key, position]), code: 'E-014', message });
  }
}

/** The inspector's answer is a position in its own list of permissions, so the class must have exactly that list. */
function checkInspector(file: File, index: number, entry: Entry, inspectors: Inspectors, findings: Finding[]): void {
  const inspector = inspectors.get(entry.inspector);
  if (inspector === undefined) {
    const known = [...inspectors.keys()];
    const message = `unknown inspector "${entry.inspector}"${didYouMean(entry.inspector, known)}; there are: ${known.join(', ')}`;
    findings.push({ ...file.place(['classes', index, 'inspector']), code: 'E-052', message });
  } else if (inspector.permissions.join() !== entry.permissions.join()) {
    const message = `inspector "${entry.inspector}" tells apart [${inspector.permissions.join(', ')}]; the class says [${entry.permissions.join(', ')}]`;
    findings.push({ ...file.place(['classes', index, 'permissions']), code: 'E-052', message });
  }
}

/**
 * Binds ports to classes for each domain; refuses two classes for one port of one domain.
 *
 * Two classes overlap when they name the same label or none. Two different labels overlap when a domain has both,
 * grants included. A binder serves all overlays of the same files: the table of a domain whose labels stay is made
 * once.
 */
export class PortBinder {
  readonly #bound: readonly BoundClass[];
  readonly #claims: readonly Claim[];
  readonly #byLabels = new Map<string, PortTable<ServiceClass>>();
  readonly #byDomain = new WeakMap<Domain, PortTable<ServiceClass>>();

  constructor(bound: readonly BoundClass[]) {
    this.#bound = bound;
    this.#claims = bound
      .flatMap(({ serviceClass, ranges, destination }) =>
        ranges.map(({ range, line, column }) => ({ range, line, column, destination, value: serviceClass })),
      )
      .sort((a, b) => a.range.from - b.range.from);
  }

  /** @returns null after a finding */
  bind(domains: readonly Domain[], findings: Finding[]): ServiceClasses | null {
    const before = findings.length;
    this.#checkOverlaps(domains, findings);
    if (findings.length > before) return null;
    const all = this.#bound.map(({ serviceClass }) => serviceClass);
    return new BoundClasses(
      all,
      domains,
      domains.map((domain) => this.#tableOf(domain)),
    );
  }

  #tableOf(domain: Domain): PortTable<ServiceClass> {
    const known = this.#byDomain.get(domain);
    if (known !== undefined) return known;
    const mine = this.#claims.filter(({ destination }) => destination === null || domain.labels.includes(destination));
    const key = mine.map(({ value, range }) => `${value.index}:${range.from}`).join();
    const table = this.#byLabels.get(key) ?? new PortTable(mine);
    this.#byLabels.set(key, table);
    this.#byDomain.set(domain, table);
    return table;
  }

  #checkOverlaps(domains: readonly Domain[], findings: Finding[]): void {
    const before = findings.length;
    for (const [position, claim] of this.#claims.entries()) {
      for (let next = position + 1; next < this.#claims.length; next++) {
        const other = this.#claims[next];
        if (other === undefined || other.range.from > claim.range.to) break;
        const shared = sharedDestination(claim.destination, other.destination, domains);
        if (shared === null) continue;
        const ports = formatPortRange({ from: other.range.from, to: Math.min(claim.range.to, other.range.to) });
        const message = `port ${ports} of ${shared} is claimed by "${claim.value.name}" (line ${claim.line}) and by "${other.value.name}" (line ${other.line})`;
        findings.push({ file: SERVICES_FILE, line: other.line, column: other.column, code: 'E-051', message });
        if (findings.length - before >= 20) return;
      }
    }
  }
}

interface Claim {
  readonly range: PortRange;
  readonly line: number;
  readonly column: number;
  readonly destination: string | null;
  readonly value: ServiceClass;
}

/** The domains whose port both would claim, in words; null = the two never meet. */
function sharedDestination(a: string | null, b: string | null, domains: readonly Domain[]): string | null {
  if (a === null) return b === null ? 'every domain' : `"${b}"`;
  if (b === null || a === b) return `"${a}"`;
  const both = domains.find(({ labels }) => labels.includes(a) && labels.includes(b));
  return both === undefined ? null : `"${both.name}", which is both ${a} and ${b},`;
}

class BoundClasses implements ServiceClasses {
  readonly all: readonly ServiceClass[];
  readonly #byName: ReadonlyMap<string, ServiceClass>;
  readonly #domains: readonly Domain[];
  readonly #tableOf: readonly PortTable<ServiceClass>[];

  constructor(all: readonly ServiceClass[], domains: readonly Domain[], tableOf: readonly PortTable<ServiceClass>[]) {
    this.all = Object.freeze(all);
    this.#byName = new Map(all.map((serviceClass) => [serviceClass.name, serviceClass]));
    this.#domains = domains;
    this.#tableOf = tableOf;
  }

  byName(name: string): ServiceClass | undefined {
    return this.#byName.get(name);
  }

  of(destination: Domain, port: number): ServiceClass {
    // An index is only good within its own revision.
    if (this.#domains[destination.index] !== destination) return UNCLASSIFIED;
    return this.#tableOf[destination.index]?.find(port) ?? UNCLASSIFIED;
  }
}
