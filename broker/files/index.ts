export { createFile } from './create-file.ts';
export { listenPrivately, makePrivately } from './private-socket.ts';
export { replaceFile, syncDirectory, writeDraft } from './replace-file.ts';
