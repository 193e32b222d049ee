export { replaceFile, syncDirectory, writeDraft } from './replace-file.ts';
