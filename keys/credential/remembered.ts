/**
 * A bounded memory of what was found to be true of a token or a key, and stays true: the signature of a token by one key,
 * the key of a thumbprint. It spares a broker one of the two signature checks of a hello, since a domain presents the
 * same credential again and again. What can change (time, revocation, the authority's overlap) is never remembered.
 *
 * Only what a verified credential vouches for gets in, so a peer without one cannot push anything out.
 */

/** As many as a broker has domains, and their next credentials. A token has at most 8 KiB, and mostly less than one. */
const CAPACITY = 512;

export class Remembered<Value> {
  readonly #values = new Map<string, Value>();

  get(name: string): Value | undefined {
    const value = this.#values.get(name);
    if (value === undefined) return undefined;
    this.#values.delete(name);
    this.#values.set(name, value); // a Map keeps the order of insertion: the last is the most recently used
    return value;
  }

  set(name: string, value: Value): void {
    this.#values.set(name, value);
    if (this.#values.size <= CAPACITY) return;
    for (const oldest of this.#values.keys()) {
      this.#values.delete(oldest);
      return;
    }
  }
}
