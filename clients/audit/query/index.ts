/** The door of query/: one grammar for the command line, the console and whoever embeds them. */
export { FIELDS, type Field, fieldOf, hourOf, member, RecordRow, type Row } from './fields.ts';
export { parseQuestion } from './grammar.ts';
export { type Predicate, predicateOf } from './matches.ts';
