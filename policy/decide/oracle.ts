/**
 * The oracle: Casbin, behind the one question we ask it. The only file that imports it.
 *
 * Casbin is the security server in Flask's sense: it decides, the AVC remembers. It scans all rows it has for each decision
 * (28 ms at 10 000), so it is given the rows that name the subjects of this request and no others; the rows of one
 * decision are set and asked for in one synchronous step. An enforcer belongs to one revision and is never loaded again:
 * Casbin's loadPolicy clears first and reads then. The enforcer never leaves this file, so nobody can disable it.
 */
import { type Enforcer, newEnforcer, newModelFromString } from 'casbin';
import { invariant, MODEL_TEXT, type Pace, refuseFindings } from '../read/index.ts';

/** source, destination, class, permission, effect: a `p` row as Casbin takes it. */
export type CasbinRow = readonly [
  source: string,
  destination: string,
  className: string,
  permission: string,
  effect: string,
];

export interface Request {
  readonly source: string;
  readonly destination: string;
  readonly className: string;
  readonly permission: string;
}

/** Requests that no policy can contain (upper case) and what Casbin must say: pins effect, matcher and role links. */
const PROBE_LINKS: readonly (readonly [string, string])[] = [['PROBE-VM', '@PROBE']];
const PROBE_ALLOW: CasbinRow = ['@PROBE', 'PROBE-DST', 'PROBE', 'send', 'allow'];
const PROBE_ALL: CasbinRow = ['PROBE-VM', 'PROBE-DST', 'PROBE', '*', 'allow'];
const PROBE_DENY: CasbinRow = ['PROBE-VM', 'PROBE-DST', 'PROBE', 'send', 'deny'];
const PROBES: readonly (readonly [
  rows: readonly CasbinRow[],
  permission: string,
  source: string,
  expected: boolean,
])[] = [
  [[PROBE_ALLOW], 'send', 'PROBE-VM', true],
  [[PROBE_ALLOW], 'receive', 'PROBE-VM', false],
  [[PROBE_ALLOW], 'send', 'PROBE-OTHER', false],
  [[PROBE_ALL], 'receive', 'PROBE-VM', true],
  [[PROBE_ALL, PROBE_DENY], 'receive', 'PROBE-VM', true],
  [[PROBE_ALL, PROBE_DENY], 'send', 'PROBE-VM', false],
  [[PROBE_DENY, PROBE_ALLOW], 'send', 'PROBE-VM', false],
];

export class Oracle {
  readonly #enforcer: Enforcer;
  /** The policy array of the enforcer's `p` assertion: what the next decision scans. */
  readonly #assertion: { policy: string[][] };
  readonly #universe: ReadonlySet<string>;

  private constructor(enforcer: Enforcer, universe: ReadonlySet<string>) {
    const assertion = enforcer.getModel().model.get('p')?.get('p');
    invariant(assertion !== undefined, 'the model has no "p" definition');
    this.#enforcer = enforcer;
    this.#assertion = assertion;
    this.#universe = universe;
  }

  /**
   * @param links (domain, label) pairs, transitively closed: Casbin follows at most ten links, and dense graphs for ever
   * @param universe every domain, class and permission that can be asked about
   * @throws PolicyError ERR_POLICY_ORACLE when Casbin does not answer the probes as it must
   */
  static async create(
    links: readonly (readonly [string, string])[],
    universe: ReadonlySet<string>,
    pace: Pace,
  ): Promise<Oracle> {
    const enforcer = await newEnforcer(newModelFromString(MODEL_TEXT));
    // Ties the role manager to the model; only then do links that are added to it count.
    await enforcer.buildRoleLinks();
    const roles = enforcer.getRoleManager();
    for (const [domain, label] of [...PROBE_LINKS, ...links]) {
      await roles.addLink(domain, label);
      const rest = pace();
      if (rest !== null) await rest;
    }
    const oracle = new Oracle(enforcer, universe);
    oracle.#probe();
    return oracle;
  }

  /**
   * One decision over the given rows. No rows is a denial without asking: Casbin would evaluate its matcher over empty
   * strings.
   *
   * @throws PolicyError ERR_POLICY_INVARIANT for a word outside the universe; Casbin compares loosely (`['a'] == 'a'`)
   */
  decide(request: Request, rows: readonly CasbinRow[]): boolean {
    if (rows.length === 0) return false;
    const { source, destination, className, permission } = request;
    for (const word of [source, destination, className, permission]) {
      invariant(typeof word === 'string' && this.#universe.has(word), `"${word}" is not a word of this policy`);
    }
    return this.#enforce(source, destination, className, permission, rows);
  }

  #enforce(
    source: string,
    destination: string,
    className: string,
    permission: string,
    rows: readonly CasbinRow[],
  ): boolean {
    // Casbin types its rows as mutable; it only reads them.
    this.#assertion.policy = rows as unknown as string[][];
    try {
      // Only the boolean true allows; whatever else a later version may return is a denial.
      return this.#enforcer.enforceSync(source, destination, className, permission) === true;
    } finally {
      this.#assertion.policy = [];
    }
  }

  #probe(): void {
    for (const [index, [rows, permission, source, expected]] of PROBES.entries()) {
      if (this.#enforce(source, 'PROBE-DST', 'PROBE', permission, rows) === expected) continue;
      const message = `Casbin answered probe ${index + 1} with ${!expected}; this version of it cannot be relied on`;
      refuseFindings([{ file: 'model.conf', line: 0, column: 0, code: 'E-055', message }]);
    }
  }
}
