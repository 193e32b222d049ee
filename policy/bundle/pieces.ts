/**
 * A bundle in pieces, for a store whose values are smaller than a bundle.
 *
 * The head names the pieces. A writer stores the pieces first, in the slot that the present head does not use, and then
 * the head: a reader that has read the older head still finds its pieces. Nothing here is authenticated. The head only
 * lets a reader notice that the pieces do not belong together; the signatures inside the bundle decide what counts.
 */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { PolicyError } from '../read/index.ts';
import { type Bundle, decodeBundle, encodeBundle } from './bundle.ts';
import { BUNDLE_PIECE_BYTES, MAX_BUNDLE_BYTES } from './limits.ts';
import { bundleTerms } from './manifest.ts';

const SLOTS = ['a', 'b'] as const;
const FORMAT = 'argus-policy-head/1';
const headText = z.strictObject({
  format: z.literal(FORMAT),
  /** As the bundle states it. For people: only the signed version inside the bundle counts. */
  version: bundleTerms.shape.version,
  /** SHA-256 of the bundle's text, hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.int().positive().max(MAX_BUNDLE_BYTES),
  slot: z.enum(SLOTS),
});

export type BundleHead = z.output<typeof headText>;

export interface CutBundle {
  readonly head: BundleHead;
  readonly pieces: readonly Uint8Array[];
}

/** @param before the head that is replaced; null: there is none */
export function cutBundle(bundle: Bundle, before: BundleHead | null): CutBundle {
  const text = Buffer.from(encodeBundle(bundle));
  const head: BundleHead = {
    format: FORMAT,
    version: bundle.terms.version,
    sha256: createHash('sha256').update(text).digest('hex'),
    bytes: text.length,
    slot: before?.slot === 'a' ? 'b' : 'a',
  };
  const pieces = Array.from({ length: pieceCount(head) }, (_, index) =>
    text.subarray(index * BUNDLE_PIECE_BYTES, (index + 1) * BUNDLE_PIECE_BYTES),
  );
  return { head, pieces };
}

export function pieceCount({ bytes }: BundleHead): number {
  return Math.ceil(bytes / BUNDLE_PIECE_BYTES);
}

export function encodeHead(head: BundleHead): string {
  return JSON.stringify(head);
}

/** Null when the text is not a head. Never throws, whatever the text. */
export function decodeHead(text: string): BundleHead | null {
  try {
    const parsed = headText.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/** The bundle that a head and its pieces hold. @throws PolicyError ERR_POLICY_BUCKET */
export function joinPieces(head: BundleHead, pieces: readonly Uint8Array[]): Bundle {
  const text = Buffer.concat(pieces);
  if (text.length !== head.bytes || createHash('sha256').update(text).digest('hex') !== head.sha256)
    throw new PolicyError(
      'ERR_POLICY_BUCKET',
      `the pieces of bundle ${head.version} in the bucket are not those that were published: publish it again (argus policy publish --nats)`,
    );
  const bundle = decodeBundle(text.toString('utf8'));
  if (bundle === null)
    throw new PolicyError('ERR_POLICY_BUCKET', `what the bucket holds as version ${head.version} is not a bundle`);
  return bundle;
}
