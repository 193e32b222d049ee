/** A broken invariant is a bug of ours, never something that a peer can cause. */
import { CodedError } from './coded-error.ts';

export class InvariantError extends CodedError<'ERR_INVARIANT'> {
  override readonly name = 'InvariantError';
}

export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError('ERR_INVARIANT', message);
}
