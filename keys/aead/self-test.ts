/**
 * The start-up self-test: all providers must reproduce published vectors, open each other's records and refuse the same
 * forgeries, in fresh memory and in place. A broker whose ciphers disagree refuses to start, because one of them is
 * wrong.
 */
import { AEAD_KEY_BYTES, AEAD_NONCE_BYTES, KeyError } from '../base/index.ts';
import type { Aead, AeadKey, AeadSuite } from './aead.ts';
import { allAeads } from './select.ts';

interface Vector {
  readonly source: string;
  readonly suite: AeadSuite;
  readonly key: string;
  readonly nonce: string;
  readonly aad: string;
  readonly plaintext: string;
  readonly ciphertext: string;
  readonly tag: string;
}

/** Hexadecimal throughout. */
export const AEAD_VECTORS: readonly Vector[] = [
  {
    source: 'McGrew & Viega, The Galois/Counter Mode of Operation, test case 16',
    suite: 'A256GCM',
    key: 'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308',
    nonce: 'cafebabefacedbaddecaf888',
    aad: 'feedfacedeadbeeffeedfacedeadbeefabaddad2',
    plaintext:
      'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
    ciphertext:
      '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662',
    tag: '76fc6ece0f4e1768cddf8853bb2d551b',
  },
  {
    source: 'McGrew & Viega, test case 13 (no plaintext, no aad)',
    suite: 'A256GCM',
    key: '00'.repeat(32),
    nonce: '00'.repeat(12),
    aad: '',
    plaintext: '',
    ciphertext: '',
    tag: '530f8afbc74536b9a963b4f1c4cb738b',
  },
  {
    source: 'RFC 8439 §2.8.2',
    suite: 'C20P',
    key: '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f',
    nonce: '070000004041424344454647',
    aad: '50515253c0c1c2c3c4c5c6c7',
    plaintext: Buffer.from(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    ).toString('hex'),
    ciphertext:
      'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116',
    tag: '1ae10b594f09e26a7e902ecbd0600691',
  },
  {
    source: 'RFC 8452 §C.2',
    suite: 'A256GCMSIV',
    key: '0100000000000000000000000000000000000000000000000000000000000000',
    nonce: '030000000000000000000000',
    aad: '010000000000000000000000000000000200',
    plaintext: '0300000000000000000000000000000004000000',
    ciphertext: '43dd0163cdb48f9fe3212bf61b201976067f342b',
    tag: 'b879ad976d8242acc188ab59cabfe307',
  },
  {
    source: 'RFC 8452 §C.2',
    suite: 'A256GCMSIV',
    key: '0100000000000000000000000000000000000000000000000000000000000000',
    nonce: '030000000000000000000000',
    aad: '',
    plaintext: '',
    ciphertext: '',
    tag: '07f5f4169bbf55a8400cd47ea6fd400f',
  },
];

/** A byte that no test writes, before and after each range that is sealed in place. */
const CANARY = 0xc5;
const CANARY_BYTES = 32;

/**
 * Longer than any vector, and not a multiple of a block: this reaches the code for many blocks and a partial last one.
 */
const CROSS_LENGTH_BYTES = 4099;

function fail(aead: Aead, what: string): never {
  throw new KeyError(
    'ERR_KEY_AEAD_SELF_TEST',
    `aead self-test: suite "${aead.suite}" by provider "${aead.provider}" ${what}; this host's ciphers cannot be trusted`,
  );
}

function equal(left: Uint8Array | null, right: Uint8Array): boolean {
  return left !== null && Buffer.compare(left, right) === 0;
}

function testVector(aead: Aead, vector: Vector): void {
  const [nonce, aad, plaintext] = [vector.nonce, vector.aad, vector.plaintext].map((hex) => Buffer.from(hex, 'hex'));
  const [ciphertext, tag] = [vector.ciphertext, vector.tag].map((hex) => Buffer.from(hex, 'hex'));
  if (!nonce || !aad || !plaintext || !ciphertext || !tag) return;
  const key = aead.importKey(Buffer.from(vector.key, 'hex'));
  const sealed = aead.seal(key, nonce, aad, plaintext);
  if (!equal(sealed.ciphertext, ciphertext) || !equal(sealed.tag, tag)) fail(aead, `does not give ${vector.source}`);
  if (!equal(aead.open(key, nonce, aad, ciphertext, tag), plaintext)) fail(aead, `does not open ${vector.source}`);
  const forged = Buffer.from(tag);
  forged.writeUInt8(forged.readUInt8(15) ^ 1, 15);
  if (aead.open(key, nonce, aad, ciphertext, forged) !== null) fail(aead, `opens a forgery of ${vector.source}`);
  testInPlace(aead, key, nonce, aad, plaintext, Buffer.concat([ciphertext, tag]), vector.source);
  key.free();
}

function testInPlace(
  aead: Aead,
  key: AeadKey,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
  sealed: Uint8Array,
  source: string,
): void {
  const { length } = plaintext;
  const start = CANARY_BYTES + 1; // an odd address
  const memory = Buffer.alloc(start + sealed.length + CANARY_BYTES, CANARY);
  memory.set(plaintext, start);
  aead.sealInPlace(key, nonce, aad, memory, start, length);
  const range = memory.subarray(start, start + sealed.length);
  if (!equal(range, sealed)) fail(aead, `does not seal ${source} in place`);
  if (!aead.openInPlace(key, nonce, aad, memory, start, length) || !equal(range.subarray(0, length), plaintext))
    fail(aead, `does not open ${source} in place`);
  range.set(sealed);
  range.writeUInt8(range.readUInt8(length) ^ 1, length);
  if (aead.openInPlace(key, nonce, aad, memory, start, length) || range.subarray(0, length).some((byte) => byte !== 0))
    fail(aead, `opens a forgery of ${source} in place, or leaves plaintext behind`);
  const around = [memory.subarray(0, start), memory.subarray(start + sealed.length)];
  if (around.some((bytes) => bytes.some((byte) => byte !== CANARY)))
    fail(aead, `writes outside of its range with ${source}`);
}

/** All providers of a suite (one or more) seal the same bytes. So if each opens them, each opens what others sealed. */
function testTwins(twins: readonly Aead[]): void {
  const raw = Buffer.alloc(AEAD_KEY_BYTES, 0xa7);
  const nonce = Buffer.alloc(AEAD_NONCE_BYTES, 0x67);
  const aad = Buffer.alloc(24, 0x5a);
  const plaintext = Uint8Array.from({ length: CROSS_LENGTH_BYTES }, (_, index) => index & 0xff);
  let expected: Uint8Array | null = null;
  for (const aead of twins) {
    const key = aead.importKey(raw);
    const { ciphertext, tag } = aead.seal(key, nonce, aad, plaintext);
    const record = Buffer.concat([ciphertext, tag]);
    expected ??= Uint8Array.from(record);
    if (!equal(record, expected)) fail(aead, `does not seal as provider "${twins[0]?.provider}" does`);
    if (!equal(aead.open(key, nonce, aad, ciphertext, tag), plaintext)) fail(aead, 'does not open a long record');
    const isOpened = aead.openInPlace(key, nonce, aad, record, 0, plaintext.length);
    if (!isOpened || !equal(record.subarray(0, plaintext.length), plaintext))
      fail(aead, 'does not open a long record in place');
    key.free();
  }
}

/**
 * Takes some ten milliseconds, mostly for noble. Run it before anything listens or connects.
 *
 * @throws KeyError ERR_KEY_AEAD_SELF_TEST, naming the suite and provider
 */
export function aeadSelfTest(aeads: readonly Aead[] = allAeads()): void {
  for (const aead of aeads)
    for (const vector of AEAD_VECTORS) if (vector.suite === aead.suite) testVector(aead, vector);
  for (const suite of new Set(aeads.map((each) => each.suite))) testTwins(aeads.filter((each) => each.suite === suite));
}
