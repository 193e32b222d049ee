/** The witnesses that the broker's configuration names, for a person who named none. */
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { AuditError, parseVerifierKey, type VerifierKey } from '../../../../../broker/audit/index.ts';
import { reasonOf } from '../../../../../broker/base/index.ts';
import { findConfig, type SearchPlaces } from '../../../../../broker/config/index.ts';
import { readOptions } from '../../../../../broker/index.ts';
import type { Witnesses } from '../../../../audit/index.ts';
import { BROKER_CONFIG } from '../../../sockets/control.ts';
import { witnessedAt } from './verify.ts';
import { credentialedKeys } from './witness-keys.ts';

/** In the directory of the broker's identity. */
const TRUSTED_AUTHORITY = 'authority.jwk';

type Configured = ReturnType<typeof readOptions>;

/** Null: no configuration is found, it is of another log, or it names none. */
export function configuredWitnesses(directory: string, places?: SearchPlaces): Witnesses | null {
  const options = optionsOf(directory, places);
  if (options === null || options.witnesses.length === 0) return null;
  return {
    places: options.witnesses.map(({ url }) => url),
    isConfigured: true,
    ask: witnessedAt,
    keys: () => keysOf(options),
  };
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
async function keysOf({ witnesses, identity }: Configured): Promise<readonly VerifierKey[]> {
  const keys: VerifierKey[] = [];
  for (const { url, key: text, name } of witnesses) {
    if (name === undefined) {
      const key = parseVerifierKey(text ?? '');
      if (key !== null) keys.push(key);
      continue;
    }
    const key = await keyOf(url, join(identity, TRUSTED_AUTHORITY));
    if (key.name !== name)
      throw new AuditError('ERR_AUDIT_WITNESS', `the witness at "${url}" is "${key.name}", not "${name}"`);
    keys.push(key);
  }
  return keys;
}

async function keyOf(url: string, authority: string): Promise<VerifierKey> {
  try {
    const [key] = await credentialedKeys({ witness: [url], witnessAuthority: authority });
    if (key !== undefined) return key;
  } catch (cause) {
    if (cause instanceof AuditError) throw cause;
    throw new AuditError('ERR_AUDIT_WITNESS', `the key of the witness at "${url}" is not known: ${reasonOf(cause)}`, {
      cause,
    });
  }
  throw new AuditError('ERR_AUDIT_WITNESS', `the witness at "${url}" has no key`);
}
