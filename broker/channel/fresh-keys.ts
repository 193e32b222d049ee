/**
 * A fresh key agreement inside a running session. The ratchet of the epochs is one-way, so it protects earlier records.
 * But an attacker with a copy of one epoch's secret can compute all later ones. A fresh X25519 agreement ends that.
 *
 *   responder (the broker)                             initiator (the domain)
 *     | ask     {public key}                               |      sealed with the present keys
 *     |--------------------------------------------------->|
 *     | answer  {public key}                               |      sealed with the present keys
 *     |<---------------------------------------------------|
 *     | confirm {commitment}                               |      the first record with the fresh keys, from each side
 *     |<-------------------------------------------------->|
 *
 * The responder asks, so that it decides how old keys may get. The first record with fresh keys must be a confirmation.
 * Each message is one record of its own type: kind u8, then 32 bytes.
 */
import { type Ephemeral, type FreshKeys, generateEphemeral } from '../../keys/index.ts';
import type { HandshakeContext } from './handshake.ts';
import { ANSWER_MS, FRESH_KEYS_MS } from './protection.ts';

export const RekeyKind = { ask: 1, answer: 2, confirm: 3 } as const;
export type RekeyKind = (typeof RekeyKind)[keyof typeof RekeyKind];

const KINDS: readonly number[] = Object.values(RekeyKind);
const VALUE_BYTES = 32;

export function encodeRekey(kind: RekeyKind, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + VALUE_BYTES);
  bytes[0] = kind;
  bytes.set(value, 1);
  return bytes;
}

/** Null for bytes that `encodeRekey` never makes. */
export function decodeRekey(bytes: Uint8Array): { readonly kind: RekeyKind; readonly value: Uint8Array } | null {
  const kind = bytes[0] ?? 0;
  if (bytes.length !== 1 + VALUE_BYTES || !KINDS.includes(kind)) return null;
  return { kind: kind as RekeyKind, value: bytes.subarray(1) };
}

/** The responder's requests for fresh keys: when one is due, and the one that is open. */
export class Asking {
  readonly #context: HandshakeContext;
  /** Time of the agreement on the present keys. */
  #agreedAt: number;
  #ephemeral: Ephemeral | null = null;
  #askedAt = 0;

  constructor(context: HandshakeContext, agreedAt: number) {
    this.#context = context;
    this.#agreedAt = agreedAt;
  }

  /** True: no request is open, and the keys are old. */
  get isDue(): boolean {
    const { clock, freshKeysMs = FRESH_KEYS_MS } = this.#context;
    return this.#ephemeral === null && clock() - this.#agreedAt >= freshKeysMs;
  }

  /** True: the initiator has not answered in time. Without a limit it could keep the old keys for ever. */
  get isOverdue(): boolean {
    return this.#ephemeral !== null && this.#context.clock() - this.#askedAt >= ANSWER_MS;
  }

  /** Begins a request, and returns its public key. */
  begin(): Uint8Array {
    this.#ephemeral = (this.#context.ephemeral ?? generateEphemeral)();
    this.#askedAt = this.#context.clock();
    return this.#ephemeral.publicKey;
  }

  /** @returns 'UNEXPECTED_RECORD' for an answer without a request, 'BAD_KEY' for a key of low order */
  finish(answer: Uint8Array): FreshKeys | 'UNEXPECTED_RECORD' | 'BAD_KEY' {
    const ephemeral = this.#ephemeral;
    if (ephemeral === null) return 'UNEXPECTED_RECORD';
    this.#ephemeral = null;
    this.#agreedAt = this.#context.clock();
    const shared = ephemeral.agree(answer);
    return shared === null ? 'BAD_KEY' : { shared, publicKeys: Buffer.concat([ephemeral.publicKey, answer]) };
  }
}

/** The initiator's answer. Null for a key of low order. */
export function answerAsk(
  context: HandshakeContext,
  ask: Uint8Array,
): { readonly publicKey: Uint8Array; readonly keys: FreshKeys } | null {
  const ephemeral = (context.ephemeral ?? generateEphemeral)();
  const shared = ephemeral.agree(ask);
  if (shared === null) return null;
  const { publicKey } = ephemeral;
  return { publicKey, keys: { shared, publicKeys: Buffer.concat([ask, publicKey]) } };
}
