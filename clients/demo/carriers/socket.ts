/** A unix socket of the broker's for each VM, as on any host; chrome-vm's has a tap. */

import type { Way } from './demo-carrier.ts';
import { Tap } from './tap.ts';

export class SocketWay implements Way {
  readonly config = {};
  readonly #socketOf: (domain: string) => string;
  readonly #tapPath: string;
  #tap: Tap | null = null;

  constructor(socketOf: (domain: string) => string, tapPath: string) {
    this.#socketOf = socketOf;
    this.#tapPath = tapPath;
  }

  async prepare(): Promise<void> {}

  /** The carrier is outside the trusted base, so the attacker may have it: chrome-vm's bytes pass through a tap. */
  async open(): Promise<void> {
    this.#tap = await Tap.open(this.#tapPath, this.#socketOf('chrome-vm'));
  }

  carrierOf(domain: string): string {
    return `unix:${domain === 'chrome-vm' ? this.#tapPath : this.#socketOf(domain)}`;
  }

  stolenCarrierOf(domain: string): string {
    return `unix:${this.#socketOf(domain)}`;
  }

  async recorded(bytes: number): Promise<Uint8Array> {
    await this.#tap?.recorded(bytes);
    return Buffer.from(this.#tap?.recording() ?? '', 'base64');
  }

  async close(): Promise<void> {
    this.#tap?.close();
  }
}
