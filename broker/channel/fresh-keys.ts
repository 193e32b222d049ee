/**
 * A fresh key agreement inside a running session. The ratchet of the epochs is one way, so it closes what was sealed
 * before; but a thief who has copied the secret of one epoch can follow it. A fresh X25519 agreement shakes the thief off.
 *
 *   responder (the broker)                             initiator (the domain)
 *     | ask     {public key}                               |      sealed with the present keys
 *     |--------------------------------------------------->|
 *     | answer  {public key}                               |      sealed with the present keys
 *     |<---------------------------------------------------|
 *     | confirm {commitment}                               |      the first record with the fresh keys, from each side
 *     |<-------------------------------------------------->|
 *
 * The side that lets others in asks, so that it decides how old keys may get. Nothing but a confirmation may be the first
 * record with fresh keys. Each message is one record of its own type: kind u8, then 32 bytes.
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

/** Null for what `encodeRekey` does not make. */
export function decodeRekey(bytes: Uint8Array): { readonly kind: RekeyKind; readonly value: Uint8Array } | null {
  const kind = bytes[0] ?? 0;
  if (bytes.length !== 1 + VALUE_BYTES || !KINDS.includes(kind)) return null;
  return { kind: kind as RekeyKind, value: bytes.subarray(1) };
}

/** When the responder asks, and what it has asked. */
export class Asking {
  readonly #context: HandshakeContext;
  /** When the present keys were agreed on. */
  #agreedAt: number;
  #ephemeral: Ephemeral | null = null;
  #askedAt = 0;

  constructor(context: HandshakeContext, agreedAt: number) {
    this.#context = context;
    this.#agreedAt = agreedAt;
  }

  /** Nothing is under way, and the keys are old. */
  get isDue(): boolean {
    const { clock, freshKeysMs = FRESH_KEYS_MS } = this.#context;
    return this.#ephemeral === null && clock() - this.#agreedAt >= freshKeysMs;
  }

  /** The initiator has not answered: it would keep the old keys for ever. */
  get isOverdue(): boolean {
    return this.#ephemeral !== null && this.#context.clock() - this.#askedAt >= ANSWER_MS;
  }

  /** The public key to ask with. */
  begin(): Uint8Array {
    this.#ephemeral = (this.#context.ephemeral ?? generateEphemeral)();
    this.#askedAt = this.#context.clock();
    return this.#ephemeral.publicKey;
  }

  /** @returns 'UNEXPECTED_RECORD' for an answer to nothing, 'BAD_KEY' for a key of low order */
  finish(answer: Uint8Array): FreshKeys | 'UNEXPECTED_RECORD' | 'BAD_KEY' {
    const ephemeral = this.#ephemeral;
    if (ephemeral === null) return 'UNEXPECTED_RECORD';
    this.#ephemeral = null;
    this.#agreedAt = this.#context.clock();
    const shared = ephemeral.agree(answer);
    return shared === null ? 'BAD_KEY' : { shared, publicKeys: Buffer.concat([ephemeral.publicKey, answer]) };
  }
}

/** The initiator's side. Null for a key of low order. */
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
