/** One unix socket of the broker per VM, as on any host. A tap copies chrome-vm's bytes. */

import type { DemoCarrier } from './demo-carrier.ts';
import { Tap } from './tap.ts';

export class SocketSetting implements DemoCarrier {
  readonly config = {};
  readonly #socketOf: (domain: string) => string;
  readonly #tapPath: string;
  #tap: Tap | null = null;

  constructor(socketOf: (domain: string) => string, tapPath: string) {
    this.#socketOf = socketOf;
    this.#tapPath = tapPath;
  }

  async prepare(): Promise<void> {}

  /** Carriers are outside the trusted base, so the attacker may read them: chrome-vm's bytes pass through a tap. */
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
