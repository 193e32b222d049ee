/** What runs in a guest next to its application, on the guest's session. */
import type { Vm } from '../../../clients/sdk/index.ts';
import type { Process } from '../engine/process.ts';
import type { Member } from '../topology.ts';
import type { Witness } from '../witness.ts';
import type { Agent } from './inventory.ts';
import { Parts } from './parts.ts';

export abstract class GuestAgent {
  readonly member: Member;
  protected readonly agent: Agent;
  protected readonly witness: Witness;
  #vm: Vm | null = null;
  #parts: Parts | null = null;

  constructor(member: Member, agent: Agent, witness: Witness) {
    this.member = member;
    this.agent = agent;
    this.witness = witness;
  }

  get name(): string {
    return this.member.name;
  }

  get isConnected(): boolean {
    return this.#vm?.state === 'connected';
  }

  /** The process has its first session. */
  up(vm: Vm, process: Process): void {
    this.#vm = vm;
    this.#parts = new Parts(process, (text) => this.say(text));
    this.start(vm, process, this.#parts);
  }

  /** Before the process says goodbye. */
  async closing(): Promise<void> {
    await this.#parts?.stop();
  }

  /** The process is gone, and all that it knew. */
  killed(): void {
    this.#vm = null;
    this.#parts = null;
    this.forget();
  }

  protected abstract start(vm: Vm, process: Process, parts: Parts): void;
  protected abstract forget(): void;

  protected say(text: string): void {
    this.witness.say(`${this.name} agent: ${text}`);
  }

  /** A fault that ends the part in the product. */
  protected readonly fail = (error: unknown): void => this.witness.unexpected(error);
}
