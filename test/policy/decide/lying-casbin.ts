/** A Casbin that answers what a test wants, until it is restored. Affects every enforcer of the process. */
import { Enforcer } from 'casbin';

export function pretend(answer: () => boolean): () => void {
  Object.defineProperty(Enforcer.prototype, 'enforceSync', { value: answer, configurable: true });
  // The real one is inherited; without ours it shows again.
  return () => void Reflect.deleteProperty(Enforcer.prototype, 'enforceSync');
}
