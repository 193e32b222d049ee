/** An admin's line to the bucket of policies, with the nkey in the directory of the admin's identity. */

import { nodeClock } from '../../../broker/base/index.ts';
import { type Bucket, loadNatsEnd, openBucket, parseNatsAddress } from '../../../broker/index.ts';
import { type Identity, loadIdentity } from '../../../keys/index.ts';

/** @throws NatsCarrierError, KeyError */
export async function withAdminBucket<T>(
  address: string,
  directory: string,
  use: (bucket: Bucket, admin: Identity) => Promise<T>,
): Promise<T> {
  const admin = await loadIdentity(directory);
  const end = await loadNatsEnd(parseNatsAddress(address), directory);
  const nothing = (): void => undefined;
  const handlers = { onPublished: nothing, onClosed: nothing };
  const bucket = await openBucket(end, { role: 'admin', name: admin.name }, nodeClock, handlers);
  try {
    return await use(bucket, admin);
  } finally {
    bucket.close();
  }
}
