/**
 * From the six files to a policy that can come into force: parse, resolve, close, bind, ask Casbin, assert, test.
 *
 * Pure over bytes. Everything is built beside what is in force; the caller swaps one reference when this returns and keeps
 * the old policy when it throws.
 */
import { createHash } from 'node:crypto';
import {
  ANY_LABEL,
  BROKER_NAME,
  type CompiledPolicy,
  type Grant,
  type Inspectors,
  type ServiceClasses,
  toRevision,
} from '../contract/index.ts';
import {
  AccessVectorCache,
  ASSERTIONS_FILE,
  checkAssertions,
  createDomains,
  Decider,
  type Examined,
  Oracle,
  RuleIndex,
  readAssertions,
  readTests,
  runTests,
  TESTS_FILE,
} from '../decide/index.ts';
import {
  type BoundClass,
  bindPorts,
  type Closure,
  checkModel,
  closeLabels,
  DOMAINS_FILE,
  didYouMean,
  type Finding,
  type Inventory,
  invariant,
  type Membership,
  type Pace,
  POLICY_FILE,
  type PolicyRow,
  readClasses,
  readInventory,
  readPolicyRows,
  refuseFindings,
  SERVICES_FILE,
  sha256Hex,
  unhurried,
  vocabularyOf,
} from '../read/index.ts';

const MODEL_FILE = 'model.conf';

/** The files of a policy directory, in the order in which they are read and hashed. */
export const POLICY_FILE_NAMES = [
  MODEL_FILE,
  DOMAINS_FILE,
  SERVICES_FILE,
  POLICY_FILE,
  ASSERTIONS_FILE,
  TESTS_FILE,
] as const;

/** Content of each file, as it is on disk. */
export type PolicyFiles = Readonly<Record<(typeof POLICY_FILE_NAMES)[number], Uint8Array>>;

export interface CompileOptions {
  /** Number of the policy if it comes into force: 1, 2, 3 … */
  readonly revision: number;
  /** Permissions that each inspector can name; services.yaml must agree. */
  readonly inspectors: Inspectors;
  /** Default: none. */
  readonly overlay?: readonly Grant[];
  /** Default: works without a rest. */
  readonly pace?: Pace;
}

/**
 * @throws PolicyError with all findings of the earliest step that has any: a later step over a misread file would only
 *   report the same mistake in other words
 */
export async function compilePolicy(files: PolicyFiles, options: CompileOptions): Promise<CompiledPolicy> {
  const { inspectors, overlay = [], pace = unhurried } = options;
  const revision = toRevision(options.revision);
  const findings: Finding[] = [];

  checkModel(MODEL_FILE, files[MODEL_FILE], findings);
  const inventory = readInventory(files[DOMAINS_FILE], findings);
  const bound = inventory === null ? null : readClasses(files[SERVICES_FILE], inventory.labels, inspectors, findings);
  refuseFindings(findings);
  invariant(inventory !== null && bound !== null, 'a file is missing without a finding');

  const serviceClasses = bound.map(({ serviceClass }) => serviceClass);
  const words = vocabularyOf(inventory, serviceClasses);
  const policy = await readPolicyRows(files[POLICY_FILE], words, findings, pace);
  const assertions = await readAssertions(files[ASSERTIONS_FILE], words, findings, pace);
  const tests = await readTests(files[TESTS_FILE], words, findings, pace);
  const granted = readOverlay(overlay, inventory, findings);
  refuseFindings(findings);

  const written = [...inventory.memberships, ...policy.memberships];
  const inForce = await build(
    { inventory, bound, rows: policy.rows, memberships: [...written, ...granted] },
    findings,
    pace,
  );
  await checkAssertions(assertions, inForce, findings, pace);
  // Tests say what the files mean; a grant is meant to change a decision and must not fail them.
  const asWritten =
    granted.length === 0
      ? inForce
      : await build({ inventory, bound, rows: policy.rows, memberships: written }, findings, pace);
  await runTests(tests, asWritten, findings, pace);
  refuseFindings(findings);
  const { domains, classes, decider } = inForce;

  const argo = classes.byName('argo');
  invariant(argo !== undefined, 'class argo is built in');
  return {
    revision,
    hash: hashFiles(files),
    assertionsHash: sha256Hex(files[ASSERTIONS_FILE]),
    domains,
    classes,
    monitor: new AccessVectorCache(revision, domains, classes, argo, decider),
    rows: policy.rows.length + policy.memberships.length,
    labels: inventory.labels,
    grants: overlay.map(({ domain, label }) => ({ domain, label })),
    checked: { assertions: assertions.length, tests: tests.length },
  };
}

interface Parts {
  readonly inventory: Inventory;
  readonly bound: readonly BoundClass[];
  readonly rows: readonly PolicyRow[];
  readonly memberships: readonly Membership[];
}

/** Everything that depends on who has which label. Throws when there are findings. */
async function build(
  parts: Parts,
  findings: Finding[],
  pace: Pace,
): Promise<Examined & { readonly classes: ServiceClasses }> {
  const { inventory, bound, rows, memberships } = parts;
  const names = inventory.domains.map(({ name }) => name);
  const closure = closeLabels(names, memberships, findings);
  refuseFindings(findings);
  invariant(closure !== null, 'no closure without a finding');
  checkEmptyLabels(rows, inventory, closure, findings);
  const domains = createDomains(inventory, closure);
  const classes = bindPorts(bound, domains.all, findings);
  refuseFindings(findings);
  invariant(classes !== null, 'no classes without a finding');
  const links = names.flatMap((name) =>
    [...(closure.get(name) ?? []), ANY_LABEL].map((label) => [name, label] as const),
  );
  const index = await RuleIndex.build(rows, domains, pace);
  const decider = new Decider(index, await Oracle.create(links, universeOf(names, classes), pace));
  return { domains, classes, index, decider };
}

/** Names and lengths are hashed too, so that bytes cannot move from one file to the next unnoticed. */
export function hashFiles(files: PolicyFiles): string {
  const hash = createHash('sha256');
  for (const name of POLICY_FILE_NAMES) hash.update(`${name} ${files[name].length}\n`).update(files[name]);
  return hash.digest('hex');
}

function readOverlay(overlay: readonly Grant[], inventory: Inventory, findings: Finding[]): Membership[] {
  const place = { file: 'grants', line: 0, column: 0 };
  const names = inventory.domains.map(({ name }) => name);
  const refuse = (message: string) => void findings.push({ ...place, code: 'E-053', message });
  for (const { domain, label } of overlay) {
    const declared = inventory.labels.get(label);
    if (!names.includes(domain)) refuse(`"${domain}" is not in domains.yaml${didYouMean(domain, names)}`);
    if (declared === undefined)
      refuse(`label "${label}" is not declared in domains.yaml${didYouMean(label, inventory.labels.keys())}`);
    else if (!declared.grantable)
      refuse(`label "${label}" cannot be granted; domains.yaml does not declare it "grantable: true"`);
  }
  return overlay.map(({ domain, label }) => ({ member: domain, label, place }));
}

/** A label without members makes a row that matches nothing: usually a forgotten `g`. A grantable one may wait for its first grant. */
function checkEmptyLabels(
  rows: readonly PolicyRow[],
  inventory: Inventory,
  closure: Closure,
  findings: Finding[],
): void {
  const used = new Set([...closure.values()].flat());
  for (const { place, source, destination } of rows) {
    for (const subject of new Set([source, destination])) {
      const label = inventory.labels.get(subject);
      if (label === undefined || label.grantable || used.has(subject)) continue;
      findings.push({
        ...place,
        code: 'E-019',
        message: `no domain has the label "${subject}": the row can never match`,
      });
    }
  }
}

function universeOf(names: readonly string[], classes: ServiceClasses): Set<string> {
  const universe = new Set([...names, BROKER_NAME]);
  for (const { name, permissions } of classes.all) for (const word of [name, ...permissions]) universe.add(word);
  return universe;
}
