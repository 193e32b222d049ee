/** The witnesses that a log is compared with when it is verified: by a console, each time, or by a command. */
import { AuditError, type VerifierKey, type WitnessedNotes } from '../../../broker/audit/index.ts';

export interface Witnesses {
  /** Addresses, or files. */
  readonly places: readonly string[];
  /** They stand in the broker's configuration; false: the person who verifies named them. */
  readonly isConfigured: boolean;
  /** So many of them must have seen the log, or it is not in order. 0: whoever answers counts. */
  readonly quorum: number;
  /** @throws AuditError ERR_AUDIT_WITNESS: it does not answer, or is not to be trusted */
  ask(place: string): Promise<WitnessSays>;
}

export interface WitnessSays {
  readonly notes: WitnessedNotes;
  /** Keys of which one must have cosigned; none: cosignatures are not checked. */
  readonly keys: readonly VerifierKey[];
}

export interface WitnessAnswers {
  readonly witnessed: readonly WitnessedNotes[];
  readonly witnessKeys: readonly VerifierKey[];
  readonly quorum: number;
  /** Witnesses that did not answer, or without a trusted key: the verification goes on without them, and says so. */
  readonly silent: readonly { readonly place: string; readonly reason: string }[];
}

export async function askWitnesses(witnesses: Witnesses | null): Promise<WitnessAnswers> {
  const silent: { place: string; reason: string }[] = [];
  const answers = await Promise.all(
    (witnesses?.places ?? []).map(async (place) => {
      try {
        return await witnesses?.ask(place);
      } catch (error) {
        if (!(error instanceof AuditError)) throw error;
        silent.push({ place, reason: error.message });
        return undefined;
      }
    }),
  );
  const said = answers.filter((one) => one !== undefined);
  return {
    witnessed: said.map(({ notes }) => notes),
    witnessKeys: said.flatMap(({ keys }) => keys),
    quorum: witnesses?.quorum ?? 0,
    silent,
  };
}
