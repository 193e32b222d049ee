/** After all faults are healed, agents do again what they may: play, hear, route, give out addresses and carry frames. */
import type { AppVm } from '../agents/app-vm.ts';
import { readFrame } from '../agents/frames.ts';
import { ROUTED } from '../agents/inventory.ts';
import type { AgentSet, System } from '../system.ts';
import { AgentPolicies } from './agents-may.ts';
import { type Invariant, type PolicyInForce, Violation } from './invariant.ts';

/** A service is looked for every two seconds, a router announces every ten, and what has failed starts within a second. */
const WITHIN_MS = 25_000;
const SOUND_FRAMES = 3;
const AGAIN_MS = 1_000;

export class Recovery implements Invariant {
  readonly name = 'recovery';
  readonly #system: System;
  readonly #agents: AgentSet;
  readonly #policies = new AgentPolicies();
  readonly #played = new Set<string>();
  readonly #heard = new Set<string>();
  readonly #leased = new Set<string>();
  readonly #frames = new Set<number>();

  constructor(system: System, agents: AgentSet) {
    this.#system = system;
    this.#agents = agents;
  }

  policy(policy: PolicyInForce): void {
    this.#policies.policy(policy);
  }

  played(of: string): void {
    this.#played.add(of);
  }

  heard(guest: string): void {
    this.#heard.add(guest);
  }

  leased(guest: string): void {
    this.#leased.add(guest);
  }

  frame(guest: string, bytes: Uint8Array): void {
    const frame = readFrame(bytes);
    if (frame !== null && guest === this.#agents.net.name) this.#frames.add(frame.domid);
  }

  async quiet(): Promise<void> {
    const { audio, net, apps } = this.#agents;
    for (const prefix of ROUTED) net.table.set(prefix, true);
    for (const set of [this.#played, this.#heard, this.#leased, this.#frames]) set.clear();
    for (const app of apps) app.listen(true);
    for (let left = WITHIN_MS; left > 0 && this.#missing().length > 0; left -= AGAIN_MS) {
      for (const app of apps) {
        if (!this.#played.has(app.name)) app.play(SOUND_FRAMES);
        if (!this.#leased.has(app.name)) app.client?.ask(null);
        app.sendFrame({ mac: app.addresses.mac, ipv4: null });
      }
      await this.#system.passUntil(AGAIN_MS, () => this.#missing().length === 0);
    }
    const [missing] = this.#missing();
    if (missing !== undefined) throw new Violation(this.name, missing);
    for (const { name, isConnected } of [audio, net])
      if (!isConnected) throw new Violation(this.name, `${name} has no session`);
  }

  #missing(): string[] {
    return this.#agents.apps.flatMap((app) => [
      ...(this.#may(app, 'audio-playback', 'send') && !this.#played.has(app.name) ? [`${app.name} is not heard`] : []),
      ...(this.#mayHear(app) && !this.#heard.has(app.name) ? [`${app.name} hears nothing`] : []),
      ...(this.#mayLease(app) && !this.#leased.has(app.name) ? [`${app.name} gets no address`] : []),
      ...(this.#may(app, 'ethernet', 'other') && !this.#frames.has(app.member.domid)
        ? [`no frame of ${app.name} arrives`]
        : []),
      ...ROUTED.filter((prefix) => this.#mayRoute(app, prefix) && !app.table.learned.includes(prefix)).map(
        (prefix) => `${app.name} has no route to ${prefix}`,
      ),
    ]);
  }

  #may(app: AppVm, className: string, permission: string): boolean {
    const { audio, net } = this.#agents;
    const to = className.startsWith('audio') ? audio : net;
    return this.#policies.may(app.member, to.member, className, permission);
  }

  #mayHear(app: AppVm): boolean {
    const { audio } = this.#agents;
    return (
      this.#may(app, 'audio-control', 'source-start') &&
      this.#policies.may(audio.member, app.member, 'audio-capture', 'send')
    );
  }

  #mayLease(app: AppVm): boolean {
    const { net } = this.#agents;
    return (
      ['discover', 'request'].every((each) => this.#may(app, 'dhcp', each)) &&
      ['offer', 'ack'].every((each) => this.#policies.may(net.member, app.member, 'dhcp', each))
    );
  }

  #mayRoute({ member }: AppVm, prefix: string): boolean {
    const permission = prefix === ROUTED[0] ? 'announce-default' : 'announce';
    return this.#policies.may(this.#agents.net.member, member, 'route', permission);
  }
}
