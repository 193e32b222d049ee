export { didYouMean } from '../../broker/base/index.ts';
export { checkModel, MODEL_TEXT, sha256Hex } from './casbin-model.ts';
export { type BoundClass, PortBinder, readClasses, SERVICES_FILE } from './classes.ts';
export { type Row, splitRows } from './csv.ts';
export { invariant, PolicyError, type PolicyErrorCode, refuseFindings } from './errors.ts';
export { CATALOGUE, type Finding, type FindingCode, formatFinding, type Place } from './finding.ts';
export { DOMAINS_FILE, type Inventory, type Membership, readInventory } from './inventory.ts';
export { type Closure, closeLabels } from './labels.ts';
export { createPace, finish, finishPaced, type Pace, unhurried, type Work } from './pace.ts';
export { type AuditRow, POLICY_FILE, type PolicyRow, readPolicyRows } from './policy-rows.ts';
export { RowReader } from './row-reader.ts';
export {
  type Access,
  type Effect,
  isAskedOfBroker,
  permissionsMeet,
  type Vocabulary,
  vocabularyOf,
} from './vocabulary.ts';
export { parseYaml } from './yaml.ts';
