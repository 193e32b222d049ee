/** Entry of query/: one grammar for the command line, the console and embedding programs. */
export {
  FIELDS,
  fieldOf,
  hourOf,
  member,
  NUMERIC_FIELDS,
  type QueryField,
  type QueryRow,
  RecordRow,
} from './fields.ts';
export { parseQuestion, type Question } from './grammar.ts';
export { labelField, type Predicate, predicateOf } from './matches.ts';
export { parseTime, TIME_WORDS } from './times.ts';
