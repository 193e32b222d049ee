/** A broken invariant is always our own bug. A peer can never cause one. */
import { CodedError } from './coded-error.ts';

export class InvariantError extends CodedError<'ERR_INVARIANT'> {
  override readonly name = 'InvariantError';
}

export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError('ERR_INVARIANT', message);
}
