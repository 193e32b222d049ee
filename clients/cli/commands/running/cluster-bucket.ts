/** `argus cluster status --nats`: what each broker has in force, from the rows that they write into the bucket. */
import Table from 'cli-table3';
import {
  type Bucket,
  decodeStanding,
  INSPECTORS,
  readBundleAt,
  readHead,
  STATUS_PREFIX,
  statusKey,
} from '../../../../broker/index.ts';
import type { Identity, TrustAnchor } from '../../../../keys/index.ts';
import { type Bundle, compileFiles, hashFiles, PolicyError } from '../../../../policy/index.ts';
import { PLAIN, printable } from '../../output.ts';
import { withAdminBucket } from '../../sockets/admin-bucket.ts';
import { type BrokerRow, type ClusterLag, clusterLag } from './lag.ts';

const SHOWN_DIGITS = 12;

/** @throws NatsCarrierError, KeyError */
export function lagInBucket(address: string, identity: string): Promise<ClusterLag> {
  return withAdminBucket(address, identity, (bucket, admin) => lookInto(bucket, admin));
}

export async function lookInto(
  bucket: Pick<Bucket, 'read' | 'keys' | 'make'>,
  { authority }: Pick<Identity, 'authority'>,
  now: () => number = Date.now,
): Promise<ClusterLag> {
  // A server without the bucket would not answer at all.
  await bucket.make();
  const bundle = await presentBundle(bucket);
  const rows = await rowsOf(bucket, authority, bundle instanceof PolicyError ? [] : await homesOf(bundle), now());
  const content =
    bundle instanceof PolicyError
      ? { bundle: null, problem: bundle.message }
      : { bundle: { version: bundle.terms.version, policy: hashFiles(bundle.files) }, problem: null };
  return clusterLag(content, rows, now());
}

async function presentBundle(bucket: Pick<Bucket, 'read'>): Promise<Bundle | PolicyError> {
  try {
    return await readBundleAt(bucket, await readHead(bucket), () => performance.now());
  } catch (error) {
    if (error instanceof PolicyError) return error;
    throw error;
  }
}

/** The brokers that the inventory names. A bundle that does not compile names none. */
async function homesOf({ files }: Bundle): Promise<string[]> {
  try {
    const policy = await compileFiles('', files, { revision: 1, inspectors: INSPECTORS });
    return policy.domains.all.flatMap(({ home }) => (home === null ? [] : [home]));
  } catch (error) {
    if (error instanceof PolicyError) return [];
    throw error;
  }
}

async function rowsOf(
  bucket: Pick<Bucket, 'read' | 'keys'>,
  authority: TrustAnchor,
  homes: readonly string[],
  now: number,
): Promise<BrokerRow[]> {
  const written = (await bucket.keys(STATUS_PREFIX)).map((key) => key.slice(STATUS_PREFIX.length + 1));
  return Promise.all(
    [...new Set([...written, ...homes])].map(async (broker) => {
      const text = await bucket.read(statusKey(broker));
      if (text === null) return { broker, standing: 'absent' as const };
      const standing = await decodeStanding(Buffer.from(text).toString('utf8'), broker, authority, now);
      return { broker, standing: standing ?? ('unsigned' as const) };
    }),
  );
}

export function renderLag({ newest, bucket, notes, brokers }: ClusterLag): string {
  const held =
    bucket.bundle === null ? 'no bundle' : `version ${bucket.bundle.version}, policy ${short(bucket.bundle.policy)}`;
  const table = new Table({
    head: ['broker', 'version', 'policy', 'revision', 'heard', 'state', 'why'],
    style: PLAIN,
  });
  for (const { broker, state, why, standing, ageMs } of brokers) {
    const shown = state === 'current' ? state : state.toUpperCase();
    table.push([
      // All of it comes from the server.
      printable(broker),
      standing?.version ?? '-',
      standing === null ? '-' : short(standing.policy),
      standing?.revision ?? '-',
      ageMs === null ? '-' : `${Math.round(ageMs / 1_000)} s ago`,
      shown,
      printable(why) || '-',
    ]);
  }
  const lagging = brokers.filter(({ state }) => state !== 'current').length;
  return [
    `bucket: ${held}`,
    ...notes.map((note) => `PROBLEM: ${printable(note)}`),
    table.toString(),
    lagging === 0
      ? `${brokers.length} brokers have version ${newest ?? '-'} in force`
      : `${lagging} of ${brokers.length} brokers are not as they should be (newest version: ${newest ?? '-'})`,
  ].join('\n');
}

function short(hash: string): string {
  return hash.slice(0, SHOWN_DIGITS);
}
