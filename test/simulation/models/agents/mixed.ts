/**
 * Only the mixer that may mute changes who is mute, and who is mute is silent. A command that was given and has no answer
 * may have been obeyed.
 */
import type { AgentSet } from '../../system.ts';
import { type Invariant, type View, Violation } from '../invariant.ts';

/** What was mixed before the command may still be on its way to the sound server. */
const SILENT_AFTER_MS = 2_000;
/** A command without an answer may be obeyed so much later, and its answer be taken for that of another. */
const LATE_MS = 30_000;

interface Setting {
  /** What it may be. */
  possible: Set<boolean>;
  /** Commands under way. */
  readonly given: boolean[];
  /** When it was last answered. */
  sinceMs: number;
  /** Until then a command without an answer may be obeyed. */
  uncertainUntilMs: number;
}

export class Mixed implements Invariant {
  readonly name = 'mixed';
  readonly #agents: AgentSet;
  readonly #settings = new Map<string, Setting>();

  constructor(agents: AgentSet) {
    this.#agents = agents;
  }

  muting(of: string, isMuted: boolean): void {
    const { given, possible } = this.#setting(of);
    given.push(isMuted);
    possible.add(isMuted);
  }

  /** `answer`: what the AudioVM says that it is now; null: nothing. */
  muted(of: string, isMuted: boolean, answer: boolean | null, { nowMs }: View): void {
    const setting = this.#setting(of);
    const { given, possible } = setting;
    given.splice(given.indexOf(isMuted), 1);
    if (answer === null) setting.uncertainUntilMs = nowMs + LATE_MS;
    else if (!possible.has(answer)) throw new Violation(this.name, `${of} is said to be ${wordOf(answer)}`);
    else if (nowMs > setting.uncertainUntilMs) {
      setting.possible = new Set([answer, ...given]);
      setting.sinceMs = nowMs;
    }
  }

  /** The mixer may have died with commands under way. */
  guestKilled(_guest: string, { nowMs }: View): void {
    for (const setting of this.#settings.values()) {
      if (setting.given.length === 0) continue;
      setting.given.length = 0;
      setting.uncertainUntilMs = nowMs + LATE_MS;
    }
  }

  played(of: string, bytes: Uint8Array, { nowMs }: View): void {
    const { possible, sinceMs } = this.#setting(of);
    const isMute = possible.size === 1 && possible.has(true);
    if (isMute && nowMs - sinceMs > SILENT_AFTER_MS && bytes.some((byte) => byte !== 0))
      throw new Violation(this.name, `${of} is mute, and is heard`);
  }

  step(): void {
    for (const { vm, muted } of this.#agents.audio.service?.status().vms ?? [])
      if (!this.#setting(vm).possible.has(muted))
        throw new Violation(this.name, `${vm} is ${wordOf(muted)}, and no mixer has said so`);
  }

  #setting(of: string): Setting {
    const known = this.#settings.get(of);
    if (known !== undefined) return known;
    const fresh = { possible: new Set([false]), given: [], sinceMs: 0, uncertainUntilMs: 0 };
    this.#settings.set(of, fresh);
    return fresh;
  }
}

function wordOf(isMuted: boolean): string {
  return isMuted ? 'mute' : 'not mute';
}
