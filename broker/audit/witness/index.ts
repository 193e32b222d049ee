/** Entry of witness/: cosigning checkpoints, and getting them cosigned (c2sp.org/tlog-witness). */
export { type BrokerWitness, openBrokerWitness, openWitnessBeside, readWitnessKey } from './cluster.ts';
export {
  COSIGNED_FILE,
  type Cosigner,
  openWitnessFeed,
  WitnessFeed,
  type WitnessTrouble,
} from './feed.ts';
export { addCheckpoint, fetchWitnessed, fetchWitnessHolder, httpCosigner } from './http-cosigner.ts';
export { type OpenWitness, type OwnKey, openWitness, storeIn } from './open.ts';
export { formatWitnessRequest, parseWitnessRequest, type WitnessAnswer } from './request.ts';
export { Witness } from './witness.ts';
