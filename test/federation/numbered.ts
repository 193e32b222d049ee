/** Numbered messages from one domain to another, and what became of each: nothing acknowledged is lost, nothing comes twice. */
import * as assert from 'uvu/assert';
import type { Ring, Vm } from '../../clients/sdk/index.ts';

const PAUSE_MS = 10;

export class NumberedStream {
  readonly accepted: number[] = [];
  readonly refused: number[] = [];
  /** The session ended before the answer: may have arrived, once. */
  readonly unknown: number[] = [];
  readonly arrived: number[] = [];
  /** Every way in which a send has failed: code and outcome. */
  readonly failures = new Set<string>();
  readonly #label: string;
  readonly #ring: Ring;
  readonly #sending: Promise<void>;
  #isStopped = false;

  constructor(label: string, from: Vm, to: { readonly domain: string; readonly port: number }, ring: Ring) {
    this.#label = label;
    this.#ring = ring;
    void this.#read(ring);
    this.#sending = this.#send(from, to);
  }

  /** Resolves when one more was accepted than were when it was called. */
  async flows(): Promise<void> {
    const { length } = this.accepted;
    while (this.accepted.length === length) await pause();
  }

  /** Sends no more, closes the ring, and compares. */
  async finish(): Promise<void> {
    this.#isStopped = true;
    await this.#sending;
    const arrived = new Set(this.arrived);
    while (!this.accepted.every((value) => arrived.has(value))) {
      await pause();
      for (const value of this.arrived) arrived.add(value);
    }
    await this.#ring.close();
    assert.is(arrived.size, this.arrived.length, `${this.#label}: something came twice`);
    assert.equal(
      [...this.arrived].sort((a, b) => a - b),
      this.arrived,
      `${this.#label}: something overtook`,
    );
    assert.equal(
      this.refused.filter((value) => arrived.has(value)),
      [],
      `${this.#label}: something came that was refused`,
    );
  }

  async #read(ring: Ring): Promise<void> {
    for await (const { payload } of ring) this.arrived.push(Buffer.from(payload).readUInt32LE());
  }

  async #send(from: Vm, to: { readonly domain: string; readonly port: number }): Promise<void> {
    const fates: Promise<void>[] = [];
    for (let value = 0; !this.#isStopped; value++) {
      const payload = Buffer.alloc(64);
      payload.writeUInt32LE(value);
      fates.push(
        from.sendv({ to, iov: payload }).then(
          () => void this.accepted.push(value),
          (error: { readonly code?: string; readonly outcome?: string }) => {
            this.failures.add(`${error.code} ${error.outcome}`);
            (error.outcome === 'unknown' ? this.unknown : this.refused).push(value);
          },
        ),
      );
      await pause();
    }
    await Promise.all(fates);
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
