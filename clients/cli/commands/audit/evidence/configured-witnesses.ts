/** The witnesses that the broker's configuration names, for a person who named none. */
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { AuditError, parseVerifierKey, type VerifierKey } from '../../../../../broker/audit/index.ts';
import { reasonOf } from '../../../../../broker/base/index.ts';
import { findConfig, type SearchPlaces } from '../../../../../broker/config/index.ts';
import { readOptions } from '../../../../../broker/index.ts';
import type { Witnesses } from '../../../../audit/index.ts';
import { BROKER_CONFIG } from '../../../sockets/control.ts';
import { credentialedKeys, witnessedAt } from './witness-keys.ts';

/** In the directory of the broker's identity. */
const TRUSTED_AUTHORITY = 'authority.jwk';

type Configured = ReturnType<typeof readOptions>;
type ConfiguredWitness = Configured['witnesses'][number];

/** Null: no configuration is found, it is of another log, or it names none. */
export function configuredWitnesses(directory: string, places?: SearchPlaces): Witnesses | null {
  const options = optionsOf(directory, places);
  if (options === null || options.witnesses.length === 0) return null;
  const named = new Map(options.witnesses.map((one) => [one.url, one]));
  const ask = async (place: string) => {
    const one = named.get(place);
    if (one === undefined) throw new AuditError('ERR_AUDIT_WITNESS', `"${place}" is no witness of the configuration`);
    // The key first: what a witness without a trusted key says does not count.
    const keys = [await keyOf(one, join(options.identity, TRUSTED_AUTHORITY))];
    return { notes: await witnessedAt(place), keys };
  };
  return { places: [...named.keys()], isConfigured: true, quorum: options.quorum, ask };
}

function optionsOf(directory: string, places?: SearchPlaces): Configured | null {
  try {
    const file = findConfig(BROKER_CONFIG, places);
    const options = file === null ? null : readOptions(file);
    return options !== null && realpathSync(options.audit) === realpathSync(directory) ? options : null;
  } catch {
    // Not in order, or not for this user: a log can be read without the configuration of its broker.
    return null;
  }
}

/** A witness with a name in place of a key has a credential of the authority that the broker trusts. */
async function keyOf({ url, key: text, name }: ConfiguredWitness, authority: string): Promise<VerifierKey> {
  const key = name === undefined ? parseVerifierKey(text ?? '') : await credentialedKey(url, authority);
  if (key === null) throw new AuditError('ERR_AUDIT_WITNESS', `the witness at "${url}" has no key`);
  if (name !== undefined && key.name !== name)
    throw new AuditError('ERR_AUDIT_WITNESS', `the witness at "${url}" is "${key.name}", not "${name}"`);
  return key;
}

async function credentialedKey(url: string, authority: string): Promise<VerifierKey | null> {
  try {
    const [key] = await credentialedKeys({ witness: [url], witnessAuthority: authority });
    return key ?? null;
  } catch (cause) {
    if (cause instanceof AuditError) throw cause;
    throw new AuditError('ERR_AUDIT_WITNESS', `the key of the witness at "${url}" is not known: ${reasonOf(cause)}`, {
      cause,
    });
  }
}
