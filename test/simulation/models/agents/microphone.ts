/**
 * The microphone reaches a VM only under a revision that lets it, and each VM hears the record stream that was opened for
 * it. No record stream stays open for a VM that is gone or does not listen.
 */
import type { AgentSet } from '../../system.ts';
import { type Invariant, type PolicyInForce, type View, Violation } from '../invariant.ts';
import { AgentPolicies } from './agents-may.ts';

/** The service notices a VM that has gone within two looks, and a message waits for half a second at most. */
const CLOSES_WITHIN_MS = 15_000;

export class Microphone implements Invariant {
  readonly name = 'microphone';
  readonly #agents: AgentSet;
  readonly #policies = new AgentPolicies();
  readonly #frames = new Map<number, { readonly to: string; readonly turn: number }>();
  /** Since when the record stream of a VM has no reason. */
  readonly #unwanted = new Map<string, number>();

  constructor(agents: AgentSet) {
    this.#agents = agents;
  }

  policy(policy: PolicyInForce): void {
    this.#policies.policy(policy);
  }

  spoke(to: string, frame: number, { turn }: View): void {
    this.#frames.set(frame, { to, turn });
  }

  heard(guest: string, frame: number | null, { turn }: View): void {
    const spoken = frame === null ? undefined : this.#frames.get(frame);
    if (spoken === undefined) throw new Violation(this.name, `${guest} heard what the microphone never gave`);
    if (spoken.to !== guest) throw new Violation(this.name, `${guest} heard the record stream of ${spoken.to}`);
    const { audio, apps } = this.#agents;
    const app = apps.find(({ name }) => name === guest);
    const may =
      app !== undefined &&
      this.#policies.mightHave(audio.member, app.member, 'audio-capture', 'send', spoken.turn, turn);
    if (!may) throw new Violation(this.name, `${guest} heard frame ${frame} and had no permission`);
  }

  step({ nowMs, calmSinceMs }: View): void {
    const { audio, apps } = this.#agents;
    const open = new Set([...(audio.sound?.captures ?? [])].map(({ vm }) => vm));
    for (const vm of [...this.#unwanted.keys()]) if (!open.has(vm)) this.#unwanted.delete(vm);
    for (const vm of open) {
      const app = apps.find(({ name }) => name === vm);
      const listens = app?.endpoint?.isListening === true;
      // A VM that is not allowed to say that it has stopped is heard as one that listens.
      const isMute =
        app?.isConnected === true && !this.#policies.may(app.member, audio.member, 'audio-control', 'source-stop');
      if (listens || isMute || !audio.isConnected || calmSinceMs > nowMs) this.#unwanted.delete(vm);
      else if (!this.#unwanted.has(vm)) this.#unwanted.set(vm, nowMs);
      else if (nowMs - (this.#unwanted.get(vm) ?? nowMs) > CLOSES_WITHIN_MS)
        throw new Violation(this.name, `it has listened for ${vm} for ${CLOSES_WITHIN_MS} ms, and ${vm} does not`);
    }
  }
}
