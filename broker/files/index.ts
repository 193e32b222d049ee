export { createFile } from './create-file.ts';
export { replaceFile, syncDirectory, writeDraft } from './replace-file.ts';
