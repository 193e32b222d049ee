/** The numbers of a case, with their unit and reason. */

/** Records of a case: 10 000 proofs are some 20 MB. A larger selection is the log itself. */
export const MAX_CASE_RECORDS = 10_000;
/** Characters of a name, a note, a question or a remark. */
export const MAX_CASE_TEXT = 4_000;
/** Bytes of a case file that are read: twice the largest that is written with records of the usual length. */
export const MAX_CASE_BYTES = 64 * 1024 * 1024;
