/**
 * From the six files to a policy that can come into force: parse, resolve, close, bind, ask Casbin, assert, test.
 *
 * Pure over bytes. Everything is built next to the policy in force; the caller swaps one reference when this returns and keeps
 * the old policy when it throws.
 */
import { type Grant, type Inspectors, toRevision } from '../contract/index.ts';
import { ASSERTIONS_FILE, Oracle, readAssertions, readTests, TESTS_FILE } from '../decide/index.ts';
import {
  checkModel,
  DOMAINS_FILE,
  type Finding,
  finishPaced,
  invariant,
  type Pace,
  POLICY_FILE,
  readClasses,
  readInventory,
  readPolicyRows,
  refuseFindings,
  SERVICES_FILE,
  sha256Hex,
  unhurried,
  vocabularyOf,
  type Work,
} from '../read/index.ts';
import { hashFiles, MODEL_FILE, type PolicyFiles } from './files.ts';
import { type PolicyBuild, type PolicyParts, PolicySource } from './policy-source.ts';

export interface CompileOptions {
  /** Number of the policy if it comes into force: 1, 2, 3 … */
  readonly revision: number;
  /** Permissions that each inspector can name; services.yaml must agree. */
  readonly inspectors: Inspectors;
  /** Default: none. */
  readonly overlay?: readonly Grant[];
  /** Domains whose denials are recorded and not enforced. Default: none. */
  readonly permissive?: readonly string[];
  /** Default: works without a rest. */
  readonly pace?: Pace;
  /**
   * A policy compiled before. Its inventory is taken over when domains.yaml has the same bytes: YAML is the slowest part of a
   * load (70 ms for 1 000 domains) and cannot rest half-way.
   */
  readonly previous?: { readonly files: PolicyFiles; readonly build: PolicyBuild };
}

/**
 * @throws PolicyError with all findings of the earliest step that has any: a later step over a misread file would only
 *   report the same mistake in other words
 */
export async function compilePolicy(files: PolicyFiles, options: CompileOptions): Promise<PolicyBuild> {
  const { inspectors, overlay = [], permissive = [], pace = unhurried, previous } = options;
  const revision = toRevision(options.revision);
  const parts = await finishPaced(readParts(files, inspectors, previous), pace);
  const oracle = await Oracle.create(wordsOf(parts));
  const source = await finishPaced(PolicySource.build(parts, oracle), pace);
  return source.revise(revision, overlay, permissive);
}

function* readParts(
  files: PolicyFiles,
  inspectors: Inspectors,
  previous: CompileOptions['previous'],
): Work<PolicyParts> {
  const findings: Finding[] = [];
  checkModel(MODEL_FILE, files[MODEL_FILE], findings);
  const isSame = previous !== undefined && sameBytes(previous.files[DOMAINS_FILE], files[DOMAINS_FILE]);
  const inventory = isSame ? previous.build.source.parts.inventory : readInventory(files[DOMAINS_FILE], findings);
  yield;
  const bound = inventory === null ? null : readClasses(files[SERVICES_FILE], inventory.labels, inspectors, findings);
  refuseFindings(findings);
  invariant(inventory !== null && bound !== null, 'a file is missing without a finding');

  const serviceClasses = bound.map(({ serviceClass }) => serviceClass);
  const words = vocabularyOf(inventory, serviceClasses);
  const policy = yield* readPolicyRows(files[POLICY_FILE], words, findings);
  const assertions = yield* readAssertions(files[ASSERTIONS_FILE], words, findings);
  const tests = yield* readTests(files[TESTS_FILE], words, findings);
  refuseFindings(findings);
  return {
    inventory,
    bound,
    rows: policy.rows,
    audit: policy.audit,
    memberships: [...inventory.memberships, ...policy.memberships],
    assertions: assertions.access,
    structural: assertions.structural,
    tests,
    hash: hashFiles(files),
    assertionsHash: sha256Hex(files[ASSERTIONS_FILE]),
    rowCount: policy.rows.length + policy.memberships.length + policy.audit.length,
  };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** Every class and permission that can be asked about. */
function wordsOf({ bound }: PolicyParts): Set<string> {
  return new Set(bound.flatMap(({ serviceClass }) => [serviceClass.name, ...serviceClass.permissions]));
}
