/**
 * The oracle: Casbin, behind the one question we ask it. The only file that imports it.
 *
 * Casbin is the security server in Flask's sense: it decides, the AVC remembers. Casbin scans all rows it has for each
 * decision (28 ms at 10 000), so it is given only the rows that name the subjects of this request; the rows of one decision
 * are set and asked for in one synchronous step. It is asked about kinds, not about domains: a kind is linked once to
 * everything it has and is never changed. An enforcer belongs to one set of files and is never loaded again: Casbin's
 * loadPolicy clears first and reads then. The enforcer never leaves this file, so no other code can disable it.
 */
import { type Enforcer, newEnforcer, newModelFromString } from 'casbin';
import { invariant, MODEL_TEXT, refuseFindings } from '../read/index.ts';

/** source, destination, class, permission, effect: a `p` row as Casbin takes it. */
export type CasbinRow = readonly [
  source: string,
  destination: string,
  className: string,
  permission: string,
  effect: string,
];

export interface Request {
  /** Name under which the source was introduced. */
  readonly source: string;
  /** Name under which the destination was introduced. */
  readonly destination: string;
  readonly className: string;
  readonly permission: string;
}

/** Requests that no policy can contain (upper case) and what Casbin must say: pins effect, matcher and role links. */
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
  /** The policy array of the enforcer's `p` assertion: the next decision scans it. */
  readonly #assertion: { policy: string[][] };
  /** Links a member to a label, at once. */
  readonly #link: (member: string, label: string) => void;
  /** Classes and permissions that can be asked about. */
  readonly #words: ReadonlySet<string>;
  /** Sources and destinations that can be asked about. */
  readonly #introduced = new Set<string>();

  private constructor(enforcer: Enforcer, words: ReadonlySet<string>) {
    const assertion = enforcer.getModel().model.get('p')?.get('p');
    invariant(assertion !== undefined, 'the model has no "p" definition');
    this.#enforcer = enforcer;
    this.#assertion = assertion;
    this.#words = words;
    const roles = enforcer.getRoleManager();
    // Casbin's addLink returns a promise but has done its work when it returns; the probes would notice if that changed.
    this.#link = (member, label) => void roles.addLink(member, label);
  }

  /**
   * @param words every class and permission that can be asked about
   * @throws PolicyError ERR_POLICY_ORACLE when Casbin does not answer the probes as it must
   */
  static async create(words: ReadonlySet<string>): Promise<Oracle> {
    const enforcer = await newEnforcer(newModelFromString(MODEL_TEXT));
    // Ties the role manager to the model; only then do links that are added to it count.
    await enforcer.buildRoleLinks();
    const oracle = new Oracle(enforcer, words);
    oracle.#probe();
    return oracle;
  }

  /**
   * Makes a source or destination known, with everything it has: transitively closed, because Casbin follows at most ten
   * links, and follows dense graphs for ever. What is known already stays as it is.
   */
  introduce(name: string, subjects: readonly string[]): void {
    if (this.#introduced.has(name)) return;
    for (const subject of subjects) this.#link(name, subject);
    this.#introduced.add(name);
  }

  /**
   * One decision over the given rows. No rows is a denial without asking: Casbin would evaluate its matcher over empty
   * strings.
   *
   * @throws PolicyError ERR_POLICY_INVARIANT for an unknown word; Casbin compares loosely (`['a'] == 'a'`)
   */
  decide(request: Request, rows: readonly CasbinRow[]): boolean {
    if (rows.length === 0) return false;
    const { source, destination, className, permission } = request;
    for (const [known, word] of [
      [this.#introduced, source],
      [this.#introduced, destination],
      [this.#words, className],
      [this.#words, permission],
    ] as const) {
      invariant(typeof word === 'string' && known.has(word), `"${word}" is not a word of this policy`);
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
    this.#link('PROBE-VM', '@PROBE');
    for (const [index, [rows, permission, source, expected]] of PROBES.entries()) {
      if (this.#enforce(source, 'PROBE-DST', 'PROBE', permission, rows) === expected) continue;
      const message = `Casbin answered probe ${index + 1} with ${!expected}; this version of it cannot be relied on`;
      refuseFindings([{ file: 'model.conf', line: 0, column: 0, code: 'E-055', message }]);
    }
  }
}
