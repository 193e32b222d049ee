export type { CompiledPolicy, Grant } from './compiled-policy.ts';
export type { Domain, Domains } from './domain.ts';
export {
  LOAD_SLICE_MS,
  MANY_MEMBERS,
  MAX_CLASSES,
  MAX_CSV_BYTES,
  MAX_DOMAINS,
  MAX_DOMID,
  MAX_FINDINGS,
  MAX_LABEL_DEPTH,
  MAX_LABELS,
  MAX_LINE_LENGTH,
  MAX_MODEL_BYTES,
  MAX_PORT_RANGES,
  MAX_ROUTES,
  MAX_ROWS,
  MAX_SLAAC_PREFIXES,
  MAX_YAML_BYTES,
  MAX_YAML_DEPTH,
  WATCH_MAX_SETTLE_MS,
  WATCH_POLL_MS,
  WATCH_SETTLE_MS,
  WATCH_UNREADABLE_MS,
} from './limits.ts';
export type { AccessVector, ReferenceMonitor } from './monitor.ts';
export { ANY_LABEL, BROKER_NAME, isLabel, isName, isPermissionName, WILDCARD } from './names.ts';
export {
  type Decision,
  Denial,
  type DenialReason,
  Permit,
  type Revision,
  type RuleRef,
  toRevision,
  type UnfitReason,
} from './permit.ts';
export { formatPortRange, type PortRange, PortTable, parsePortRange } from './ports.ts';
export type { Inspectors, ServiceClass, ServiceClasses } from './services.ts';
export {
  createStations,
  macNumber,
  NO_STATION,
  routes4,
  routes6,
  SLAAC_PREFIX_BITS,
  type Station,
} from './station.ts';
