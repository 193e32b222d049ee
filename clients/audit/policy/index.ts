/** Entry of policy/: the policies of a log next to their use. */
export { type AccessUse, accessUse, decidedOtherwise, ruleUse } from './access.ts';
export { type AssertionProof, proveAssertions } from './assertion-proof.ts';
export { type LoadedPolicy, loadedPolicyOf, PolicyArchive } from './in-force.ts';
export { unusedRows } from './unused.ts';
export { UsageTally } from './usage.ts';
