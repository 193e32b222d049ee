/** Every number that we chose, with unit and reason. Numbers of the format are in broker/wire/constants.ts. */

/** Time from the first byte of a carrier to the proof of its keys. */
export const HANDSHAKE_TIMEOUT_MS = 5_000;
/** Allowed difference of wall clocks for credentials. */
export const CLOCK_TOLERANCE_SECONDS = 60;
/** Sum of the lengths of one domain's rings: the messages that the broker may have to hold for it. */
export const RING_BYTES_PER_DOMAIN = 64 * 1024 * 1024;
/** Default part of the memory of the machine (or the cgroup) for the messages of all domains. */
export const MACHINE_MEMORY_SHARE = 0.25;
/** Smallest `limits.memoryBytes`: a record of the largest message and its overhead, for a few domains. */
export const MIN_MEMORY_BYTES = 64 * 1024 * 1024;
/** Cached look-ups per sending domain; a few thousand destinations are a busy system. */
export const ROUTES_PER_DOMAIN = 4_096;
/** Bytes of answers and events queued for a domain that does not read. Above this, the domain is not read either. */
export const CONTROL_BYTES_PER_SESSION = 262_144;
/**
 * Bytes that a session may use uncharged, besides its messages: a chunk that was read and waits for its turn. More than
 * that is charged to its domain: see broker/peer/session-memory.ts.
 */
export const SESSION_FREE_BYTES = 262_144;
/**
 * Delay before a session over its memory share is checked again: in about this time the room of a message is released.
 */
export const MEMORY_RETRY_MS = 20;
/** Sealed bytes given to a carrier before it must drain: revocation cannot reach what is sealed, so this is small. */
export const CARRIER_HIGH_WATER_BYTES = 262_144;
/** Memory that all sockets are read into: a few records at a time, so that most records are complete in one read. */
export const READ_BUFFER_BYTES = 262_144;
/** An acknowledgement may wait this long for a reply that can carry it. It is the shortest possible timer. */
export const ACK_DELAY_MS = 1;
/**
 * The acknowledgement of a paced stream may wait this long for further records: QUIC's max_ack_delay (RFC 9000 §18.2).
 */
export const PACED_ACK_DELAY_MS = 25;
/**
 * Records this far apart may be a paced stream's. A sender that waits for each answer sends in a fraction of this time.
 */
export const PACE_MS = 2;
/** Number of such records before a trial whether the peer sends on without an answer … */
export const FIRST_PACE_TRIAL = 8;
/** … and the most between two trials. A sender that does wait then loses 1 % at 10 ms a record. */
export const MAX_PACE_TRIAL = 256;
/** Buffers of together no more than this are written as one: a vector costs a microsecond more than the copy. */
export const JOINED_WRITE_BYTES = 4_000;
/** Record buffers kept for reuse by all sessions together: 64 of 95 KiB. */
export const POOLED_CHUNKS = 64;
/**
 * A peer that is silent this long gets a ping. After SILENCE_LIMIT_MS its session ends (serial carriers report no end).
 */
export const PING_AFTER_MS = 15_000;
export const SILENCE_LIMIT_MS = 45_000;
/**
 * A serial carrier that brings nothing for this long is closed, so that the VMM opens another one. QEMU passes no bytes
 * on any more when the last connection ended while the guest wrote and did not read, and closing alone ends that.
 */
export const SERIAL_SILENCE_MS = 15_000;
/** Unauthenticated carriers at one time on a domain's own socket: itself, its successor, and some slack. */
export const MAX_UNAUTHENTICATED_UNIX = 8;
/** The same on a TCP listener, which all domains share; each may hold MAX_HANDSHAKE_BODY_BYTES. */
export const MAX_UNAUTHENTICATED_TCP = 128;
/**
 * A refused handshake keeps its place this long. With the two limits above this bounds the refusals a second in the
 * log.
 */
export const REFUSED_PLACE_MS = 1_000;
/**
 * Sessions that a domain may open at once, and then one per interval: more than any reboot or flapping carrier needs.
 */
export const SESSIONS_AT_ONCE = 32;
export const SESSION_INTERVAL_MS = 1_000;
/** `sun_path` less its terminator. macOS has the smallest of the systems that we run on. */
export const MAX_UNIX_PATH_BYTES = 103;
/**
 * After this end has closed a carrier, the other end must close within this time: a stranger must not keep its socket
 * open.
 */
export const GOODBYE_MS = 1_000;
/** Shutdown waits this long for carriers to take their queued bytes. */
export const DRAIN_TIMEOUT_MS = 2_000;
/** Run-time grants at one time; each makes every change of the overlay a little slower. */
export const MAX_GRANTS = 256;
/** Longest grant, 24 days: the limit of a timer. A longer permission belongs into the policy. */
export const MAX_GRANT_MS = 24 * 24 * 3_600_000;
/** Characters of a grant's reason and of the granter's name. */
export const MAX_GRANT_TEXT = 200;
/** The grants of a VM stay this long after its carrier broke: SDKs reconnect within 10 s. */
export const GRANT_GRACE_MS = 30_000;
/**
 * Interval at which the clocks are read while a grant has an end. Node has no timer that follows the wall clock
 * (timerfd), so a clock step, or the end of the host's sleep, is noticed within this time. A check takes some
 * microseconds.
 */
export const GRANT_LOOK_MS = 50;
/** Interval of the attempts to end a grant while the log cannot be written. No messages are sent in that state. */
export const GRANT_RETRY_MS = 1_000;
/** Permissive domains at one time: each is an exception that a person watches. */
export const MAX_PERMISSIVE = 16;
/** Longest permissive mode, a day: a domain that needs longer needs rows. */
export const MAX_PERMISSIVE_MS = 24 * 3_600_000;
/** One incident with a key is recorded at most this often: any process on a carrier can replay a hello. */
export const INCIDENT_QUIET_MS = 60_000;
/** Incidents that status shows; all of them are in the audit log. */
export const MAX_INCIDENTS = 64;
/** Lines of one cause that are written to stderr at once, and then one per interval. A reboot writes four. */
export const LOG_LINES_AT_ONCE = 16;
export const LOG_INTERVAL_MS = 10_000;
/** Causes of one domain. The broker has half as many different messages about a domain. */
export const LOG_CAUSES_PER_DOMAIN = 16;
/** Causes that are counted separately: a few messages for each of some hundred domains. */
export const MAX_LOG_CAUSES = 4_096;
/**
 * Turns for which frames from a backlog may wait for more of them before they are written: each is a slice of 100 us, so
 * they wait less than a millisecond, and a receiver of small messages gets records of two hundred instead of fifty.
 */
export const MAX_HELD_TURNS = 4;
/** Interval of the checks for silence and expiry. */
export const SWEEP_MS = 5_000;
/** The broker notices within this time that its own credential was renewed. The look reads one small file. */
export const IDENTITY_CHECK_MS = 30_000;
/** A broker looks into the bucket of policies at this interval. A notice of an admin makes it look at once. */
export const BUCKET_LOOK_MS = 5_000;
/** Shortest time between two looks: a server that changes its mind all the time causes one audit record a second. */
export const MIN_BUCKET_LOOK_MS = 1_000;
/** Time for all pieces of a bundle. Other loads of the broker wait for it; changes that take away do not. */
export const MAX_BUCKET_READ_MS = 30_000;
/** A broker writes its row into the bucket again after this time, so the age of a row says if the broker runs. */
export const STANDING_MS = 30_000;
/** Characters of a refusal in such a row: as much as fits into a line of a table. */
export const MAX_STANDING_TEXT = 300;
/** Delay before a virtual machine's socket is tried again: short enough for a person who watches the machine start. */
export const DIAL_AGAIN_MS = 1_000;
/** Time for a VMM to answer CONNECT: the guest must accept first. */
export const VSOCK_ANSWER_MS = 5_000;

/** Connections to the control socket at one time: each is a file descriptor that a VM's socket or the log may need. */
export const MAX_CONTROL_CONNECTIONS = 32;
/** The same on the shared control socket. A person's command opens one; strangers in its group must not use up more. */
export const MAX_SHARED_CONNECTIONS = 8;
/** The same on the metrics port, which needs no credential: a scraper opens one. */
export const MAX_METRICS_CONNECTIONS = 16;
/** Time for a control or metrics connection to send the head of its request. */
export const CONTROL_HEADERS_MS = 5_000;
/** Time to send the whole request: a policy of 15 MB over a unix socket takes less than one second. */
export const CONTROL_REQUEST_MS = 20_000;
/** Time that a connection may stay open without a request. */
export const CONTROL_IDLE_MS = 5_000;
/** Interval of the checks of these times. */
export const CONTROL_SWEEP_MS = 500;
/** File descriptors that carriers leave free: 40 for the control sockets, 16 for metrics, 8 for the log and the policy. */
export const RESERVED_DESCRIPTORS = 64;
/**
 * The answer to an admin waits at most this long for the name of the admin's process. On an idle host it takes 10 ms.
 */
export const CALLER_LOOKUP_MS = 500;
/** Limit of the list of the host's unix sockets: some 40 000 of them. A longer list is not used. */
export const MAX_CALLER_LIST_BYTES = 8 * 1024 * 1024;
