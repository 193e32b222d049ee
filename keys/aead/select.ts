/**
 * Selects the AEAD: the best provider that loads, unless an option names another. One per suite and provider, made
 * once.
 */
import { KeyError } from '../base/index.ts';
import { AEAD_PROVIDERS, type Aead, type AeadProvider, type AeadSuite, SUITES } from './aead.ts';
import { loadInPlaceAeads } from './in-place.ts';
import { createNobleAead } from './noble.ts';
import { createNodeAead } from './node.ts';

interface Loaded {
  readonly aeads: readonly Aead[];
  /** The reason why the in-place provider is not among them; null when it is. */
  readonly reason: string | null;
  readonly liveKeys: () => number;
}

let loaded: Loaded | null = null;

/** Loads at the first use: most commands seal nothing, and loading native code takes about 20 ms. */
function load(): Loaded {
  if (loaded !== null) return loaded;
  const inPlace = loadInPlaceAeads();
  const aeads = [...SUITES.values()].flatMap(({ suite, openssl }) => [
    ...(openssl !== null && inPlace.isLoaded ? [inPlace.createAead(suite, openssl.cipherFunction)] : []),
    ...(openssl === null ? [] : [createNodeAead(suite, openssl.cipherName)]),
    createNobleAead(suite),
  ]);
  loaded = inPlace.isLoaded
    ? { aeads, reason: null, liveKeys: inPlace.liveKeys }
    : { aeads, reason: inPlace.reason, liveKeys: () => 0 };
  return loaded;
}

/** Keys of the in-place provider that were imported and not freed; each is memory outside the JavaScript heap. */
export function liveKeys(): number {
  return load().liveKeys();
}

/** All suites of all providers that this machine has, the best first. */
export function allAeads(): readonly Aead[] {
  return load().aeads;
}

/** For status and people: the provider in use, and the reason why the best one is not used. */
export interface AeadChoice {
  readonly provider: AeadProvider;
  /** Null when the provider is the best one, or an option chose another. */
  readonly reason: string | null;
}

/**
 * @param configured the option `aead`; null = the best one that loads
 * @throws KeyError ERR_KEY_AEAD_UNAVAILABLE when the option names a provider that does not load here
 */
export function chooseAead(configured: AeadProvider | null = null): AeadChoice {
  const { reason } = load();
  if (configured === 'in-place' && reason !== null)
    throw new KeyError(
      'ERR_KEY_AEAD_UNAVAILABLE',
      `aead provider "in-place" does not load here: ${reason}; remove the option "aead" to use the next best one`,
    );
  if (configured !== null) return { provider: configured, reason: null };
  return reason === null ? { provider: 'in-place', reason: null } : { provider: 'node', reason };
}

/**
 * @param provider null = the best one that loads. A suite that only noble has is always noble's
 * @throws KeyError ERR_KEY_AEAD_USAGE for a suite or provider that does not exist (a wrong option, never a peer);
 * ERR_KEY_AEAD_UNAVAILABLE
 */
export function selectAead(suite: AeadSuite, provider: AeadProvider | null = null): Aead {
  const isNobleOnly = SUITES.get(suite)?.openssl === null;
  const wanted = isNobleOnly ? 'noble' : chooseAead(provider).provider;
  const aead = load().aeads.find((candidate) => candidate.suite === suite && candidate.provider === wanted);
  if (aead === undefined)
    throw new KeyError(
      'ERR_KEY_AEAD_USAGE',
      `aead suite "${suite}" by provider "${wanted}": expected one of ${[...SUITES.keys()].join(', ')} by one of ${AEAD_PROVIDERS.join(', ')}`,
    );
  return aead;
}
