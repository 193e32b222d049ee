/** The simulated system as its steps and its models see it. */
import type { Random } from '../support/random.ts';
import type { Guest } from './actors/guest.ts';
import type { Home } from './actors/home.ts';
import type { Hostile } from './actors/hostile.ts';
import type { AppVm } from './agents/app-vm.ts';
import type { AudioVm } from './agents/audio-vm.ts';
import type { NetVm } from './agents/net-vm.ts';
import type { NatsServer } from './engine/nats.ts';
import type { Host } from './engine/process.ts';

/** Those of one run. */
export interface AgentSet {
  readonly audio: AudioVm;
  readonly net: NetVm;
  readonly apps: readonly AppVm[];
}

export interface System {
  readonly guests: readonly Guest[];
  /** A VM that keeps no rules; null in runs without one. */
  readonly hostile: Hostile | null;
  /** Null in runs without them. */
  readonly agents: AgentSet | null;
  readonly nats: NatsServer;
  readonly host: Host;
  /** The machines of the brokers. */
  readonly homes: readonly Home[];
  homeOf(guest: Guest): Home;
  /** Writes a random policy to the directory of this broker; false if it does not compile. */
  writePolicy(random: Random, home: Home): Promise<boolean>;
  /** Revokes the key that the guest has now, at its home. */
  revokeKey(guest: Guest): void;
  /** Guests whose keys are revoked are brought new ones. */
  renewKeys(): void;
  /** Nothing passes between this broker and the NATS server, or all is as before. */
  holdBroker(home: Home, isHeld: boolean): void;
  /** Lets simulated time pass. */
  pass(milliseconds: number): Promise<void>;
  passUntil(milliseconds: number, isReached: () => boolean): Promise<unknown>;
}
