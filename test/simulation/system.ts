/** The simulated system as its steps and its models see it. */
import type { Random } from '../support/random.ts';
import type { SimulatedBroker } from './actors/broker.ts';
import type { Guest } from './actors/guest.ts';
import type { Hostile } from './actors/hostile.ts';
import type { Disk } from './engine/disk.ts';
import type { NatsServer } from './engine/nats.ts';
import type { Host } from './engine/process.ts';

export interface System {
  readonly guests: readonly Guest[];
  /** A VM that keeps no rules; null in runs without one. */
  readonly hostile: Hostile | null;
  readonly nats: NatsServer;
  readonly disk: Disk;
  readonly host: Host;
  /** Null while no broker runs. */
  readonly broker: SimulatedBroker | null;
  /** Writes a random policy to the broker's directory; false if it does not compile. */
  writePolicy(random: Random): Promise<boolean>;
  startBroker(): void;
  killBroker(): void;
  /** Revokes the key that the guest has now. */
  revokeKey(guest: Guest): void;
  /** Guests whose keys are revoked are brought new ones. */
  renewKeys(): void;
  /** Lets simulated time pass. */
  pass(milliseconds: number): Promise<void>;
  passUntil(milliseconds: number, isReached: () => boolean): Promise<unknown>;
}
