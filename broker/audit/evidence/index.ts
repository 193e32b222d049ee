/** Entry of evidence/: tree, signed notes, checkpoints and proofs, as the C2SP specifications define them. */
export {
  type Checkpoint,
  type CheckpointSigner,
  cosignerKeyOf,
  noteKeyOf,
  originOf,
  parseCheckpoint,
  signCheckpoint,
  splitNotes,
} from './checkpoint.ts';
export {
  cosignature,
  cosignedAt,
  cosignedMessage,
  decodeBase64,
  formatNote,
  formatSignatureLine,
  formatVerifierKey,
  type NoteSignature,
  parseNote,
  parseVerifierKey,
  SIGNATURE_COSIGNATURE,
  SIGNATURE_ED25519,
  type VerifierKey,
  verifierKey,
  verifyNote,
} from './note.ts';
export { InclusionPaths } from './paths.ts';
export {
  formatProof,
  type ProofFault,
  type ProofVerdict,
  parseProof,
  type RecordProof,
  verifyProof,
  verifyRecordProof,
} from './proof.ts';
export {
  CompactRange,
  consistencyRanges,
  EMPTY_ROOT,
  inclusionRanges,
  isConsistent,
  isIncluded,
  type LeafRange,
  leafHash,
  nodeHash,
  RangeRoots,
  type TreeNode,
} from './tree.ts';
