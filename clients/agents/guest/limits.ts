/** Every number of the agent that we chose, with unit and reason. */

/** Longest opening line of a local connection: the longest request is under 100 bytes. */
export const MAX_REQUEST_BYTES = 256;
/** Local connections at one time; each may hold a window of messages. */
export const MAX_LOCAL_CONNECTIONS = 64;
/** Bytes of one connection whose outcome is not known yet, and messages: enough to keep a session busy. */
export const SEND_WINDOW_BYTES = 512 * 1024;
export const SEND_WINDOW_MESSAGES = 256;
/** A message to a full ring waits this long unless the request says otherwise: a receiver that is being restarted. */
export const DEFAULT_DEADLINE_MS = 10_000;
export const MAX_DEADLINE_MS = 3_600_000;
/** Default ring of `argus ring recv`: a second of audio, with room to spare. */
export const DEFAULT_RING_BYTES = 256 * 1024;
/** Payload of one message of `argus ring send`: a record takes several, and a default ring several dozen. */
export const DEFAULT_MESSAGE_BYTES = 8 * 1024;
/** Until the first session is tried again: the port, the host or the credential may come later than the agent. */
export const FIRST_SESSION_RETRY_MS = 1_000;
/** `sun_path` less its terminator. */
export const MAX_UNIX_PATH_BYTES = 107;
/** An enrolment answer: a credential (8 KiB at most) and a key. */
export const MAX_ENROL_LINE_BYTES = 16 * 1024;
/** One-time token: 256 bits, so that an attacker cannot guess it with any number of attempts. */
export const TOKEN_BYTES = 32;
/** Wrong proofs after which an enrolment ends and a new token is needed. */
export const MAX_ENROL_ATTEMPTS = 3;
