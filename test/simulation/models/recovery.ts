/**
 * After all faults are healed, agents do again what they may: play, hear, route, give out addresses and carry frames. Then
 * the apps listen no more and the router ends: no record stream and no route may stay.
 */
import type { Random } from '../../support/random.ts';
import type { AppVm } from '../agents/app-vm.ts';
import { readFrame } from '../agents/frames.ts';
import { ROUTED } from '../agents/inventory.ts';
import type { AgentSet, System } from '../system.ts';
import { AgentPolicies } from './agents/agents-may.ts';
import { type Invariant, type PolicyInForce, Violation } from './invariant.ts';

/** A service is looked for every two seconds, a router announces every ten, and what has failed starts within a second. */
const WITHIN_MS = 25_000;
/** A guest whose session was away asks for the routes, and gives the router so long to answer. */
const ENDS_WITHIN_MS = 9_000;
/** A receiver takes a router for gone that has announced nothing for 30 s. */
const SILENT_WITHIN_MS = 40_000;
const SOUND_FRAMES = 3;
const AGAIN_MS = 1_000;

export class Recovery implements Invariant {
  readonly name = 'recovery';
  readonly #system: System;
  readonly #agents: AgentSet;
  readonly #random: Random;
  readonly #policies = new AgentPolicies();
  readonly #played = new Set<string>();
  readonly #heard = new Set<string>();
  readonly #leased = new Set<string>();
  readonly #frames = new Set<number>();

  constructor(system: System, agents: AgentSet, random: Random) {
    this.#system = system;
    this.#agents = agents;
    this.#random = random;
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
    await this.#endListening();
    await this.#endRouter();
  }

  async #endListening(): Promise<void> {
    const { audio, apps } = this.#agents;
    for (const app of apps) app.listen(false);
    const listening = (): string[] =>
      [...(audio.sound?.captures ?? [])].flatMap(({ vm }) =>
        apps.some((app) => app.name === vm && !this.#may(app, 'audio-control', 'source-stop')) ? [] : [vm],
      );
    await this.#system.passUntil(ENDS_WITHIN_MS, () => listening().length === 0);
    const [vm] = listening();
    if (vm !== undefined) throw new Violation(this.name, `the microphone stays open for ${vm}`);
  }

  async #endRouter(): Promise<void> {
    const { net, apps } = this.#agents;
    const router = this.#system.guests.find(({ name }) => name === net.name);
    const end = this.#random.pick(['kill', 'stop', 'withdraw'] as const);
    if (end !== 'withdraw') router?.[end]();
    else for (const prefix of ROUTED) net.table.set(prefix, false);
    const holder = (): AppVm | undefined => apps.find(({ table }) => table.learned.length > 0);
    await this.#system.passUntil(this.#isTold(end) ? ENDS_WITHIN_MS : SILENT_WITHIN_MS, () => holder() === undefined);
    const app = holder();
    if (app === undefined) return;
    throw new Violation(this.name, `${app.name} keeps ${app.table.learned.join(', ')} after the router's ${end}`);
  }

  /** A kill over NATS is noticed by silence alone, and so is a withdrawal that policy forbids. */
  #isTold(end: 'kill' | 'stop' | 'withdraw'): boolean {
    const { net, apps } = this.#agents;
    if (end === 'stop') return true;
    if (end === 'kill') return !net.member.isOverNats;
    return apps.every(({ member }) => this.#policies.may(net.member, member, 'route', 'withdraw'));
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
