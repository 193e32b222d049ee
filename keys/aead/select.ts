/** Which AEAD is used: one per suite and provider, made once. node:crypto unless noble is asked for by name. */

import { KeyError } from '../base/index.ts';
import { type Aead, type AeadProvider, type AeadSuite, SUITES } from './aead.ts';
import { createNobleAead } from './noble.ts';
import { createNodeAead } from './node.ts';

/** The fast one; the broker and the SDK take it unless configured otherwise. */
export const DEFAULT_AEAD_PROVIDER: AeadProvider = 'node';

/** Every suite by every provider, in the order in which they are listed to people. */
export const ALL_AEADS: readonly Aead[] = [...SUITES.values()].flatMap(({ suite, openssl }) => [
  createNodeAead(suite, openssl),
  createNobleAead(suite),
]);

/** @throws KeyError ERR_KEY_AEAD_USAGE for a suite or provider that does not exist (a wrong option, never a peer) */
export function selectAead(suite: AeadSuite, provider: AeadProvider = DEFAULT_AEAD_PROVIDER): Aead {
  const aead = ALL_AEADS.find((candidate) => candidate.suite === suite && candidate.provider === provider);
  if (aead === undefined)
    throw new KeyError(
      'ERR_KEY_AEAD_USAGE',
      `aead suite "${suite}" by provider "${provider}": expected one of ${ALL_AEADS.map((each) => `${each.suite}/${each.provider}`).join(', ')}`,
    );
  return aead;
}
