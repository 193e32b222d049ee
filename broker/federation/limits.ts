/** Every number of the federation that we chose, with unit and reason. */

/**
 * Bytes of sends to one broker that it has not decided yet. Each sender has a share of it (see undecided.ts). A sender
 * over its share gets EBUSY, waits until all its sends are decided, and tries again later. So a lone sender has room for
 * 9 MiB under way, which takes longer to decide than a retry. All of it has to cross within DECISION_TIMEOUT_MS: at 30
 * Mbit/s it does.
 */
export const MAX_UNDECIDED_BYTES = 18 * 1024 * 1024;
/** The same, counted: one acknowledgement may decide all of them in one piece. */
export const MAX_UNDECIDED_SENDS = 65_536;
/** Memory of an undecided send besides its bytes: the copy's object, its entry, and its place in the queue. */
export const UNDECIDED_HELD_BYTES = 256;
/**
 * Remote rings to which one session's ordered sends are held back. At this number all ordered sends of the session are
 * held back: it must first send the refused messages again.
 */
export const MAX_GATES_PER_SESSION = 1_024;
/**
 * Bytes queued for a broker that does not read. Above this, the broker is not read either. The limit is larger than all
 * undecided sends and the answers to as many, so that two brokers never block each other.
 */
export const MAX_QUEUED_BYTES = 32 * 1024 * 1024;
/** Unanswered questions about a broker's rings: in total, and of one domain. Beyond them a notify gets EBUSY. */
export const MAX_QUESTIONS = 1_024;
export const MAX_QUESTIONS_PER_DOMAIN = 32;
/** A decision takes two crossings of the NATS server. Without one for this time the other broker is considered gone. */
export const DECISION_TIMEOUT_MS = 5_000;
/** Interval of the reports between brokers. They also keep an idle session alive. */
export const REPORT_MS = 2_000;
/**
 * A revocation list crosses in pieces of this many bytes. Several frames fit into a record, so a list never holds up
 * messages for longer than one record does.
 */
export const LIST_PIECE_BYTES = 16_384;
/** Bytes of a revocation list that a broker accepts from another one: the limit of the list itself. */
export const MAX_LIST_BYTES = 2 ** 20;
/** A session without a record for this time ends. */
export const SILENCE_MS = 7_000;
/** Interval at which silence and overdue decisions are checked. */
export const LOOK_MS = 500;
/** Time from the hello to the proof. */
export const HANDSHAKE_MS = 5_000;
/** An unreachable broker is dialled again after this time, which doubles up to the maximum. */
export const FIRST_REDIAL_MS = 100;
export const MAX_REDIAL_MS = 2_000;
/** Bytes of a frame about cosigning: 63 hashes and a note with one signature are some 4 KiB. */
export const MAX_COSIGNING_BYTES = 16_384;
/** A cosignature takes two crossings and a write to the other broker's disk. Without it for this time it has failed. */
export const COSIGNING_MS = 10_000;
