/** Bundles in pieces: what a head and its pieces are put together to, and what is refused. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  BUNDLE_PIECE_BYTES,
  type Bundle,
  type BundleHead,
  cutBundle,
  decodeHead,
  encodeHead,
  joinPieces,
  MAX_BUNDLE_BYTES,
  makeBundle,
  type PolicyFiles,
  pieceCount,
} from '../../../policy/index.ts';

const pieces = suite('bundles in pieces');

/** A bundle with a policy.csv of this many bytes. */
function bundleOf(bytes: number, version = 3): Bundle {
  const one = (text: string): Uint8Array => Buffer.from(text);
  const files: PolicyFiles = {
    'model.conf': one('model'),
    'domains.yaml': one('domains'),
    'services.yaml': one('services'),
    'policy.csv': Buffer.alloc(bytes, 'p'),
    'assertions.csv': one(''),
    'tests.csv': one(''),
  };
  return makeBundle(files, { version, issuedAt: 1, expiresAt: 2 });
}

function codeOf(run: () => unknown): string {
  try {
    run();
    return 'none';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

pieces('a bundle of any length is the same after it was cut and joined', () => {
  for (const bytes of [0, 1, 11_000, 12_288, 13_000, 50_000]) {
    const bundle = bundleOf(bytes);
    const { head, pieces: cut } = cutBundle(bundle, null);
    assert.is(cut.length, pieceCount(head));
    assert.ok(cut.every(({ length }) => length > 0 && length <= BUNDLE_PIECE_BYTES));
    const joined = joinPieces(head, cut);
    assert.equal([joined.terms, joined.signatures], [bundle.terms, bundle.signatures]);
    assert.is(Buffer.compare(joined.files['policy.csv'], bundle.files['policy.csv']), 0);
  }
});

pieces('the next bundle goes into the slot that the present head does not use', () => {
  const first = cutBundle(bundleOf(1), null).head;
  const second = cutBundle(bundleOf(2), first).head;
  const third = cutBundle(bundleOf(3), second).head;
  assert.equal([first.slot, second.slot, third.slot], ['a', 'b', 'a']);
});

pieces('an edited, missing, repeated, exchanged or cut piece is refused', () => {
  const { head, pieces: cut } = cutBundle(bundleOf(40_000), null);
  const [one = Buffer.alloc(0), two = Buffer.alloc(0), ...rest] = cut;
  const edited = Uint8Array.from(one);
  edited[100] = (edited[100] ?? 0) ^ 1;
  const wrong: Readonly<Record<string, readonly Uint8Array[]>> = {
    edited: [edited, two, ...rest],
    missing: [one, ...rest],
    repeated: [one, two, two, ...rest],
    exchanged: [two, one, ...rest],
    cut: [one.subarray(1), two, ...rest],
    none: [],
  };
  for (const [label, each] of Object.entries(wrong))
    assert.is(
      codeOf(() => joinPieces(head, each)),
      'ERR_POLICY_BUCKET',
      label,
    );
});

pieces('what fits its head and is no bundle is refused', () => {
  const { head } = cutBundle(bundleOf(1), null);
  const text = Buffer.from('{}');
  const other = cutBundle(bundleOf(2), null);
  assert.is(
    codeOf(() => joinPieces(head, other.pieces)),
    'ERR_POLICY_BUCKET',
  );
  const digest = '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a';
  assert.is(
    codeOf(() => joinPieces({ ...head, bytes: text.length, sha256: digest }, [text])),
    'ERR_POLICY_BUCKET',
  );
});

pieces('a head is read back, and any other text is none', () => {
  const { head } = cutBundle(bundleOf(5), null);
  assert.equal(decodeHead(encodeHead(head)), head);
  const other = (change: Partial<Record<keyof BundleHead | 'more', unknown>>): string =>
    JSON.stringify({ ...head, ...change });
  for (const text of [
    '',
    '{',
    'null',
    '[]',
    other({ format: 'argus-policy-head/2' }),
    other({ version: 0 }),
    other({ version: 1.5 }),
    other({ bytes: 0 }),
    other({ bytes: MAX_BUNDLE_BYTES + 1 }),
    other({ bytes: '7' }),
    other({ sha256: 'ab' }),
    other({ slot: 'c' }),
    other({ slot: '>' }),
    other({ more: 1 }),
  ])
    assert.is(decodeHead(text), null, text);
});

pieces.run();
