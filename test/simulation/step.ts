/** One thing that happens in a run, and what draws it. */
import type { Random } from '../support/random.ts';
import type { Guest } from './actors/guest.ts';
import type { Home } from './actors/home.ts';
import type { System } from './system.ts';

export interface Step {
  readonly label: string;
  run(): void | Promise<void>;
}

export type Choice = readonly [weight: number, draw: (random: Random, system: System) => Step];

export function onGuest(guest: Guest, what: string, act: (guest: Guest) => void): Step {
  return { label: `${guest.name} ${what}`, run: () => act(guest) };
}

/** Which of the brokers it happens to. */
export function pickHome(random: Random, { homes }: System): Home {
  const [only] = homes;
  return homes.length === 1 && only !== undefined ? only : random.pick(homes);
}
