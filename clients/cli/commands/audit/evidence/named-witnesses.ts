/** The witnesses that a log is compared with: those of the command line, else those of the broker's configuration. */
import { AuditError } from '../../../../../broker/audit/index.ts';
import type { SearchPlaces } from '../../../../../broker/config/index.ts';
import type { Witnesses } from '../../../../audit/index.ts';
import { configuredWitnesses } from './configured-witnesses.ts';
import { credentialedKeys, type WitnessFlags, witnessedAt } from './witness-keys.ts';

/** Null: the log is compared with none. @throws AuditError ERR_AUDIT_WITNESS: options about no witness */
export function namedWitnesses(directory: string, flags: WitnessFlags, places?: SearchPlaces): Witnesses | null {
  const { witness, witnessKey = [], witnessAuthority, revocations, quorum } = flags;
  if (witness !== undefined && witness !== false) {
    const ask = async (place: string) => {
      const keys = [...witnessKey, ...(await credentialedKeys({ ...flags, witness: [place] }))];
      return { notes: await witnessedAt(place), keys };
    };
    return { places: witness, isConfigured: false, quorum: quorum ?? 0, ask };
  }
  if (witnessKey.length > 0 || witnessAuthority !== undefined || revocations !== undefined || quorum !== undefined)
    throw new AuditError('ERR_AUDIT_WITNESS', 'the options about witnesses need --witness');
  return witness === false ? null : configuredWitnesses(directory, places);
}
