export { ASSERTIONS_FILE, checkAssertions, readAssertions } from './assertions.ts';
export { AccessVectorCache } from './avc.ts';
export { Decider, type Examined } from './decider.ts';
export { createDomains } from './domain-table.ts';
export { Oracle } from './oracle.ts';
export { readTests, runTests, TESTS_FILE } from './policy-tests.ts';
export { RuleIndex } from './rule-index.ts';
