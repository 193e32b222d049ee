/**
 * A broker's own witness: it cosigns the logs of the other brokers of its cluster, and keeps what it knows next to its
 * own log. The broker holds the lock of the directory.
 */
import type { CheckpointSigner, VerifierKey } from '../evidence/index.ts';
import { formatVerifierKey, noteKeyOf, parseCheckpoint } from '../evidence/index.ts';
import type { AuditFiles } from '../files/files.ts';
import { nodeFiles } from '../files/node-files.ts';
import { storeIn, WITNESS_KEY_FILE } from './open.ts';
import { parseWitnessRequest, type WitnessAnswer } from './request.ts';
import { Witness } from './witness.ts';

export interface BrokerWitness {
  /** Cosigns a checkpoint of a broker. `key` is the key that the broker has proved. */
  cosign(broker: string, key: VerifierKey, request: string): Promise<CosigningOutcome>;
}

export interface CosigningOutcome {
  readonly answer: WitnessAnswer;
  /** True: the log does not continue what was cosigned. It was cut off, rolled back or rewritten. */
  readonly isConflict: boolean;
}

/** Throws ERR_AUDIT_WITNESS when what was cosigned cannot be read: a witness that forgot would cosign anything. */
export async function openBrokerWitness(
  files: Pick<AuditFiles, 'readBeside' | 'replaceBeside'>,
  signer: CheckpointSigner,
  now: () => number,
): Promise<BrokerWitness> {
  const logs = new Map<string, VerifierKey>();
  const witness = await Witness.open({ logs: () => [...logs.values()], signer, store: storeIn(files), now });
  await files.replaceBeside(WITNESS_KEY_FILE, `${formatVerifierKey(signer.key)}\n`);
  return {
    cosign: async (broker, { publicKey }, request) => {
      const key = noteKeyOf(broker, publicKey);
      logs.set(broker, key);
      const answer = await witness.add(request);
      return { answer, isConflict: isConflict(request, answer) };
    },
  };
}

/** The same in the directory of the broker's log. */
export function openWitnessBeside(
  directory: string,
  signer: CheckpointSigner,
  now: () => number,
): Promise<BrokerWitness> {
  return openBrokerWitness(nodeFiles(directory), signer, now);
}

/** Null: this broker has cosigned nothing yet. */
export async function readWitnessKey(directory: string): Promise<string | null> {
  return (await nodeFiles(directory).readBeside(WITNESS_KEY_FILE))?.trim() ?? null;
}

/** A log that has only forgotten what the witness knows asks again with the number that a 409 names. */
function isConflict(request: string, { status, body }: WitnessAnswer): boolean {
  if (status === 422) return true;
  const asked = parseWitnessRequest(request);
  const size = parseCheckpoint(asked?.checkpoint ?? '')?.size;
  if (status !== 409 || asked === null || size === undefined) return false;
  return Number(body) > size || Number(body) === asked.old;
}
