/** Entry of broker/audit/: the tamper-evident log, a version of it in memory, and the functions for an auditor. */
export { bodyEnd, escapeUnsafe, hashLine, type ParsedLine, parseLine } from './chain.ts';
export { AuditError, type AuditErrorCode } from './errors.ts';
export {
  type Checkpoint,
  type CheckpointSigner,
  cosignerKeyOf,
  formatVerifierKey,
  leafHash,
  noteKeyOf,
  type ProofFault,
  type ProofVerdict,
  parseCheckpoint,
  parseVerifierKey,
  type RecordProof,
  SIGNATURE_COSIGNATURE,
  type VerifierKey,
  verifierKey,
  verifyProof,
  verifyRecordProof,
} from './evidence/index.ts';
export type { AuditReader } from './files/files.ts';
export {
  DOMAIN_BYTES_PER_HOUR,
  MAX_RETAINED_RECORDS,
  MAX_WITNESS_REQUEST_BYTES,
  MAX_WITNESSES,
  MIN_DOMAIN_BYTES_PER_HOUR,
  MIN_LOG_BYTES,
} from './limits.ts';
export type { AuditHead, AuditLog, LogShare } from './log.ts';
export {
  hashOfRecord,
  latestCheckpoint,
  type ProvenRecords,
  proveConsistency,
  proveRecord,
  proveRecords,
  readVerifierKey,
} from './prove.ts';
export { followAudit, type PlacedLine, type TailLine } from './read/follow.ts';
export type { LinePlace } from './read/lines.ts';
export {
  auditReader,
  parsedOf,
  placeAfter,
  type RawLine,
  readAudit,
  readLineAt,
  readLineParts,
  readLines,
} from './read/read.ts';
export { type NumberedRecord, readRecord } from './read/record.ts';
export { type AuditStatus, auditStatus } from './read/status.ts';
export { tailAudit } from './read/tail.ts';
export { nodeSha256, openSha256, type Sha256 } from './sha256.ts';
export type { SignedState } from './signed-state.ts';
export { type LogProblem, type ProblemCode, type VerifyResult, verifyAudit } from './verify/index.ts';
export { type WitnessedNotes, type WitnessReport, witnessesOf } from './verify/witnesses.ts';
export {
  addCheckpoint,
  type BrokerWitness,
  type Cosigner,
  fetchWitnessed,
  fetchWitnessHolder,
  httpCosigner,
  type OpenWitness,
  type OwnKey,
  openBrokerWitness,
  openWitness,
  openWitnessBeside,
  openWitnessFeed,
  readWitnessKey,
  storeIn,
  Witness,
  type WitnessAnswer,
  WitnessFeed,
  type WitnessTrouble,
} from './witness/index.ts';
export { isPayloadOf } from './write/digests.ts';
export { inspectAuditLog } from './write/inspect.ts';
export { type MemoryAudit, memoryAudit } from './write/memory.ts';
export { type AuditHost, type AuditOptions, openAuditLog } from './write/open.ts';
export type { RetentionOptions } from './write/upkeep/retention.ts';
