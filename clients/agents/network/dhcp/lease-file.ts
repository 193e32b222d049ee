/** Leases on disk: one JSON file, replaced as a whole, so that a crash leaves the old one or the new one. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { reasonOf } from '../../../../broker/base/index.ts';
import { replaceFile } from '../../../../broker/files/index.ts';
import { formatIpv4, parseIpv4 } from '../address.ts';
import { NetError } from '../errors.ts';
import { type Lease, Leases } from './leases.ts';

const FORMAT = 1;

const schema = z.strictObject({
  format: z.literal(FORMAT),
  leases: z.array(
    z.strictObject({
      mac: z.string().regex(/^(?:[0-9a-f]{2}(?::[0-9a-f]{2}){5})?$/),
      ipv4: z.ipv4(),
      domain: z.string().max(63),
      hostName: z.string().max(63).nullable(),
      state: z.enum(['bound', 'declined', 'ended']),
      until: z.int().min(0),
    }),
  ),
});

/** Where the leases are kept. A write is durable when it resolves. */
export interface LeaseStore {
  read(): Promise<Leases>;
  write(leases: readonly Lease[]): Promise<void>;
}

/** The file at `path`; its directory must exist. */
export function leaseFile(path: string): LeaseStore {
  return { read: () => readLeases(path), write: (leases) => writeLeases(path, leases) };
}

/** An absent file is an empty one. @throws NetError ERR_NET_DHCP_LEASE_FILE when it cannot be understood: giving out an
 *  address twice is worse than not starting. */
export async function readLeases(path: string): Promise<Leases> {
  const leases = new Leases();
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return leases;
    throw broken(path, error);
  }
  try {
    for (const { ipv4, ...rest } of schema.parse(JSON.parse(text)).leases)
      leases.put({ ...rest, ipv4: parseIpv4(ipv4) });
  } catch (error) {
    throw broken(path, error);
  }
  return leases;
}

/** Durable when it resolves. Offers are not written: one that is lost is made again. */
export async function writeLeases(path: string, leases: readonly Lease[]): Promise<void> {
  const kept = leases
    .filter(({ state }) => state !== 'offered')
    .map((lease) => ({ ...lease, ipv4: formatIpv4(lease.ipv4) }));
  await replaceFile(path, `${JSON.stringify({ format: FORMAT, leases: kept }, null, 1)}\n`, 0o600);
}

function broken(path: string, cause: unknown): NetError {
  const reason = cause instanceof z.ZodError ? 'not the form of a lease file' : reasonOf(cause);
  return new NetError(
    'ERR_NET_DHCP_LEASE_FILE',
    `lease file "${path}" cannot be used: ${reason}; put it right, or move it away and let clients ask again`,
    cause,
  );
}
