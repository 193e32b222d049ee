/** Entry of derived/: an index of a log, for questions to many records. */
export { eachLine, groupsOf, malformedLines, timelineOf } from './answers.ts';
export { DerivedIndex } from './derived-index.ts';
export { openDatabase } from './duckdb.ts';
export { hasIndex, indexFile, prepareIndexDirectory, removeIndex } from './index-file.ts';
export { INDEX_POLL_MS } from './limits.ts';
