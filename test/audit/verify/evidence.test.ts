import { generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  CompactRange,
  consistencyRanges,
  cosignature,
  cosignedAt,
  cosignedMessage,
  EMPTY_ROOT,
  formatNote,
  formatProof,
  formatVerifierKey,
  inclusionRanges,
  isConsistent,
  isIncluded,
  type LeafRange,
  leafHash,
  nodeHash,
  parseCheckpoint,
  parseNote,
  parseProof,
  parseVerifierKey,
  RangeRoots,
  SIGNATURE_COSIGNATURE,
  SIGNATURE_ED25519,
  splitNotes,
  verifierKey,
  verifyNote,
  verifyProof,
} from '../../../broker/audit/evidence/index.ts';
import { seeded } from '../../support/seed.ts';

const evidence = suite('audit evidence');

// ---- published vectors

/** c2sp.org/signed-note, "Example". */
const NOTE_KEY = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
const NOTE = `This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
`;
/** The tree of the eight inputs of Certificate Transparency's reference implementation, by size. */
const CT_LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const CT_ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

evidence('the example of the signed-note specification verifies, and its key is written back word for word', () => {
  const key = parseVerifierKey(NOTE_KEY);
  const note = parseNote(NOTE);
  assert.ok(key !== null && note !== null);
  assert.is(verifyNote(note, key), 'verified');
  assert.is(formatVerifierKey(key), NOTE_KEY);
  assert.is(formatNote(note), NOTE);
  assert.is(verifyNote({ ...note, text: 'This is another message.\n' }, key), 'bad');
  assert.is(verifyNote({ ...note, signatures: [] }, key), 'absent');
  const forged = note.signatures.map((signed) => ({ ...signed, signature: new Uint8Array(64) }));
  assert.is(verifyNote({ ...note, signatures: [...note.signatures, ...forged] }, key), 'bad', 'one of two is false');
});

evidence('the example of the checkpoint specification is read', () => {
  const checkpoint = parseCheckpoint(`example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
`);
  assert.is(checkpoint?.origin, 'example.com/behind-the-sofa');
  assert.is(checkpoint?.size, 20_852_163);
  assert.is(checkpoint?.root, '0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62');
  assert.is(checkpoint?.note.signatures[0]?.keyId, '033de0ae');
});

evidence('the trees of Certificate Transparency have their published roots', () => {
  const tree = new CompactRange();
  assert.is(tree.root(), EMPTY_ROOT);
  assert.is(EMPTY_ROOT, 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  for (const [index, leaf] of CT_LEAVES.entries()) {
    tree.appendLeaf(leafHash(Buffer.from(leaf, 'hex')));
    assert.is(tree.root(), CT_ROOTS[index]);
  }
});

// ---- hostile notes

const MALFORMED_NOTES: readonly (readonly [string, string])[] = [
  ['empty', ''],
  ['no signature', 'text\n'],
  ['no last newline', NOTE.slice(0, -1)],
  ['a control character', NOTE.replace('message', 'mess\u001bage')],
  ['a carriage return', NOTE.replaceAll('\n', '\r\n')],
  ['a hyphen for the dash', NOTE.replace('\u2014', '-')],
  ['a name with a plus', NOTE.replace('example.com/foo', 'example.com+foo')],
  ['base64 that is not the only way to write it', NOTE.replace('aQM=', 'aQN=')],
  ['a word behind the signature', NOTE.replace('aQM=', 'aQM= x')],
];

for (const [label, note] of MALFORMED_NOTES) {
  evidence(`not a note: ${label}`, () => assert.is(parseNote(note), null));
}

const MALFORMED_CHECKPOINTS: readonly (readonly [string, string])[] = [
  ['two lines', 'origin\n5\n'],
  ['a size with a leading zero', `origin\n05\n${Buffer.alloc(32).toString('base64')}\n`],
  ['a size that is no number', `origin\n-1\n${Buffer.alloc(32).toString('base64')}\n`],
  ['a root of 31 bytes', `origin\n5\n${Buffer.alloc(31).toString('base64')}\n`],
  ['an empty origin', `\n5\n${Buffer.alloc(32).toString('base64')}\n`],
];

for (const [label, text] of MALFORMED_CHECKPOINTS) {
  evidence(`not a checkpoint: ${label}`, () => {
    assert.is(parseCheckpoint(`${text}\n${NOTE.split('\n\n')[1]}`), null);
  });
}

evidence('parsers never throw, whatever the text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
      parseNote(text);
      parseCheckpoint(`${text}\n\n\u2014 a aaaa\n`);
      parseProof(`c2sp.org/tlog-proof@v1\n${text}\n\n${text}`);
      parseVerifierKey(text);
    }),
    seeded({ numRuns: 500 }),
  );
});

// ---- the tree against a naive one

/** RFC 6962 §2.1, word for word. */
function naiveRoot(leaves: readonly string[]): string {
  const [first] = leaves;
  if (first === undefined) return EMPTY_ROOT;
  if (leaves.length === 1) return first;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return nodeHash(naiveRoot(leaves.slice(0, split)), naiveRoot(leaves.slice(split)));
}

function leavesOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => leafHash(`record ${index}`));
}

function rootsOf(leaves: readonly string[], ranges: readonly LeafRange[]): readonly string[] {
  const roots = new RangeRoots(ranges);
  for (const [index, leaf] of leaves.entries()) roots.leaf(index, leaf);
  return roots.roots();
}

evidence('a range made of parts has the root of the naive tree, wherever it was cut', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 70 }), fc.array(fc.nat(69), { maxLength: 5 }), (count, cuts) => {
      const leaves = leavesOf(count);
      const borders = [0, ...cuts.filter((cut) => cut < count), count].sort((a, b) => a - b);
      const tree = new CompactRange();
      for (const [at, start] of borders.slice(0, -1).entries()) {
        const part = new CompactRange(start);
        for (const leaf of leaves.slice(start, borders[at + 1])) part.appendLeaf(leaf);
        for (const node of part.nodes) tree.append(node);
      }
      assert.is(tree.root(), naiveRoot(leaves));
      assert.is(tree.end, count);
    }),
    seeded({ numRuns: 300 }),
  );
});

evidence('every record of every small tree is proven, and no other', () => {
  for (let size = 1; size <= 17; size++) {
    const leaves = leavesOf(size);
    const root = naiveRoot(leaves);
    for (let index = 0; index < size; index++) {
      const proof = rootsOf(leaves, inclusionRanges(index, size));
      assert.ok(isIncluded(index, size, leaves[index] ?? '', proof, root), `${index} of ${size}`);
      assert.not.ok(isIncluded(index, size, leafHash('another'), proof, root));
      assert.not.ok(isIncluded(index + 1, size, leaves[index] ?? '', proof, root));
      assert.not.ok(isIncluded(index, size, leaves[index] ?? '', [...proof, root], root), 'a hash too many');
      if (proof.length > 0) assert.not.ok(isIncluded(index, size, leaves[index] ?? '', proof.slice(1), root));
    }
  }
});

evidence('every small tree is proven to extend each before it, and no other', () => {
  for (let size = 1; size <= 17; size++) {
    const leaves = leavesOf(size);
    const root = naiveRoot(leaves);
    for (let old = 1; old <= size; old++) {
      const oldRoot = naiveRoot(leaves.slice(0, old));
      const proof = rootsOf(leaves, consistencyRanges(old, size));
      assert.ok(isConsistent(old, size, oldRoot, root, proof), `${old} of ${size}`);
      const forked = naiveRoot([...leaves.slice(0, old - 1), leafHash('another')]);
      assert.not.ok(isConsistent(old, size, forked, root, proof), `${old} of ${size}, forked`);
      assert.not.ok(isConsistent(old, size, oldRoot, forked === root ? EMPTY_ROOT : forked, proof));
      assert.not.ok(isConsistent(old, size, oldRoot, root, [...proof, root]), 'a hash too many');
      if (proof.length > 0) assert.not.ok(isConsistent(old, size, oldRoot, root, proof.slice(1)));
    }
  }
});

// ---- cosignatures and proofs

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const RAW_KEY = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');

evidence("a witness's cosignature binds its time", () => {
  const key = verifierKey('witness.example/w1', SIGNATURE_COSIGNATURE, RAW_KEY);
  const text = `origin\n0\n${Buffer.from(EMPTY_ROOT, 'hex').toString('base64')}\n`;
  const made = cosignature(1_679_315_147, sign(null, Buffer.from(cosignedMessage(text, 1_679_315_147)), privateKey));
  const note = { text, signatures: [{ name: key.name, keyId: key.keyId, signature: made }] };
  assert.is(verifyNote(note, key), 'verified');
  assert.is(cosignedAt(note, key), 1_679_315_147);
  const moved = Buffer.from(made);
  moved[7] = (moved[7] ?? 0) ^ 1;
  assert.is(verifyNote({ text, signatures: [{ name: key.name, keyId: key.keyId, signature: moved }] }, key), 'bad');
});

evidence('a proof stands for its record alone', () => {
  const key = verifierKey('argus/test', SIGNATURE_ED25519, RAW_KEY);
  const lines = ['a', 'b', 'c', 'd', 'e'];
  const leaves = lines.map(leafHash);
  const text = `argus/test/0123\n5\n${Buffer.from(naiveRoot(leaves), 'hex').toString('base64')}\n`;
  const signature = sign(null, Buffer.from(text), privateKey);
  const checkpoint = formatNote({ text, signatures: [{ name: key.name, keyId: key.keyId, signature }] });
  const path = rootsOf(leaves, inclusionRanges(2, 5));
  const proof = formatProof({ line: Buffer.from('c'), index: 2, path, checkpoint });
  const reasonOf = (file: string, by = key): string => {
    const verdict = verifyProof(file, by);
    return verdict.ok ? 'ok' : verdict.reason;
  };
  assert.is(reasonOf(proof), 'ok');
  assert.is(reasonOf(formatProof({ line: Buffer.from('d'), index: 2, path, checkpoint })), 'NOT_INCLUDED');
  assert.is(reasonOf(formatProof({ line: Buffer.from('c'), index: 3, path, checkpoint })), 'NOT_INCLUDED');
  assert.is(reasonOf(proof.replace('\n5\n', '\n6\n')), 'BAD_SIGNATURE');
  assert.is(reasonOf(proof, verifierKey('argus/other', SIGNATURE_ED25519, RAW_KEY)), 'WRONG_KEY');
  assert.is(reasonOf(proof.slice(1)), 'MALFORMED');
  const foreign = `argus/tester/0123\n${text.slice(text.indexOf('\n') + 1)}`;
  const stolen = { name: key.name, keyId: key.keyId, signature: sign(null, Buffer.from(foreign), privateKey) };
  const other = formatNote({ text: foreign, signatures: [stolen] });
  assert.is(reasonOf(formatProof({ line: Buffer.from('c'), index: 2, path, checkpoint: other })), 'FOREIGN_ORIGIN');
});

evidence('notes that stand one behind the other are told apart', () => {
  assert.equal(splitNotes(NOTE + NOTE), [NOTE, NOTE]);
  const twice = `${NOTE}${NOTE.slice(NOTE.indexOf('\u2014'))}`;
  assert.equal(splitNotes(twice + NOTE), [twice, NOTE], 'a note may have two signatures');
  assert.equal(splitNotes(`${NOTE}half`), [NOTE, 'half']);
  assert.equal(splitNotes(''), []);
});

evidence.run();
