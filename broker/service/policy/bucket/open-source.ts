/** The bucket of a broker: opened with the broker's own nkey, followed while the broker runs. */
import type { Identity } from '../../../../keys/index.ts';
import type { Clock } from '../../../base/index.ts';
import { loadNatsEnd, openBucket, parseNatsAddress } from '../../../carrier/index.ts';
import type { PolicyOptions } from '../../../process/index.ts';
import type { PolicyReload } from '../reload.ts';
import { BucketSource } from './bucket-source.ts';

/**
 * Null for a broker with another source.
 *
 * @param identity the directory with the broker's nkey
 * @throws NatsCarrierError ERR_NATS_ADDRESS, ERR_NATS_FILE
 */
export async function bucketSourceOf(
  { source }: Pick<PolicyOptions, 'source'>,
  nats: string | null,
  { identity, name }: { readonly identity: string; readonly name: string },
  clock: Clock,
): Promise<BucketSource | null> {
  if (source !== 'nats' || nats === null) return null;
  const end = await loadNatsEnd(parseNatsAddress(nats), identity);
  return new BucketSource({
    open: (handlers) => openBucket(end, { role: 'broker', name }, clock, handlers),
    clock,
  });
}

/** Loads each new bundle of the bucket, and reports there what is in force. */
export function followBucket(bucket: BucketSource, reload: PolicyReload, identity: Identity): void {
  bucket.follow({
    name: identity.name,
    identity,
    load: () => reload.run({ cause: 'watch', by: 'broker', reason: '' }),
    standing: () => {
      const { policy, bundle, refusal } = reload;
      return {
        revision: policy.revision,
        policy: policy.hash,
        version: bundle?.version ?? null,
        expiresAt: bundle?.expiresAt ?? null,
        refusal: refusal === null ? null : { code: refusal.code, message: refusal.message },
      };
    },
  });
}
