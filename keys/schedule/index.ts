export { type Ephemeral, generateEphemeral } from './ephemeral.ts';
export {
  deriveSessionSecrets,
  EpochSecret,
  type FreshKeys,
  firstOfNextAgreement,
  freshEpoch,
  nextEpoch,
} from './schedule.ts';
