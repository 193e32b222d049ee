/** The door of policy/: what is allowed. The functions that make permits stay inside. */

export type { Domain, DomainId, Domains } from './contract/domain.ts';
export type { AccessVector, ReferenceMonitor } from './contract/monitor.ts';
export { type Decision, Denial, type DenialReason, Permit, type Revision, type RuleRef } from './contract/permit.ts';
export type { Inspectors, ServiceClass, ServiceClasses } from './contract/services.ts';
export { hasHostBits, mask4, routes4, routes6, type Station } from './contract/station.ts';
export {
  type CompiledPolicy,
  type CompileOptions,
  compilePolicy,
  type Grant,
  POLICY_FILE_NAMES,
  type PolicyFiles,
} from './load/compile.ts';
export { type LoadOptions, loadPolicy, type PolicyRevision, recompilePolicy } from './load/directory.ts';
export { copyShippedPolicy, SHIPPED_POLICY_DIRECTORY } from './load/shipped.ts';
export { type PolicyWatch, type WatchOptions, watchPolicy } from './load/watch.ts';
export { PolicyError, type PolicyErrorCode } from './read/errors.ts';
export { type Finding, type FindingCode, formatFinding } from './read/finding.ts';
