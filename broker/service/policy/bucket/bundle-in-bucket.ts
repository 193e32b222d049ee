/** Bundles in a bucket: an admin writes one in pieces, a broker reads it. No answer of the server is trusted. */
import {
  BUNDLE_PIECE_BYTES,
  type Bundle,
  type BundleHead,
  cutBundle,
  decodeHead,
  encodeHead,
  joinPieces,
  PolicyError,
  pieceCount,
} from '../../../../policy/index.ts';
import { type Bucket, HEAD_KEY, pieceKey } from '../../../carrier/index.ts';
import { MAX_BUCKET_READ_MS } from '../../../process/index.ts';

/** @throws NatsCarrierError; PolicyError ERR_POLICY_BUCKET when there is no head */
export async function readHead(bucket: Pick<Bucket, 'read'>): Promise<BundleHead> {
  const text = await bucket.read(HEAD_KEY);
  if (text === null)
    throw new PolicyError('ERR_POLICY_BUCKET', 'the bucket holds no bundle: argus policy publish BUNDLE --nats URL');
  const head = decodeHead(Buffer.from(text).toString('utf8'));
  if (head === null) throw new PolicyError('ERR_POLICY_BUCKET', 'the head in the bucket is not one of ours');
  return head;
}

/** @throws NatsCarrierError; PolicyError ERR_POLICY_BUCKET when the pieces are not whole */
export async function readBundleAt(
  bucket: Pick<Bucket, 'read'>,
  head: BundleHead,
  mono: () => number,
): Promise<Bundle> {
  const until = mono() + MAX_BUCKET_READ_MS;
  const pieces: Uint8Array[] = [];
  for (let index = 0; index < pieceCount(head); index++) {
    // The server chooses how slow it is, and other loads wait for this one.
    if (mono() > until) throw broken(head, `took longer than ${MAX_BUCKET_READ_MS / 1_000} s to read`);
    const piece = await bucket.read(pieceKey(head.slot, index));
    if (piece === null) throw broken(head, `lacks piece ${index + 1} of ${pieceCount(head)}`);
    if (piece.length > BUNDLE_PIECE_BYTES) throw broken(head, `has a piece of ${piece.length} bytes`);
    pieces.push(piece);
  }
  return joinPieces(head, pieces);
}

/**
 * Writes a bundle for all brokers, reads it back, and notifies them.
 *
 * @throws NatsCarrierError; PolicyError ERR_POLICY_BUNDLE_OLD, ERR_POLICY_BUCKET
 */
export async function publishBundle(bucket: Bucket, bundle: Bundle, mono: () => number): Promise<BundleHead> {
  await bucket.make();
  const text = await bucket.read(HEAD_KEY);
  const before = text === null ? null : decodeHead(Buffer.from(text).toString('utf8'));
  const { head, pieces } = cutBundle(bundle, before);
  if (before !== null && head.version < before.version) throw older(head, `version ${before.version}`);
  if (before !== null && head.version === before.version && head.sha256 !== before.sha256) {
    // A server that damaged the pieces must not keep the admin from publishing the same bundle again.
    const present = await readBundleAt(bucket, before, mono).catch((error: unknown) => {
      if (error instanceof PolicyError) return null;
      throw error;
    });
    if (present !== null) throw older(head, 'another bundle of this version');
  }
  for (const [index, piece] of pieces.entries()) await bucket.write(pieceKey(head.slot, index), piece);
  await bucket.write(HEAD_KEY, Buffer.from(encodeHead(head)));
  const stored = await readHead(bucket);
  if (encodeHead(stored) !== encodeHead(head))
    throw new PolicyError('ERR_POLICY_BUCKET', 'another admin published at the same time: look, then publish again');
  await readBundleAt(bucket, head, mono);
  bucket.announce();
  return head;
}

function broken({ version }: BundleHead, what: string): PolicyError {
  return new PolicyError(
    'ERR_POLICY_BUCKET',
    `bundle ${version} in the bucket ${what}: publish it again (argus policy publish --nats)`,
  );
}

function older({ version }: BundleHead, held: string): PolicyError {
  return new PolicyError(
    'ERR_POLICY_BUNDLE_OLD',
    `the bundle has version ${version}, and the bucket holds ${held}: sign the files again with a higher version`,
  );
}
