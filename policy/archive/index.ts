export { type ArchiveReader, type Loss, memoryArchive, type RevisionArchive } from './archive.ts';
export type { Attribution, ChangeCause, RevisionEntry } from './entry.ts';
export { archivedFiles, type FoundPolicy, findArchived } from './find.ts';
export { archiveOf, openArchive, readArchive } from './open.ts';
