export { type Backup, openBackup, sealBackup } from './backup.ts';
export { isSealed, openSealed, sealText } from './seal.ts';
export { type AuthorityShare, joinShares, parseShare, splitBackup } from './shares.ts';
export {
  makeTransferKey,
  openTransfer,
  parseTransferKey,
  sealTransfer,
  transferThumbprint,
} from './transfer.ts';
