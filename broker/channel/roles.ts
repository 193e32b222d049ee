/**
 * What differs between the ends of a channel: who speaks first, who may be at the other end, and in which frame each side
 * proves that it has derived the keys.
 *
 *   role               first record   other end   our proof                other side's proof
 *   domain             hello          a broker    ready                    welcome, first frame of its first record
 *   broker             (hello)        a domain    welcome, by the owner    ready, alone in its record
 *   remote-dialler     hello          a broker    proof                    proof, alone in its record
 *   remote-listener    (hello)        a broker    proof, after the other   proof, alone in its record
 */
import {
  type BrokerFrame,
  decodeBrokerFrame,
  decodeDomainFrame,
  encodeDomainFrame,
  FRAME_HEADER_BYTES,
  type FrameWalker,
  Op,
} from '../wire/index.ts';

export type ChannelRole = 'domain' | 'broker' | 'remote-dialler' | 'remote-listener';
export type WelcomeFrame = Extract<BrokerFrame, { readonly op: typeof Op.welcome }>;

export interface RoleRules {
  /** Says hello; else it answers one. */
  readonly isInitiator: boolean;
  /** The role that the other side's credential must have. */
  readonly other: 'domain' | 'broker';
  /** A hello may come beside a running session, which it replaces once it is proved. */
  readonly mayBeginAgain: boolean;
  /** The owner decides who is admitted, and says our proof itself, in its welcome frame. */
  readonly isAdmittedByOwner: boolean;
  /** The proof of ours that goes out by itself; null where the owner says it. */
  writeProof(commitment: Uint8Array): Uint8Array | null;
  /** The commitment in the frame that the walker stands at; null when it is another frame, or not where it must be. */
  readProof(walker: FrameWalker): Uint8Array | null;
}

const COMMITMENT_BYTES = 32;

function writeReady(commitment: Uint8Array): Uint8Array {
  return encodeDomainFrame({ op: Op.ready, commitment });
}

function readReady(walker: FrameWalker): Uint8Array | null {
  if (walker.hasMore) return null;
  const frame = decodeDomainFrame(walker.bytes, walker.at, walker.at + walker.length);
  return frame?.op === Op.ready ? frame.commitment : null;
}

function readWelcome(walker: FrameWalker): Uint8Array | null {
  return decodeWelcome(walker)?.commitment ?? null;
}

export function decodeWelcome(walker: FrameWalker): WelcomeFrame | null {
  const frame = decodeBrokerFrame(walker.bytes, walker.at, walker.at + walker.length);
  return frame?.op === Op.welcome ? frame : null;
}

function writeRemoteProof(commitment: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + COMMITMENT_BYTES);
  bytes[0] = bytes.length;
  bytes[OP_AT] = Op.proof;
  bytes.set(commitment, FRAME_HEADER_BYTES);
  return bytes;
}

/** Byte for byte what the other side would write with the same commitment: all other header fields are 0. */
function readRemoteProof(walker: FrameWalker): Uint8Array | null {
  if (walker.hasMore || walker.op !== Op.proof || walker.length !== FRAME_HEADER_BYTES + COMMITMENT_BYTES) return null;
  const { bytes, at } = walker;
  for (let offset = OP_AT + 1; offset < FRAME_HEADER_BYTES; offset++) if (bytes[at + offset] !== 0) return null;
  return bytes.subarray(at + FRAME_HEADER_BYTES, at + walker.length);
}

const OP_AT = 4;

export const ROLES: Readonly<Record<ChannelRole, RoleRules>> = Object.freeze({
  domain: {
    isInitiator: true,
    other: 'broker',
    mayBeginAgain: false,
    isAdmittedByOwner: false,
    writeProof: writeReady,
    readProof: readWelcome,
  },
  broker: {
    isInitiator: false,
    other: 'domain',
    mayBeginAgain: true,
    isAdmittedByOwner: true,
    writeProof: () => null,
    readProof: readReady,
  },
  'remote-dialler': {
    isInitiator: true,
    other: 'broker',
    mayBeginAgain: false,
    isAdmittedByOwner: false,
    writeProof: writeRemoteProof,
    readProof: readRemoteProof,
  },
  'remote-listener': {
    isInitiator: false,
    other: 'broker',
    mayBeginAgain: false,
    isAdmittedByOwner: false,
    writeProof: writeRemoteProof,
    readProof: readRemoteProof,
  },
});
