/** Records: their header, the keys of one direction, and a reader that cuts a byte stream. See "Records" in docs/wire.md. */
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import { assert } from './identity.mjs';

export const RecordType = { hello: 1, welcome: 2, data: 3, close: 4, rekey: 5 };
export const MAX_RECORD_PLAINTEXT_BYTES = 97_496;
const HEADER_BYTES = 24;
const TAG_BYTES = 16;
export const MAX_HANDSHAKE_BODY_BYTES = 16_384;
export const MAX_RECORD_BODY_BYTES = 16_777_164;
/** Fresh keys begin at the next multiple of this. */
const EPOCHS_PER_AGREEMENT = 65_536;
const SOFT = { records: 1_048_576, bytes: 1_073_741_824, ageMs: 120_000 };
const HARD = { records: 2_097_152, bytes: 2_147_483_648, ageMs: 240_000 };
export const SUITES = { A256GCM: 'aes-256-gcm', C20P: 'chacha20-poly1305' };

export function encodeHeader(type, epoch, sequence, length) {
  const header = Buffer.alloc(HEADER_BYTES);
  header.set([0xa7, 0x67, 2, type]);
  header.writeUInt32LE(epoch, 4);
  header.writeBigUInt64LE(BigInt(sequence), 8);
  header.writeUInt32LE(length, 16);
  return header;
}

/** Cuts a stream into records. `limit` is the longest body that is accepted now. */
export class RecordReader {
  limit = MAX_HANDSHAKE_BODY_BYTES;
  #held = Buffer.alloc(0);

  push(chunk) {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
  }

  /** The next whole record, or null when more bytes must come. Throws when the header is wrong. */
  next() {
    const held = this.#held;
    if (held.length < HEADER_BYTES) return null;
    assert(held[0] === 0xa7 && held[1] === 0x67 && held[2] === 2, 'not a record of version 2');
    const type = held[3];
    const sequence = held.readBigUInt64LE(8);
    const length = held.readUInt32LE(16);
    assert(type >= RecordType.hello && type <= RecordType.rekey, 'an unknown type of record');
    assert(held.readUInt32LE(20) === 0, 'reserved bytes that are not 0');
    assert(sequence < 2n ** 53n && length <= this.limit, 'a number in the header is too large');
    const end = HEADER_BYTES + length;
    if (held.length < end) return null;
    this.#held = held.subarray(end);
    const header = held.subarray(0, HEADER_BYTES);
    return {
      type,
      epoch: held.readUInt32LE(4),
      sequence: Number(sequence),
      header,
      body: held.subarray(HEADER_BYTES, end),
    };
  }
}

export function hkdfExtract(salt, input) {
  return createHmac('sha256', salt).update(input).digest();
}

/** RFC 5869 for outputs of at most one block, which is all that the format needs. */
export function hkdfExpand(secret, label, length) {
  return createHmac('sha256', secret).update(label).update(Uint8Array.of(1)).digest().subarray(0, length);
}

/** One key generation of one direction. */
class Epoch {
  records = 0;
  bytes = 0;
  #startedAt = performance.now();
  #secret;

  constructor(number, secret) {
    this.number = number;
    this.#secret = secret;
    this.key = hkdfExpand(secret, 'argus v1 key', 32);
    this.iv = hkdfExpand(secret, 'argus v1 iv', 12);
    this.commitment = hkdfExpand(secret, 'argus v1 commitment', 32);
  }

  /** Bound to the number of records of this epoch: if one is missing, the next key is another one. */
  next() {
    return new Epoch(this.number + 1, this.#nextSecret());
  }

  get firstFresh() {
    return this.number - (this.number % EPOCHS_PER_AGREEMENT) + EPOCHS_PER_AGREEMENT;
  }

  /** With a key agreement mixed in: the old secret alone does not lead there. */
  fresh({ shared, publicKeys }) {
    const mixed = hkdfExtract(this.#nextSecret(), shared);
    const label = Buffer.concat([Buffer.from('argus v1 fresh keys'), publicKeys]);
    return new Epoch(this.firstFresh, hkdfExpand(mixed, label, 32));
  }

  #nextSecret() {
    const count = Buffer.alloc(8);
    count.writeBigUInt64LE(BigInt(this.records));
    return hkdfExpand(this.#secret, Buffer.concat([Buffer.from('argus v1 next epoch'), count]), 32);
  }

  isPast(limits) {
    const age = performance.now() - this.#startedAt;
    return this.records >= limits.records || this.bytes >= limits.bytes || age >= limits.ageMs;
  }

  nonce(sequence) {
    const nonce = Buffer.from(this.iv);
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(sequence));
    for (let index = 0; index < 8; index++) nonce[4 + index] ^= bytes[index];
    return nonce;
  }
}

export class Sealer {
  #cipher;
  #epoch;

  constructor(suite, secret) {
    this.#cipher = SUITES[suite];
    this.#epoch = new Epoch(0, secret);
  }

  get epoch() {
    return this.#epoch.number;
  }

  /** The next record is the first one of the next epoch. */
  rekey() {
    this.#epoch = this.#epoch.next();
  }

  /** What the first record with fresh keys holds. */
  get commitment() {
    return this.#epoch.commitment;
  }

  /** The next record is the first one with fresh keys. */
  refresh(shared, publicKeys) {
    this.#epoch = this.#epoch.fresh({ shared, publicKeys });
  }

  seal(type, plaintext) {
    if (this.#epoch.isPast(SOFT)) this.rekey();
    const epoch = this.#epoch;
    const sequence = epoch.records++;
    epoch.bytes += plaintext.length;
    const header = encodeHeader(type, epoch.number, sequence, plaintext.length + TAG_BYTES);
    const cipher = createCipheriv(this.#cipher, epoch.key, epoch.nonce(sequence), { authTagLength: TAG_BYTES });
    cipher.setAAD(header, { plaintextLength: plaintext.length });
    return Buffer.concat([header, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  }
}

export class Opener {
  #cipher;
  #epoch;
  #fresh = null;
  #isUnconfirmed = false;

  constructor(suite, secret) {
    this.#cipher = SUITES[suite];
    this.#epoch = new Epoch(0, secret);
  }

  get epoch() {
    return this.#epoch.number;
  }

  get isAwaitingFresh() {
    return this.#fresh !== null;
  }

  /** The other side may go on with fresh keys. */
  expectFresh(shared, publicKeys) {
    this.#fresh = { shared, publicKeys };
  }

  /** Right after the first record with fresh keys. Throws when the other side has others. */
  confirm(commitment) {
    assert(this.#isUnconfirmed && timingSafeEqual(commitment, this.#epoch.commitment), 'no proof of the fresh keys');
    this.#isUnconfirmed = false;
  }

  /** Throws unless it is the next record of the other side. */
  open({ type, epoch: number, sequence, header, body }) {
    assert(!this.#isUnconfirmed, 'the first record with fresh keys must confirm them');
    const epoch = this.#epochOf(number);
    const isNext = number === epoch.number && sequence === epoch.records && !epoch.isPast(HARD);
    assert(isNext && body.length >= TAG_BYTES, 'not the next record');
    const split = body.length - TAG_BYTES;
    const cipher = createDecipheriv(this.#cipher, epoch.key, epoch.nonce(sequence), { authTagLength: TAG_BYTES });
    cipher.setAAD(header, { plaintextLength: split });
    cipher.setAuthTag(body.subarray(split));
    const plaintext = Buffer.concat([cipher.update(body.subarray(0, split)), cipher.final()]); // final() throws
    // Only now: a forged record must move neither the sequence nor the epoch.
    epoch.records++;
    epoch.bytes += plaintext.length;
    if (this.#fresh !== null && number === this.#epoch.firstFresh) {
      this.#fresh = null;
      this.#isUnconfirmed = true;
      assert(type === RecordType.rekey, 'the first record with fresh keys must confirm them');
    }
    this.#epoch = epoch;
    return plaintext;
  }

  #epochOf(number) {
    if (number === this.#epoch.number + 1 && number < this.#epoch.firstFresh) return this.#epoch.next();
    if (number === this.#epoch.firstFresh && this.#fresh !== null) return this.#epoch.fresh(this.#fresh);
    return this.#epoch;
  }
}
