/** The source of a broker's policy. */

export const POLICY_SOURCES = ['watch', 'applied', 'signed', 'nats'] as const;
export type PolicySourceName = (typeof POLICY_SOURCES)[number];

export interface PolicyOptions {
  /** Absolute path. */
  readonly directory: string;
  readonly source: PolicySourceName;
  /** Refuse to start with a broken directory or bundle. */
  readonly strict: boolean;
  /** Thumbprints of the keys that may sign bundles. Empty unless bundles are signed. */
  readonly keys: readonly string[];
  /** Thumbprints of the keys that must sign assertions.csv besides. Empty: no second signature is needed. */
  readonly assertionKeys: readonly string[];
}
