/** The door of policy/: what is allowed. The functions that make permits stay inside. */
export {
  type CompiledPolicy,
  type CompileOptions,
  compilePolicy,
  type Grant,
  POLICY_FILE_NAMES,
  type PolicyFiles,
} from './compile.ts';
export { type LoadOptions, loadPolicy, type PolicyRevision, recompilePolicy } from './directory.ts';
export type { Domain, DomainId, Domains } from './domain.ts';
export { PolicyError, type PolicyErrorCode } from './errors.ts';
export { type Finding, type FindingCode, formatFinding } from './finding.ts';
export type { AccessVector, ReferenceMonitor } from './monitor.ts';
export { type Decision, Denial, type DenialReason, Permit, type Revision, type RuleRef } from './permit.ts';
export type { Inspectors, ServiceClass, ServiceClasses } from './services.ts';
export { copyShippedPolicy, SHIPPED_POLICY_DIRECTORY } from './shipped.ts';
export { hasHostBits, mask4, routes4, routes6, type Station } from './station.ts';
export { type PolicyWatch, type WatchOptions, watchPolicy } from './watch.ts';
