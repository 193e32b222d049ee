/** The door of policy/: what is allowed. The functions that make permits stay inside. */

export { addsAccess } from './analyse/index.ts';
export type {
  AccessVector,
  CompiledPolicy,
  Domain,
  DomainId,
  Domains,
  Grant,
  Inspectors,
  ReferenceMonitor,
  ServiceClass,
  ServiceClasses,
} from './contract/index.ts';
export {
  type Decision,
  Denial,
  type DenialReason,
  Permit,
  type Revision,
  type RuleRef,
  routes4,
  routes6,
  type Station,
} from './contract/index.ts';
export {
  type CompileOptions,
  compilePolicy,
  copyShippedPolicy,
  type LoadOptions,
  loadPolicy,
  POLICY_FILE_NAMES,
  type PolicyBuild,
  type PolicyFiles,
  type PolicyRevision,
  type PolicyWatch,
  regrantPolicy,
  reloadPolicy,
  SHIPPED_POLICY_DIRECTORY,
  servingPace,
  type WatchOptions,
  watchPolicy,
} from './load/index.ts';
export {
  type Finding,
  type FindingCode,
  finish,
  finishPaced,
  formatFinding,
  PolicyError,
  type PolicyErrorCode,
} from './read/index.ts';
