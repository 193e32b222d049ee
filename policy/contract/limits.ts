/**
 * Every number the policy code chose, with its reason. Nothing here is fixed by a format.
 *
 * The limits keep one mistake (a log file copied over policy.csv) from stalling the broker that loads it; each is at
 * least ten times what a large site needs.
 */

/** policy.csv, assertions.csv, tests.csv: 100 000 rows of 40 bytes. */
export const MAX_CSV_BYTES = 4 * 1024 * 1024;
/** domains.yaml, services.yaml: 5 000 domains of 200 bytes; the YAML parser needs about 1 s for it. */
export const MAX_YAML_BYTES = 1024 * 1024;
/** The shipped model has 400 bytes; any other text is refused anyway. */
export const MAX_MODEL_BYTES = 4096;

/** Rows of one CSV file. */
export const MAX_ROWS = 100_000;
/** Characters of one line of any file, comments included: the parsers are slow on very long ones. */
export const MAX_LINE_LENGTH = 4096;

export const MAX_DOMAINS = 4096;
export const MAX_LABELS = 1024;
export const MAX_CLASSES = 64;
/** Port ranges of all classes together. */
export const MAX_PORT_RANGES = 4096;
/** Nesting of YAML collections. The files need 4. The parser recurses, so the depth is checked before it runs. */
export const MAX_YAML_DEPTH = 16;

/** Characters of a domain, class or permission name, and of a label after its `@`: a DNS label's 63. */
export const MAX_NAME_LENGTH = 63;

/** Links from a domain to its farthest label. Casbin silently ignores the eleventh; we stop well before. */
export const MAX_LABEL_DEPTH = 8;

/** Findings reported for one load. After a hundred the file is of another kind, not mistyped. */
export const MAX_FINDINGS = 100;

/** Domains with a label from which on the linter asks whether each of them needs every permission of a class. */
export const MANY_MEMBERS = 16;

/** Highest domid of a VM: Xen reserves 0x7FF0 and up (public/xen.h, DOMID_FIRST_RESERVED). */
export const MAX_DOMID = 0x7fef;
/** Argo ports are 32 bits wide; 0 means "no port". */
export const MAX_PORT = 0xffff_ffff;

/** A load runs inside the broker: after this much uninterrupted work it lets the event loop turn, in milliseconds. */
export const LOAD_SLICE_MS = 4;

/**
 * A change of the directory is looked at when nothing has moved for this long, in milliseconds: editors write in
 * several steps.
 */
export const WATCH_SETTLE_MS = 200;
/** A change is read after this time, in milliseconds, even if the files keep changing. */
export const WATCH_MAX_SETTLE_MS = 2_000;
/**
 * A directory that cannot be read may be in the middle of an edit for this long, in milliseconds, before it counts as
 * changed.
 */
export const WATCH_UNREADABLE_MS = 2_000;
/**
 * Time between two looks at the directory without an event, in milliseconds: some file systems (9p, NFS) report no
 * changes.
 */
export const WATCH_POLL_MS = 5_000;

/** Prefixes that one domain routes. They are looked through for each packet that it passes on. */
export const MAX_ROUTES = 64;
/** Prefixes in which one domain chooses addresses: a link has one, two while a provider renumbers. */
export const MAX_SLAAC_PREFIXES = 8;
