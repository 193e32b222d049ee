/** Every number of keys/, with unit, origin and reason. */

// ---- specification: another document fixes these ----

/** AES-256 (FIPS 197) and ChaCha20 (RFC 8439 §2.3) keys. */
export const AEAD_KEY_BYTES = 32;
/** 96-bit nonces: SP 800-38D §5.2.1.1, RFC 8439 §2.8. */
export const AEAD_NONCE_BYTES = 12;
/** Full tags only; SP 800-38D would allow shorter ones, we do not. */
export const AEAD_TAG_BYTES = 16;
/** One AEAD call seals at most this: OpenSSL takes lengths as a C int, and a record is far shorter. */
export const MAX_AEAD_BYTES = 2 ** 30;
/** X25519 public keys and shared secrets: RFC 7748 §5. */
export const X25519_BYTES = 32;
/** Ed25519 keys: RFC 8032 §5.1.5. */
export const ED25519_KEY_BYTES = 32;
/** SHA-256 output; also PRK and transcript hash length. */
export const HASH_BYTES = 32;
/** RFC 5869 §2.3: HKDF-Expand yields at most this many blocks. */
export const HKDF_MAX_BLOCKS = 255;
/** The epoch is a u32 in the record header. */
export const MAX_EPOCH = 0xffff_ffff;
/**
 * A fresh key agreement moves a direction to the next multiple of this; the epochs between come from a ratchet alone.
 */
export const EPOCHS_PER_AGREEMENT = 2 ** 16;

// ---- we chose these ----

/** A credential is about 600 bytes, a hello about 2 KiB. A longer token is refused before it is parsed. */
export const MAX_TOKEN_CHARACTERS = 8192;
/** A register of credentials has about 250 bytes a line: a quarter of a million credentials. */
export const MAX_REGISTER_BYTES = 64 * 1024 * 1024;
/** A revocation list is read by the broker alone and signed by its authority: about 8 000 entries. */
export const MAX_REVOCATION_LIST_CHARACTERS = 2 ** 20;
/** Length of the reason that a person gives for a revocation: one line. */
export const MAX_REVOCATION_REASON = 200;
/** Key files hold a few hundred bytes; the cap keeps a wrong path (a disk image) from being read into memory. */
export const MAX_KEY_FILE_BYTES = 16 * 1024;
/** 128 MiB and about half a second: what each guess of a passphrase costs. */
export const SCRYPT_COST = 2 ** 17;
/** A file says what opening it costs. Less than the first is no protection, more than the second is an attack. */
export const MIN_SCRYPT_COST = 2 ** 14;
export const MAX_SCRYPT_COST = 2 ** 19;
/** Fresh for each sealing. The nonce is long enough to be random (draft-irtf-cfrg-xchacha §2.1). */
export const SEAL_SALT_BYTES = 16;
export const SEAL_NONCE_BYTES = 24;
/** Of a backup: OWASP's figure for PBKDF2 with SHA-512. */
export const PBKDF2_ROUNDS = 210_000;
/** A backup says what opening it costs; more is refused. */
export const MAX_PBKDF2_ROUNDS = 1_000_000;
/** What a machine can guess in a day is not a passphrase. */
export const MIN_PASSPHRASE_CHARACTERS = 12;
export const MAX_PASSPHRASE_CHARACTERS = 1_024;
/** A backup holds a register, in base64url. */
export const MAX_BACKUP_BYTES = 2 * MAX_REGISTER_BYTES;
/** Tolerated difference between the clocks of a VM and its host, for expired or not yet valid credentials. */
export const CLOCK_TOLERANCE_SECONDS = 60;
/**
 * Default lifetime of a credential from `argus keys issue`: a quarter of a year, so that operators practise renewal.
 */
export const DEFAULT_TTL_SECONDS = 90 * 24 * 3600;
/** The last third of a credential's term, in which an authority that is online renews it. */
export const RENEWAL_SHARE = 1 / 3;
/** Shares of an authority: people who can meet. Shamir's scheme over bytes ends at 255. */
export const MAX_SHARES = 99;
/** The random secret that the shares hold. */
export const SHARE_SECRET_BYTES = 32;
/** Rounds of PBKDF2 for that secret: it is random, so there is nothing to guess that rounds would slow down. */
export const SHARE_ROUNDS = 1_000;
/** Characters of a name or an id that an extract of a register carries. */
export const MAX_REGISTER_CLAIM = 128;
/** Entries in one extract of a register: far below the longest token, whatever the reasons in them. */
export const MAX_EXTRACT_ENTRIES = 500;
/** Ten years. A longer lifetime is probably a mistyped unit. */
export const MAX_TTL_SECONDS = 3653 * 24 * 3600;
/** Private keys and their directories: the owner alone. */
export const PRIVATE_FILE_MODE = 0o600;
export const PRIVATE_DIRECTORY_MODE = 0o700;
/** Public keys and credentials: every user can read them, only the owner can change them. */
export const PUBLIC_FILE_MODE = 0o644;

/** A smaller output is left to the garbage collector, because releasing it costs about a microsecond. */
export const RELEASE_MIN_BYTES = 16_384;
