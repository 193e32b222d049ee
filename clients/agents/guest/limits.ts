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

/** Programs with a session of their own at one time; each costs a socket, its rings and its window. */
export const MAX_PROGRAMS = 32;
/** Sends of one program without an outcome, and their bytes: beyond, the agent does not read from the program. */
export const PROGRAM_WINDOW_MESSAGES = 1024;
export const PROGRAM_WINDOW_BYTES = 1024 * 1024;
/** Requests of one program without an answer; all programs together stay below the 4096 of the session. */
export const PROGRAM_REQUESTS = 64;
/** Rings of one program: a quarter of the 128 that Argo gives to a domain. */
export const PROGRAM_RINGS = 32;
/** Ring bytes of one program: a largest ring and as much again, half of what a broker gives to a domain by default. */
export const PROGRAM_RING_BYTES = 32 * 1024 * 1024;
/** Bytes for a program that the kernel has not taken yet: beyond, a program that owes nothing would cost memory without end. */
export const PROGRAM_BACKLOG_BYTES = 40 * 1024 * 1024;
/** Lines of events that a program has not read: beyond, it is hung up on. A line is under 60 bytes. */
export const MAX_EVENT_BACKLOG_BYTES = 64 * 1024;
