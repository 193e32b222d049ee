/**
 * The differences between the ends of a channel: which end speaks first, which role the other end must have, and in
 * which frame each end proves that it has derived the keys.
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
  /** True: this end sends the hello. False: it answers one. */
  readonly isInitiator: boolean;
  /** The role that the other side's credential must have. */
  readonly other: 'domain' | 'broker';
  /** A hello may arrive while a session runs. The new session replaces the old one once it is proved. */
  readonly mayBeginAgain: boolean;
  /** The owner decides about admission, and sends our proof itself, in its welcome frame. */
  readonly isAdmittedByOwner: boolean;
  /** Our proof, if the channel sends it; null when the owner sends it. */
  writeProof(commitment: Uint8Array): Uint8Array | null;
  /** The commitment in the walker's present frame. Null: it is another frame, or not in its required position. */
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

/** Accepts only the exact bytes that an honest side writes with this commitment: all other header fields are 0. */
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
