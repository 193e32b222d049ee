/** Lines of changes of a policy: files, grants, and what is checked before a policy comes into force. */
import type { Mutant } from '../mutant.ts';

const IN_FORCE = ['test/service/policy-in-force.test.ts'];
const CHANGES = [...IN_FORCE, 'test/service/policy-changes.serial.test.ts'];
const GRANTS = ['test/service/grants.serial.test.ts'];
const STRUCTURAL = ['test/policy/decide/structural.test.ts'];
const DECISIONS = ['test/policy/decide/decider.test.ts'];
const ANALYSE = ['test/policy/analyse.test.ts'];

export const CHANGE: readonly Mutant[] = [
  {
    in: 'broker/service/reload.ts',
    find: 'if (this.#isApplied) {',
    replace: 'if (false) {',
    promise: 'no edit is lost',
    tests: CHANGES,
  },
  {
    in: 'broker/service/reload.ts',
    find: 'if (!this.#isApplied) {',
    replace: 'if (false) {',
    promise: 'no edit is lost',
    tests: CHANGES,
  },
  {
    in: 'broker/service/reload.ts',
    find: 'if (adds) {',
    replace: 'if (false) {',
    promise: 'without a log nothing passes',
    tests: CHANGES,
  },
  {
    in: 'broker/service/reload.ts',
    find: 'if (finish(addsAccess(this.#inForce, policy, changed))) return this.give(plan);',
    replace: '',
    promise: 'without a log nothing passes',
    tests: [...CHANGES, ...GRANTS],
  },
  {
    in: 'broker/service/reload.ts',
    find: 'if (this.#inForce !== base) continue;',
    replace: '',
    promise: 'a policy change takes back',
    tests: CHANGES,
  },
  {
    in: 'broker/service/reload.ts',
    find: "if (result === 'overtaken') continue;",
    replace: "if (result === 'overtaken') return this.#unchanged();",
    promise: 'no edit is lost',
    tests: CHANGES,
  },
  {
    in: 'broker/service/reload.ts',
    find: 'if (isHealthy && this.#isOwed) void this.run();',
    replace: '',
    promise: 'no edit is lost',
    tests: CHANGES,
  },
  {
    in: 'broker/service/reload.ts',
    find: 'add(this.#inForce.grants);',
    replace: '',
    promise: 'a grant ends when it says',
    tests: [...GRANTS, ...CHANGES],
  },
  {
    in: 'broker/service/reload.ts',
    find: 'const isCurrent = () => this.#inForce === base && change.isWanted?.() !== false;',
    replace: 'const isCurrent = () => this.#inForce === base;',
    promise: 'a grant ends when it says',
    tests: [...CHANGES, ...GRANTS],
  },
  {
    in: 'broker/service/grants.ts',
    find: 'for (const pending of this.#pending) if (pending.key === keyOf(request)) pending.isTakenBack = true;',
    replace: '',
    promise: 'a grant ends when it says',
    tests: [...CHANGES, ...GRANTS],
  },
  {
    in: 'broker/service/grants.ts',
    find: 'if (others.length >= MAX_GRANTS) return',
    replace: 'if (false) return',
    promise: 'memory is bounded',
    tests: [...GRANTS, ...CHANGES],
  },
  {
    in: 'broker/service/grants.ts',
    find: 'if (forMs !== null && !(Number.isInteger(forMs) && forMs >= 1 && forMs <= MAX_GRANT_MS))',
    replace: 'if (false)',
    promise: 'a grant ends when it says',
    tests: GRANTS,
  },
  {
    in: 'broker/service/grants.ts',
    find: 'if (forMs === null && !keep && home !== undefined && home.remote !== null)',
    replace: 'if (false)',
    promise: 'a grant ends when it says',
    tests: GRANTS,
  },
  {
    in: 'broker/service/grants.ts',
    find: 'return entry.expiresAt <= this.#clock.mono() || entry.expiresOnWall <= this.#clock.wall();',
    replace: 'return entry.expiresAt <= this.#clock.mono();',
    promise: 'a grant ends when it says',
    tests: [...CHANGES, ...GRANTS],
  },
  {
    in: 'broker/service/grants.ts',
    find: "const grace = reason === 'done' || reason === 'superseded' ? 0 : GRANT_GRACE_MS;",
    replace: 'const grace = GRANT_GRACE_MS;',
    promise: 'a grant ends when it says',
    tests: [...GRANTS, ...CHANGES],
  },
  {
    in: 'broker/service/grants.ts',
    find: 'if (!result.ok) result = await this.#reload.takeAway(plan(true));',
    replace: '',
    promise: 'a grant ends when it says',
    tests: [...GRANTS, ...CHANGES],
  },
  {
    in: 'broker/service/grants.ts',
    find: 'else for (const grant of ended) this.#expireNow(grant);',
    replace: '',
    promise: 'a grant ends when it says',
    tests: [...CHANGES, ...GRANTS],
  },
  {
    in: 'policy/decide/decider.ts',
    find: 'expansion.isAllowed(from, to, serviceClass, position) === allowed,',
    replace: 'true,',
    promise: 'a hook that fails is a denial',
    tests: DECISIONS,
  },
  {
    in: 'policy/decide/decider.ts',
    find: 'rule !== null && allowed === (denying === null),',
    replace: 'true,',
    promise: 'a hook that fails is a denial',
    tests: DECISIONS,
  },
  {
    in: 'policy/decide/structural-checks.ts',
    find: 'if (both === undefined) continue;',
    replace: 'continue;',
    promise: 'assertions bind every policy',
    tests: STRUCTURAL,
  },
  {
    in: 'policy/decide/structural-checks.ts',
    find: 'if (kind !== first && hasBit(relays, kind)) continue;',
    replace: '',
    promise: 'assertions bind every policy',
    tests: STRUCTURAL,
  },
  {
    in: 'policy/decide/structural-checks.ts',
    find: "if (serviceClass.flow === 'to-destination') continue;",
    replace: 'continue;',
    promise: 'assertions bind every policy',
    tests: STRUCTURAL,
  },
  {
    in: 'policy/decide/structural-checks.ts',
    find: 'if (count <= assertion.limit) continue;',
    replace: 'continue;',
    promise: 'assertions bind every policy',
    tests: STRUCTURAL,
  },
  {
    in: 'policy/analyse/waivers.ts',
    find: 'if (waiver === undefined || waiver.until < today) warnings.push(warning);',
    replace: 'if (waiver === undefined) warnings.push(warning);',
    promise: 'a waiver has a reason and an end',
    tests: ANALYSE,
  },
  {
    in: 'policy/analyse/waivers.ts',
    find: 'if (code === undefined || until === undefined || reason === undefined) {',
    replace: 'if (code === undefined || until === undefined || reason === undefined) continue; if (false) {',
    promise: 'a waiver has a reason and an end',
    tests: ANALYSE,
  },
  {
    in: 'policy/analyse/waivers.ts',
    find: 'if (!isUsed) warnings.push(',
    replace: 'if (false) warnings.push(',
    promise: 'a waiver has a reason and an end',
    tests: ANALYSE,
  },
];
