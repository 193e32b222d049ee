/** The witnesses that a console compares the log with, each time that it is verified. */
import { AuditError, type VerifierKey, type WitnessedNotes } from '../../../broker/audit/index.ts';

export interface Witnesses {
  /** Addresses, or files. */
  readonly places: readonly string[];
  /** They stand in the broker's configuration; false: the person who started the console named them. */
  readonly isConfigured: boolean;
  /** @throws AuditError ERR_AUDIT_WITNESS: it does not answer, or is not to be trusted */
  ask(place: string): Promise<WitnessedNotes>;
  /** Keys that must have cosigned. @throws AuditError ERR_AUDIT_WITNESS */
  keys(): Promise<readonly VerifierKey[]>;
}

export interface WitnessAnswers {
  readonly witnessed: readonly WitnessedNotes[];
  readonly witnessKeys: readonly VerifierKey[];
  /** Witnesses that did not answer: the verification goes on without them, and says so. */
  readonly silent: readonly { readonly place: string; readonly reason: string }[];
}

export async function askWitnesses(witnesses: Witnesses | null): Promise<WitnessAnswers> {
  if (witnesses === null) return { witnessed: [], witnessKeys: [], silent: [] };
  const silent: { place: string; reason: string }[] = [];
  const unless = async <T>(place: string, asked: Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await asked;
    } catch (error) {
      if (!(error instanceof AuditError)) throw error;
      silent.push({ place, reason: error.message });
      return otherwise;
    }
  };
  const answers = await Promise.all(witnesses.places.map((place) => unless(place, witnesses.ask(place), null)));
  // Without the keys nothing that a witness says counts.
  const keys = await unless(witnesses.places.join(', '), witnesses.keys(), null);
  if (keys === null) return { witnessed: [], witnessKeys: [], silent };
  return { witnessed: answers.filter((one) => one !== null), witnessKeys: keys, silent };
}
