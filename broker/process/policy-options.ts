/** The source of a broker's policy. */

export const POLICY_SOURCES = ['watch', 'applied'] as const;

export interface PolicyOptions {
  /** Absolute path. */
  readonly directory: string;
  readonly source: (typeof POLICY_SOURCES)[number];
  /** Refuse to start with a broken directory. */
  readonly strict: boolean;
}
