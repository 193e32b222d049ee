/** Every number that we chose, with unit and reason. What the format fixes is in broker/wire/constants.ts. */

/** From the first byte of a carrier to the proof of its keys. */
export const HANDSHAKE_TIMEOUT_MS = 5_000;
/** Allowed difference of wall clocks for credentials. */
export const CLOCK_TOLERANCE_SECONDS = 60;
/** Sum of one domain's rings: what a receiver may make the broker hold for it. */
export const RING_BYTES_PER_DOMAIN = 64 * 1024 * 1024;
/** Of the machine's memory (or the cgroup's), what messages of all domains may take unless the operator says otherwise. */
export const MACHINE_MEMORY_SHARE = 0.25;
/** The least that `limits.memoryBytes` may be: a record of the largest message and what goes with it, for a few domains. */
export const MIN_MEMORY_BYTES = 64 * 1024 * 1024;
/** Cached look-ups per sending domain; a few thousand destinations are a busy system. */
export const ROUTES_PER_DOMAIN = 4_096;
/** Answers and events queued for a domain that does not read; past it nothing more is read from it. */
export const CONTROL_BYTES_PER_SESSION = 262_144;
/**
 * What a session may make the broker hold uncharged beside its messages: a chunk that was read and waits for its turn.
 * More than that is charged to its domain: see broker/peer/session-memory.ts.
 */
export const SESSION_FREE_BYTES = 262_144;
/** How soon a session that was over its share of memory is looked at again: a message's room comes back in about this time. */
export const MEMORY_RETRY_MS = 20;
/** Sealed bytes given to a carrier before it must drain: revocation cannot reach what is sealed, so this is small. */
export const CARRIER_HIGH_WATER_BYTES = 262_144;
/** Memory that all sockets are read into: a few records at a time, so that most lie whole in it. */
export const READ_BUFFER_BYTES = 262_144;
/** How long an acknowledgement may wait for a reply to ride on: the shortest timer there is. */
export const ACK_DELAY_MS = 1;
/** How long the acknowledgement of a paced stream may wait for further records: QUIC's max_ack_delay (RFC 9000 §18.2). */
export const PACED_ACK_DELAY_MS = 25;
/** Records this far apart may be a paced stream's; an answer and what waited for it take a fraction. */
export const PACE_MS = 2;
/** Such records before it is tried out whether the peer goes on without an answer … */
export const FIRST_PACE_TRIAL = 8;
/** … and at most between two trials: who does wait then loses 1 % at 10 ms a record. */
export const MAX_PACE_TRIAL = 256;
/** Buffers that are together no longer than this are written as one: a vector costs a microsecond more than the copy. */
export const JOINED_WRITE_BYTES = 4_000;
/** Record buffers kept for reuse by all sessions together: 64 of 95 KiB. */
export const POOLED_CHUNKS = 64;
/** A peer that has been silent this long is asked; twice more silent, it is given up (serial carriers do not tell). */
export const PING_AFTER_MS = 15_000;
export const SILENCE_LIMIT_MS = 45_000;
/** Unauthenticated carriers at one time on a domain's own socket: itself, its successor, and some slack. */
export const MAX_UNAUTHENTICATED_UNIX = 8;
/** The same on a TCP listener, which all domains share; each may hold MAX_HANDSHAKE_BODY_BYTES. */
export const MAX_UNAUTHENTICATED_TCP = 128;
/** How long a refused handshake keeps its place: with the numbers above, refusals a second that the log must take. */
export const REFUSED_PLACE_MS = 1_000;
/** Sessions that a domain may open at once, and then one per interval: more than any reboot or flapping carrier needs. */
export const SESSIONS_AT_ONCE = 32;
export const SESSION_INTERVAL_MS = 1_000;
/** `sun_path` less its terminator; macOS has the least of the systems we run on. */
export const MAX_UNIX_PATH_BYTES = 103;
/** How long a carrier that was ended from here may take to end from there: a stranger must not keep its socket open. */
export const GOODBYE_MS = 1_000;
/** How long shutdown waits for carriers to take what is queued for them. */
export const DRAIN_TIMEOUT_MS = 2_000;
/** Run-time grants at one time; each makes every change of the overlay a little slower. */
export const MAX_GRANTS = 256;
/** Longest grant, 24 days: what a timer can hold. What is to last longer belongs into the policy. */
export const MAX_GRANT_MS = 24 * 24 * 3_600_000;
/** Characters of a grant's reason and of the granter's name. */
export const MAX_GRANT_TEXT = 200;
/** How long the grants of a VM wait for it when its carrier breaks: SDKs are back within 10 s. */
export const GRANT_GRACE_MS = 30_000;
/**
 * How often the clocks are looked at while a grant has an end: Node has no timer that follows the wall clock (timerfd), so
 * a step of it, or the end of the host's sleep, is noticed within this time. A look costs some microseconds.
 */
export const GRANT_LOOK_MS = 50;
/** Between attempts to end a grant while the log cannot be written; nothing is sent meanwhile. */
export const GRANT_RETRY_MS = 1_000;
/** One incident with a key is recorded at most this often: anybody on a carrier can replay a hello. */
export const INCIDENT_QUIET_MS = 60_000;
/** Incidents that status shows; all of them are in the audit log. */
export const MAX_INCIDENTS = 64;
/** Lines of one cause that the log on stderr takes at once, and then one per interval: a reboot writes four. */
export const LOG_LINES_AT_ONCE = 16;
export const LOG_INTERVAL_MS = 10_000;
/** Of one domain: the broker has half as many different messages about a domain. */
export const LOG_CAUSES_PER_DOMAIN = 16;
/** Causes that are told apart: a few messages for each of some hundred domains. */
export const MAX_LOG_CAUSES = 4_096;
/** How often silence and expiry are looked at. */
export const SWEEP_MS = 5_000;
/** Until a virtual machine's socket is tried again: soon enough for somebody who watches the machine start. */
export const DIAL_AGAIN_MS = 1_000;
/** How long a VMM may take to answer CONNECT: the guest has to accept. */
export const VSOCK_ANSWER_MS = 5_000;

/** Connections to the control socket at one time: each is a file descriptor that a VM's socket or the log may need. */
export const MAX_CONTROL_CONNECTIONS = 32;
/** The same on the metrics port, which needs no credential: a scraper opens one. */
export const MAX_METRICS_CONNECTIONS = 16;
/** How long a control or metrics connection may take to send the head of its request. */
export const CONTROL_HEADERS_MS = 5_000;
/** How long it may take to send the whole request: a policy of 15 MB over a unix socket takes less than one second. */
export const CONTROL_REQUEST_MS = 20_000;
/** How long it may stay open without a request. */
export const CONTROL_IDLE_MS = 5_000;
/** How often these times are looked at. */
export const CONTROL_SWEEP_MS = 500;
/** How long the answer to an admin waits until the kernel has named the admin's process; on an idle host it takes 10 ms. */
export const CALLER_LOOKUP_MS = 500;
/** A list of the host's unix sockets: 40 000 of them. A longer one names no process. */
export const MAX_CALLER_LIST_BYTES = 8 * 1024 * 1024;
