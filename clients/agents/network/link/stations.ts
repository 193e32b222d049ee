/**
 * Which domain has which MAC, learned from what arrives. What it learns from can be trusted: the broker passes on a frame
 * only if its source MAC is the sending domain's own, so no domain can attract another's frames.
 */
import { MAX_LEARNED_ADDRESSES } from '../limits.ts';

export class Stations {
  /** By the MAC as a number: 48 bits fit, and a string per frame would cost more than the look-up. */
  readonly #domainOf = new Map<number, string>();

  /** `domain` sent what has its MAC at `bytes[at]`. */
  learn(bytes: Uint8Array, at: number, domain: string): void {
    const mac = macNumber(bytes, at);
    if (this.#domainOf.get(mac) === domain) return;
    if (this.#domainOf.size >= MAX_LEARNED_ADDRESSES) this.#domainOf.clear();
    this.#domainOf.set(mac, domain);
  }

  /** The domain whose MAC is at `bytes[at]`; null when it has not been heard of. */
  domainOf(bytes: Uint8Array, at: number): string | null {
    return this.#domainOf.get(macNumber(bytes, at)) ?? null;
  }
}

function macNumber(bytes: Uint8Array, at: number): number {
  const upper = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
  const lower = ((bytes[at + 3] ?? 0) << 16) | ((bytes[at + 4] ?? 0) << 8) | (bytes[at + 5] ?? 0);
  return upper * 0x100_0000 + lower;
}
