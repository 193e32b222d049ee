/**
 * OpenSSL's AEAD on the caller's own bytes. This is the only file of keys/ in which native code touches memory.
 *
 * Node carries OpenSSL in its binary and exports its functions for addons. koffi calls these functions with addresses.
 * A wrong address would read or overwrite memory of this process, without any exception. Five rules prevent it:
 *
 *  1. Ranges. Every start and length is an integer, and `start + length` (with the tag) lies inside the view. The check
 *     comes directly before the call, in the same function. A detached buffer has length 0 and fails the check.
 *  2. Addresses. V8 never moves the memory of an ArrayBuffer or SharedArrayBuffer. So its address is looked up once and
 *     cached by buffer (WeakMap). A small typed array on V8's heap moves out of the heap when its `buffer` is read.
 *  3. Lifetimes. `#held` refers to the buffers during a call, so the collector keeps them although C sees only numbers.
 *  4. Overlap. Input and output are the same range, or the output was allocated here a moment ago.
 *  5. Contexts. A context lives as long as its key object. Only `free` and the finalizer release it. `free` unregisters
 *     the finalizer, and a freed key has no context left. Finalizers never run during a call.
 *
 * All calls are synchronous, and no call runs JavaScript. Memory that another thread may write (a SharedArrayBuffer) is
 * safe to pass, but then the other thread decides which bytes are sealed.
 */
import { type Native, requireKoffi } from '../../broker/native/index.ts';
import { AEAD_KEY_BYTES, AEAD_NONCE_BYTES, AEAD_TAG_BYTES, KeyError } from '../base/index.ts';
import type { Sealed } from './aead.ts';
import { assertRange, assertSealedRange } from './range.ts';

/** From openssl/evp.h; part of OpenSSL's ABI since 1.1.0. */
const EVP_CTRL_AEAD_GET_TAG = 0x10;
const EVP_CTRL_AEAD_SET_TAG = 0x11;
const SEAL = 1;
const OPEN = 0;
const OK = 1;

/** Associated data up to this length is copied next to the nonce: a record header has 24 bytes. */
const SCRATCH_AAD_BYTES = 64;
/** Layout of the scratch memory: nonce, tag, a C int for lengths that are not used, associated data. */
const SCRATCH_TAG = 16;
const SCRATCH_COUNT = 32;
const SCRATCH_AAD = 40;

/** Addresses are passed as numbers; 0 is NULL. */
interface Functions {
  readonly init: (context: number, cipher: number, engine: 0, key: number, nonce: number, direction: number) => number;
  readonly update: (context: number, output: number, count: number, input: number, length: number) => number;
  readonly finish: (context: number, output: number, count: number) => number;
  readonly control: (context: number, command: number, argument: number, pointer: number) => number;
  readonly createContext: () => number | bigint;
  readonly freeContext: (context: number) => void;
  readonly clearErrors: () => void;
}

export type CipherFunction = 'EVP_aes_256_gcm' | 'EVP_chacha20_poly1305';

export class OpenSsl {
  readonly #koffi: Native;
  readonly #functions: Functions;
  readonly #ciphers: Readonly<Record<CipherFunction, number>>;
  readonly #addresses = new WeakMap<ArrayBufferLike, number>();
  readonly #scratch = new Uint8Array(SCRATCH_AAD + SCRATCH_AAD_BYTES);
  readonly #scratchAddress: number;
  readonly #finalizers: FinalizationRegistry<number>;
  #contexts = 0;
  /** Rule 3. */
  readonly #held: { bytes: Uint8Array | null; aad: Uint8Array | null } = { bytes: null, aad: null };

  /** @throws when koffi is not installed, or this Node does not export OpenSSL's functions */
  constructor(loadKoffi: () => Native = requireKoffi) {
    const koffi = loadKoffi();
    const node = koffi.load(null);
    const bind = (declaration: string) => node.func(declaration);
    this.#koffi = koffi;
    this.#functions = Object.freeze({
      init: bind('int EVP_CipherInit_ex(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, int)'),
      update: bind('int EVP_CipherUpdate(uintptr_t, uintptr_t, uintptr_t, uintptr_t, int)'),
      finish: bind('int EVP_CipherFinal_ex(uintptr_t, uintptr_t, uintptr_t)'),
      control: bind('int EVP_CIPHER_CTX_ctrl(uintptr_t, int, int, uintptr_t)'),
      createContext: bind('uintptr_t EVP_CIPHER_CTX_new()'),
      freeContext: bind('void EVP_CIPHER_CTX_free(uintptr_t)'),
      clearErrors: bind('void ERR_clear_error()'),
    });
    this.#ciphers = Object.freeze({
      EVP_aes_256_gcm: addressFrom(bind('uintptr_t EVP_aes_256_gcm()')()),
      EVP_chacha20_poly1305: addressFrom(bind('uintptr_t EVP_chacha20_poly1305()')()),
    });
    this.#scratchAddress = this.#addressOf(this.#scratch);
    this.#finalizers = new FinalizationRegistry((context) => this.#functions.freeContext(context));
  }

  /** Contexts that no key has freed. One that the collector freed still counts, because its key was forgotten. */
  get contexts(): number {
    return this.#contexts;
  }

  /**
   * A context that holds the key; it is freed with `owner`.
   *
   * @throws KeyError ERR_KEY_AEAD_HOST when OpenSSL has no memory or does not allow the cipher
   */
  createContext(owner: object, cipher: CipherFunction, raw: Uint8Array): number {
    const { init, createContext, freeContext } = this.#functions;
    assertRange(raw, 0, AEAD_KEY_BYTES);
    const context = addressFrom(createContext());
    this.#held.bytes = raw;
    const isReady = init(context, this.#ciphers[cipher], 0, this.#addressOf(raw), 0, SEAL) === OK;
    this.#held.bytes = null;
    if (!isReady) {
      freeContext(context);
      throw this.#hostError();
    }
    this.#contexts++;
    this.#finalizers.register(owner, context, owner);
    return context;
  }

  /** The caller forgets `context` before it calls this (rule 5). */
  freeContext(owner: object, context: number): void {
    this.#finalizers.unregister(owner);
    this.#contexts--;
    this.#functions.freeContext(context);
  }

  /** @throws KeyError ERR_KEY_AEAD_USAGE for a range outside `bytes` */
  sealInPlace(
    context: number,
    nonce: Uint8Array,
    aad: Uint8Array,
    bytes: Uint8Array,
    start: number,
    length: number,
  ): void {
    assertSealedRange(bytes, start, length);
    const at = this.#addressOf(bytes) + start;
    if (!this.#seal(context, nonce, aad, bytes, at, at, length, at + length)) {
      bytes.fill(0, start, start + length + AEAD_TAG_BYTES);
      throw this.#hostError();
    }
  }

  /** @returns ciphertext and tag in fresh memory, each in a buffer of its own, so that `release` can free it */
  seal(context: number, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Sealed {
    assertRange(plaintext, 0, plaintext.length);
    const { length } = plaintext;
    const ciphertext = Buffer.allocUnsafeSlow(length);
    const [input, output] = [this.#freshAddressOf(plaintext), this.#freshAddressOf(ciphertext)];
    const tag = this.#scratchAddress + SCRATCH_TAG;
    if (!this.#seal(context, nonce, aad, plaintext, input, output, length, tag)) throw this.#hostError();
    return { ciphertext, tag: this.#scratch.slice(SCRATCH_TAG, SCRATCH_TAG + AEAD_TAG_BYTES) };
  }

  /**
   * OpenSSL writes the plaintext before it compares the tag. So this overwrites the plaintext of a forgery with zeros.
   *
   * @throws KeyError ERR_KEY_AEAD_USAGE for a range outside `bytes`
   */
  openInPlace(
    context: number,
    nonce: Uint8Array,
    aad: Uint8Array,
    bytes: Uint8Array,
    start: number,
    length: number,
  ): boolean {
    assertSealedRange(bytes, start, length);
    const at = this.#addressOf(bytes) + start;
    const isGenuine = this.#open(context, nonce, aad, bytes, at, at, length, at + length);
    if (!isGenuine) bytes.fill(0, start, start + length);
    return isGenuine;
  }

  /** @returns the plaintext in fresh memory, or null for a forgery */
  open(
    context: number,
    nonce: Uint8Array,
    aad: Uint8Array,
    ciphertext: Uint8Array,
    tag: Uint8Array,
  ): Uint8Array | null {
    assertRange(ciphertext, 0, ciphertext.length);
    assertRange(tag, 0, AEAD_TAG_BYTES);
    const plaintext = Buffer.allocUnsafeSlow(ciphertext.length);
    const [input, output] = [this.#freshAddressOf(ciphertext), this.#freshAddressOf(plaintext)];
    this.#scratch.set(tag, SCRATCH_TAG);
    const tagAddress = this.#scratchAddress + SCRATCH_TAG;
    if (this.#open(context, nonce, aad, ciphertext, input, output, ciphertext.length, tagAddress)) return plaintext;
    plaintext.fill(0);
    return null;
  }

  /** Writes `length` bytes to `output` and 16 to `tag`. The callers have checked the ranges. */
  #seal(
    context: number,
    nonce: Uint8Array,
    aad: Uint8Array,
    source: Uint8Array,
    input: number,
    output: number,
    length: number,
    tag: number,
  ): boolean {
    const { update, finish, control } = this.#functions;
    const count = this.#scratchAddress + SCRATCH_COUNT;
    this.#held.bytes = source;
    const isSealed =
      this.#begin(context, nonce, aad, SEAL, 0) &&
      (length === 0 || update(context, output, count, input, length) === OK) &&
      finish(context, count, count) === OK && // both ciphers are stream modes: it writes nothing
      control(context, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_BYTES, tag) === OK;
    this.#held.bytes = null;
    this.#held.aad = null;
    return isSealed;
  }

  #open(
    context: number,
    nonce: Uint8Array,
    aad: Uint8Array,
    source: Uint8Array,
    input: number,
    output: number,
    length: number,
    tag: number,
  ): boolean {
    const { update, finish, clearErrors } = this.#functions;
    const count = this.#scratchAddress + SCRATCH_COUNT;
    this.#held.bytes = source;
    const isGenuine =
      this.#begin(context, nonce, aad, OPEN, tag) &&
      (length === 0 || update(context, output, count, input, length) === OK) &&
      finish(context, count, count) === OK; // compares the tag in constant time
    this.#held.bytes = null;
    this.#held.aad = null;
    if (!isGenuine) clearErrors(); // node:crypto reads the same queue of errors
    return isGenuine;
  }

  /** Sets direction, nonce, the expected tag (when opening) and the associated data. */
  #begin(context: number, nonce: Uint8Array, aad: Uint8Array, direction: number, tag: number): boolean {
    const { init, update, control } = this.#functions;
    const scratch = this.#scratchAddress;
    if (nonce.length !== AEAD_NONCE_BYTES) return false;
    this.#scratch.set(nonce);
    let aadAddress = scratch + SCRATCH_AAD;
    if (aad.length <= SCRATCH_AAD_BYTES) this.#scratch.set(aad, SCRATCH_AAD);
    else {
      assertRange(aad, 0, aad.length);
      this.#held.aad = aad;
      aadAddress = this.#freshAddressOf(aad);
    }
    return (
      init(context, 0, 0, 0, scratch, direction) === OK &&
      (direction === SEAL || control(context, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_BYTES, tag) === OK) &&
      (aad.length === 0 || update(context, 0, scratch + SCRATCH_COUNT, aadAddress, aad.length) === OK)
    );
  }

  /** For reused memory: looks the address up once, and then allocates nothing. */
  #addressOf(bytes: Uint8Array): number {
    const { buffer } = bytes;
    let base = this.#addresses.get(buffer);
    if (base === undefined) {
      base = addressFrom(this.#koffi.address(new Uint8Array(buffer)));
      this.#addresses.set(buffer, base);
    }
    return base + bytes.byteOffset;
  }

  /** For memory that is used once. A cache entry would only be work for the collector. */
  #freshAddressOf(bytes: Uint8Array): number {
    return bytes.byteLength === 0 ? 0 : addressFrom(this.#koffi.address(bytes));
  }

  #hostError(): KeyError {
    this.#functions.clearErrors();
    return new KeyError(
      'ERR_KEY_AEAD_HOST',
      'openssl refused an aead call that it has to accept (no memory, or a forbidden cipher)',
    );
  }
}

/** A tagged pointer does not fit into a number. On such a machine this provider does not load. */
function addressFrom(value: number | bigint): number {
  const address = Number(value);
  if (!Number.isSafeInteger(address) || address <= 0)
    throw new KeyError('ERR_KEY_AEAD_HOST', 'openssl returned no usable address (no memory, or tagged pointers)');
  return address;
}
