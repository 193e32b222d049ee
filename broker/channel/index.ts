/** What authentication makes of a carrier: the handshake, both roles, and the protection of records. Pure. */
export {
  answerHello,
  beginHello,
  type Established,
  type HandshakeContext,
  type HandshakeFault,
  type HandshakeResult,
  type Hello,
  type Welcome,
} from './handshake.ts';
export {
  type Clock,
  type EpochLimits,
  HARD_EPOCH_LIMITS,
  Opener,
  type SealedRecord,
  Sealer,
  SOFT_EPOCH_LIMITS,
} from './protection.ts';
