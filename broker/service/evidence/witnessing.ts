/** Shows the checkpoints of the broker's audit log to the witnesses of its configuration. */
import { type AuditLog, httpCosigner, openWitnessFeed, parseVerifierKey, type WitnessFeed } from '../../audit/index.ts';
import { type Clock, invariant } from '../../base/index.ts';
import type { Logger } from '../../process/index.ts';

export interface WitnessOptions {
  readonly audit: string;
  readonly witnesses: readonly { readonly url: string; readonly key: string }[];
}

export async function startWitnessing(
  { audit: directory, witnesses }: WitnessOptions,
  audit: AuditLog,
  clock: Clock,
  log: Logger,
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
  for (const { url, key: text } of witnesses) {
    const key = parseVerifierKey(text);
    invariant(key !== null, 'the options were checked');
    await feed.use(httpCosigner(url, key));
  }
  audit.onCheckpoint((state) => feed.offer(state));
  return feed;
}
