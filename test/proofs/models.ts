/**
 * The models, and what has to come of them: as they are, no attack; without one of the parts that the protocol has, one.
 * docs/proofs.md explains them.
 */

export interface Variant {
  /** What is taken out: definitions that the model is built with. */
  readonly lacks: readonly string[];
  /** Further definitions: smaller bounds, where an attack needs no more. */
  readonly bounds?: readonly string[];
  readonly expected: 'no attack' | 'attack';
}

export interface Model {
  /** In test/proofs/models/. */
  readonly file: string;
  readonly variants: readonly Variant[];
}

const whole: Variant = { lacks: [], expected: 'no attack' };
/** An attack that is found within these is an attack. */
const SMALL = ['CONNECTIONS=2'];
const weak = (...lacks: readonly string[]): Variant => ({ lacks, bounds: SMALL, expected: 'attack' });
/** Another part holds what this one would. */
const held = (...lacks: readonly string[]): Variant => ({ lacks, bounds: SMALL, expected: 'no attack' });
/** The broker demands the strong suite of A, as `cloneSafe` does. */
const demanded = (...lacks: readonly string[]): Variant => ({
  lacks,
  bounds: [...SMALL, 'DEMANDED'],
  expected: 'no attack',
});

export const MODELS: readonly Model[] = [
  {
    file: 'handshake.pml',
    variants: [
      whole,
      weak('WEAK_UNSIGNED_HELLO'),
      weak('WEAK_SUITES_UNSIGNED'),
      demanded('WEAK_SUITES_UNSIGNED'),
      weak('WEAK_NO_PROOF'),
      weak('WEAK_REPLACE_ON_HELLO'),
      weak('WEAK_ORDER'),
      weak('WEAK_REVOCATION_AT_HELLO_ONLY'),
      weak('WEAK_SESSIONS_OUTLIVE_REVOCATION'),
      held('WEAK_WELCOME_UNBOUND'),
      held('WEAK_KEY_WITHOUT_TRANSCRIPT'),
      weak('WEAK_WELCOME_UNBOUND', 'WEAK_KEY_WITHOUT_TRANSCRIPT'),
    ],
  },
  {
    file: 'records.pml',
    variants: [
      whole,
      weak('WEAK_NO_TAG'),
      weak('WEAK_ANY_SEQUENCE'),
      weak('WEAK_ANY_LATER'),
      weak('WEAK_UNCOUNTED'),
      weak('WEAK_SAME_KEY'),
      weak('WEAK_TWO_WAY'),
      weak('WEAK_RATCHET_ONLY'),
    ],
  },
];
