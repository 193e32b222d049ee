/** A signed checkpoint with the tree that it covers: all that is needed to prove that a later one extends it. */
import type { TreeNode } from './evidence/index.ts';
import type { LinePlace } from './read/lines.ts';

/** A checkpoint that was just signed, with the tree that it covers. */
export interface SignedState {
  /** The signed note, word for word. */
  readonly note: string;
  readonly size: number;
  /** The place after the last covered line. */
  readonly place: LinePlace;
  readonly nodes: readonly TreeNode[];
}
