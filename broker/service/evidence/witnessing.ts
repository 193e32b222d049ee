/** Shows the checkpoints of the broker's audit log to the witnesses of its configuration. */
import {
  type AuditLog,
  type Cosigner,
  httpCosigner,
  openWitnessFeed,
  parseVerifierKey,
  type WitnessFeed,
} from '../../audit/index.ts';
import { type Clock, invariant } from '../../base/index.ts';
import type { Logger } from '../../process/index.ts';
import { namedCosigner, type WitnessTrust } from './named-cosigner.ts';

export interface WitnessOptions {
  readonly audit: string;
  /** `key`: the key of the witness. `name`: the name of a credential with the role witness. One of the two. */
  readonly witnesses: readonly {
    readonly url: string;
    readonly key?: string | undefined;
    readonly name?: string | undefined;
  }[];
}

interface WitnessingParts {
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly log: Logger;
  readonly trust: WitnessTrust;
}

export async function startWitnessing(
  { audit: directory, witnesses }: WitnessOptions,
  { audit, clock, log, trust }: WitnessingParts,
): Promise<WitnessFeed> {
  const feed = openWitnessFeed(directory, clock, (witness, trouble) => {
    if (trouble === null) log.info({ witness }, 'the witness cosigns the audit log');
    else if (trouble === 'CONFLICT')
      log.error(
        { witness },
        'the witness has seen other records of this audit log: run "argus audit verify --witness"',
      );
    else log.warn({ witness, trouble }, 'the witness does not cosign the audit log');
  });
  for (const { url, key, name } of witnesses)
    await feed.use(name === undefined ? keyedCosigner(url, key ?? '') : namedCosigner(url, name, trust));
  audit.onCheckpoint((state) => feed.offer(state));
  return feed;
}

function keyedCosigner(url: string, text: string): Cosigner {
  const key = parseVerifierKey(text);
  invariant(key !== null, 'the options were checked');
  return httpCosigner(url, key);
}
