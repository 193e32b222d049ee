/** Record nonces in the manner of TLS 1.3 (RFC 8446 §5.3): the epoch's IV XOR the record's sequence number. */
import { AEAD_NONCE_BYTES, KeyError } from '../base/index.ts';

const TWO_TO_32 = 0x1_0000_0000;

/**
 * Bytes 0-3 are those of the IV. Bytes 4-11 are those of the IV, XOR the sequence as a little-endian u64. Two sequences
 * of one epoch never give the same nonce. Called once per record, so it allocates nothing.
 *
 * @param iv 12 bytes of this epoch and direction
 * @param sequence 0 … 2^53 - 1; a session never gets that far (hard rekey limit)
 * @param out 12 bytes, overwritten
 * @throws KeyError ERR_KEY_SEQUENCE_RANGE; a decoder must have refused such a sequence before
 */
export function recordNonce(iv: Uint8Array, sequence: number, out: Uint8Array): void {
  if (!Number.isSafeInteger(sequence) || sequence < 0)
    throw new KeyError('ERR_KEY_SEQUENCE_RANGE', `record sequence ${sequence}: expected an integer 0 … 2^53-1`);
  if (iv.length !== AEAD_NONCE_BYTES || out.length !== AEAD_NONCE_BYTES)
    throw new KeyError('ERR_KEY_AEAD_USAGE', `record nonce: expected ${AEAD_NONCE_BYTES} bytes of iv and of output`);
  const low = sequence >>> 0;
  const high = (sequence - low) / TWO_TO_32;
  out.set(iv);
  for (let index = 0; index < 4; index += 1) {
    out[4 + index] = (iv[4 + index] ?? 0) ^ ((low >>> (8 * index)) & 0xff);
    out[8 + index] = (iv[8 + index] ?? 0) ^ ((high >>> (8 * index)) & 0xff);
  }
}
