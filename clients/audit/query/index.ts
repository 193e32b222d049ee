/** Entry of query/: one grammar for the command line, the console and embedding programs. */
export { FIELDS, fieldOf, hourOf, member, type QueryField, type QueryRow, RecordRow } from './fields.ts';
export { parseQuestion } from './grammar.ts';
export { type Predicate, predicateOf } from './matches.ts';
export { parseTime, TIME_WORDS } from './times.ts';
