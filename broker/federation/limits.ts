/** Every number of the federation that we chose, with unit and reason. */

/**
 * Bytes of sends to one broker that it has not decided yet. A sender has a share of it (see undecided.ts); past the share
 * it gets EBUSY and tries again.
 */
export const MAX_UNDECIDED_BYTES = 8 * 1024 * 1024;
/** The same, counted: one acknowledgement may decide all of them in one piece, for about 3 ms. */
export const MAX_UNDECIDED_SENDS = 16_384;
/** What a send that waits for its decision holds beside its bytes: the copy's object, its entry, and its place in the queue. */
export const UNDECIDED_HELD_BYTES = 256;
/**
 * Rings there that one session's ordered sends are held back from. With so many the session has all its ordered sends held
 * back: it must first send again what was refused.
 */
export const MAX_GATES_PER_SESSION = 1_024;
/**
 * Bytes queued for a broker that does not read; past it nothing more is read from it. Above what all undecided sends and
 * all answers to as many can be, so that two brokers never stop reading because of each other.
 */
export const MAX_QUEUED_BYTES = 32 * 1024 * 1024;
/** Questions about rings there that it has not answered: in all, and of one domain; past them a notify is EBUSY. */
export const MAX_QUESTIONS = 1_024;
export const MAX_QUESTIONS_PER_DOMAIN = 32;
/** A decision takes two crossings of the NATS server. Without one for this long the other broker is taken for gone. */
export const DECISION_TIMEOUT_MS = 5_000;
/** How often a broker tells the other how it is; also what keeps an idle session alive. */
export const REPORT_MS = 2_000;
/**
 * A revocation list crosses in pieces of this many bytes. Several frames fit into a record, so a list never holds up
 * messages for longer than one record does.
 */
export const LIST_PIECE_BYTES = 16_384;
/** Bytes of a revocation list that a broker accepts from another one: as many as the list itself may have. */
export const MAX_LIST_BYTES = 2 ** 20;
/** Nothing heard for this long ends the session. */
export const SILENCE_MS = 7_000;
/** How often the two above are looked at. */
export const LOOK_MS = 500;
/** From the hello to the proof. */
export const HANDSHAKE_MS = 5_000;
/** A broker that could not be reached is dialled again after this long; doubles up to the maximum. */
export const FIRST_REDIAL_MS = 100;
export const MAX_REDIAL_MS = 2_000;
