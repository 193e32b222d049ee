/** Every number of bundles, with its unit and reason. */

/** Three tables of 4 MiB, two YAML files of 1 MiB, the model, in base64, and two signatures. */
export const MAX_BUNDLE_BYTES = 20 * 1024 * 1024;
/** A bundle that never ends would be no expiry at all: ten years, as for credentials. */
export const MAX_BUNDLE_SECONDS = 3653 * 24 * 3600;
/** Versions are counted by people: a larger one is probably a time, and would leave no room above it. */
export const MAX_BUNDLE_VERSION = 999_999_999;
/**
 * A bundle travels in pieces of this size. A NATS server of `argus nats config` takes messages of 32 KiB; half of it
 * leaves room for a server with a smaller limit.
 */
export const BUNDLE_PIECE_BYTES = 16 * 1024;
