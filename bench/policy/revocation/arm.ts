/** What each server looks like to the comparison of revocations: a stream that one permission allows. */
import type { FindProgram } from '../../arms/server-process.ts';
import type { Cleanup } from '../../cleanup.ts';

export const REVOCATION_ARMS = ['argus', 'nats-server', 'mosquitto'] as const;
export type RevocationArmName = (typeof REVOCATION_ARMS)[number];

/** Deliveries of the stream, counted at its receiver. */
export interface Deliveries {
  delivered: number;
  /** performance.now() of the last one. */
  lastAt: number;
}

export interface RevocationSite {
  readonly deliveries: Deliveries;
  /** Sends one message. Whether it is allowed shows at the receiver alone. */
  send(): void;
  allow(): Promise<void>;
  /** Called while messages flow, before the clock runs: writes the files of a server that reads them at a signal. */
  prepare(): Promise<void>;
  /** Resolves when the admin hears that it is done, or, where no answer exists, when the server has its signal. */
  revoke(): Promise<void>;
}

export interface RevocationArm {
  readonly name: RevocationArmName;
  /** False: a signal starts the change, and nothing says when it is in force. */
  readonly answers: boolean;
  /** The package to install, or null. */
  missing(find: FindProgram): Promise<string | null>;
  open(folder: string, rows: number, cleanup: Cleanup): Promise<RevocationSite>;
}

export function counter(): Deliveries & { count(): void } {
  return {
    delivered: 0,
    lastAt: 0,
    count() {
      this.delivered++;
      this.lastAt = performance.now();
    },
  };
}
