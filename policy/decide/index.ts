export { checkAssertions, kindsOf, kindsOfDomains } from './assertion-checks.ts';
export { ASSERTIONS_FILE, type Assertion, type Assertions, readAssertions } from './assertions.ts';
export { AuditRows, auditRowFor } from './audit-rows.ts';
export { AccessVectorCache } from './avc.ts';
export {
  addBits,
  type Bits,
  bitsMeet,
  emptyBits,
  hasBit,
  isEmptyBits,
  keepBits,
  membersOf,
  removeBits,
  setBit,
} from './bits.ts';
export { Decider, type Examined, type Rulebook } from './decider.ts';
export { createDomains, relabelDomains } from './domain-table.ts';
export { Expansion } from './expansion.ts';
export { Kinds, Placement } from './kinds.ts';
export { Oracle } from './oracle.ts';
export { Permissive, PermissiveReach } from './permissive.ts';
export { type PolicyTest, readTests, reportTests, runTests, TESTS_FILE, type TestResult } from './policy-tests.ts';
export { type Rule, RuleIndex } from './rule-index.ts';
export { checkStructure } from './structural-checks.ts';
