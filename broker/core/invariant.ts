/** A broken invariant is a bug of ours, never something that a peer can cause. */
export class CoreInvariantError extends Error {
  override readonly name = 'CoreInvariantError';
  readonly code = 'ERR_CORE_INVARIANT';
}

export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new CoreInvariantError(message);
}
