export { type Ephemeral, generateEphemeral } from './ephemeral.ts';
export { deriveSessionSecrets, EpochSecret, nextEpoch } from './schedule.ts';
