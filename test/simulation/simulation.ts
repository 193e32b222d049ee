/**
 * A run: builds the topology of a seed, lets actors and faults do one thing a step, has every event checked, then heals
 * all faults and looks whether everything that is allowed works again.
 */
import type { Logger } from '../../broker/process/index.ts';
import type { Identity as KeyIdentity } from '../../keys/index.ts';
import type { PolicyRevision } from '../../policy/index.ts';
import type { Rule } from '../policy/naive.ts';
import { Random } from '../support/random.ts';
import { AGENT_LIMITS, SMALL_LIMITS } from './actors/broker.ts';
import { Guest } from './actors/guest.ts';
import { Home } from './actors/home.ts';
import { Hostile } from './actors/hostile.ts';
import { createAgents } from './agents/create.ts';
import { workWithoutThreads } from './engine/crypto.ts';
import { Disk } from './engine/disk.ts';
import { Identities } from './engine/identities.ts';
import { NatsLine, NatsServer, NO_FAULTS } from './engine/nats.ts';
import { type GuestLine, Line, type LineState } from './engine/network.ts';
import { Host } from './engine/process.ts';
import { Revocations } from './engine/revocations.ts';
import { Scheduler } from './engine/scheduler.ts';
import { Accounting } from './models/accounting.ts';
import { AgentBounds } from './models/agents/agent-bounds.ts';
import { Frames } from './models/agents/frames.ts';
import { LeaseBook } from './models/agents/leases.ts';
import { Microphone } from './models/agents/microphone.ts';
import { Mixed } from './models/agents/mixed.ts';
import { Playback } from './models/agents/playback.ts';
import { Routes } from './models/agents/routes.ts';
import { Streams } from './models/agents/streams.ts';
import { Audited } from './models/audit/audited.ts';
import { Chain } from './models/audit/chain.ts';
import { LogFlood } from './models/audit/flood.ts';
import { Recorded } from './models/audit/recorded.ts';
import { Bounds } from './models/bounds.ts';
import type { Invariant, View } from './models/invariant.ts';
import { Liveness } from './models/liveness.ts';
import { Identity } from './models/messages/identity.ts';
import { Order } from './models/messages/order.ts';
import { Outcomes } from './models/messages/outcome.ts';
import { Permits } from './models/messages/permit.ts';
import { Recovery } from './models/recovery.ts';
import { Revoked } from './models/revoked.ts';
import { Starvation } from './models/starvation.ts';
import type { Scenario } from './scenario.ts';
import { chooseStep } from './steps.ts';
import type { AgentSet, System } from './system.ts';
import { compileRules, drawRules, drawTopology, linksOf, type Member, membersOf, type Topology } from './topology.ts';
import { Witness } from './witness.ts';

/** Longest pause between two steps. */
const MAX_PAUSE_MS = 60;
/** Within this time after the last fault is healed, everything that is allowed works. Reconnects take up to 10 s each. */
const HEAL_MS = 60_000;
const REST_MS = 2_000;
/** A line with so little delay counts as a sound one. */
const CALM_DELAY_MS = 100;
const LOOK_MS = 100;
/** So few answers that the hostile VM does not read fill its line. */
const HOSTILE_HIGH_WATER_BYTES = 4_096;
/** Keys that a guest may use up. */
const KEYS_OF_A_GUEST = 3;
/** Events of a run; past it something goes round in circles. */
const MAX_EVENTS = 200_000;

const SILENT: Logger = { info: () => {}, warn: () => {}, error: () => {} };

export interface Report {
  readonly scenario: Scenario;
  /** SHA-256 of the log of the run and of the audit log. */
  readonly digest: string;
  readonly turns: number;
  readonly deliveries: number;
  /** What was found; null: nothing. */
  readonly failure: Error | null;
}

let identities: Promise<Identities> | null = null;

export interface SimulationOptions {
  /** Given each line of the log. */
  readonly onLine?: (line: string) => void;
  /** Asked next to those that every run has. */
  readonly invariants?: readonly Invariant[];
}

/** Runs a scenario to its end. */
export async function simulate(scenario: Scenario, options: SimulationOptions = {}): Promise<Report> {
  const undo = workWithoutThreads();
  try {
    identities ??= Identities.create();
    const simulation = await Simulation.build(scenario, await identities, options);
    const failure = await simulation.run();
    return { scenario, failure, ...simulation.figures };
  } finally {
    undo();
  }
}

export class Simulation implements System {
  readonly scenario: Scenario;
  readonly topology: Topology;
  readonly guests: readonly Guest[];
  readonly hostile: Hostile | null;
  readonly agents: AgentSet | null;
  readonly homes: readonly Home[];
  readonly nats: NatsServer;
  readonly scheduler = new Scheduler();
  readonly witness: Witness;
  readonly host: Host;
  /** The rows behind each policy that was written, by its hash. */
  readonly #rules = new Map<string, readonly Rule[]>();
  /** Identifies the policy object of each broker that the invariants were told of last. */
  readonly #policySeen = new Map<Home, unknown>();
  /** Guests whose keys are revoked and that have no new one yet. */
  readonly #revoked = new Set<Guest>();
  #calmSinceMs = Number.POSITIVE_INFINITY;

  private constructor(scenario: Scenario, topology: Topology, parts: Parts) {
    this.scenario = scenario;
    this.topology = topology;
    this.host = parts.host;
    this.scheduler = parts.host.scheduler;
    const members = membersOf(topology);
    const memberOf = (name: string): Member => {
      const member = members.find((each) => each.name === name);
      if (member === undefined) throw new Error(`no domain "${name}"`);
      return member;
    };
    const invariants: Invariant[] = [];
    this.witness = new Witness(invariants, () => this.#view, parts.options.onLine ?? null);
    const { seed } = scenario;
    const agents = scenario.hasAgents
      ? createAgents(topology.domains, this.witness, (index) => new Random(mix(seed, 700 + index)), scenario.hasProxies)
      : null;
    this.agents = agents?.set ?? null;
    invariants.push(
      new Permits((name) => memberOf(name).home),
      new Identity(),
      new Outcomes(
        (domid) => members.find((each) => each.domid === domid)?.home ?? '',
        (name) => memberOf(name).domid,
      ),
      new Order(),
      new Accounting(),
      new Recorded(),
      new Audited(),
      new LogFlood(),
      new Liveness(this),
      new Starvation(),
      new Bounds(this),
      new Revoked(),
      new Chain(),
      ...(agents === null
        ? []
        : [
            new Microphone(agents.set),
            new Playback(members),
            new Routes(agents.set),
            new LeaseBook(),
            new Frames(members),
            new AgentBounds(agents.set, members.length),
            ...(scenario.hasProxies ? [new Streams(this, agents.set), new Mixed(agents.set)] : []),
            new Recovery(this, agents.set, new Random(mix(seed, 750))),
          ]),
      ...(parts.options.invariants ?? []),
    );
    this.scheduler.onEvent = (label) => this.witness.say(label);
    const lineOf = (name: string, index: number, highWaterBytes = 256 * 1024): Line => {
      const state = { minDelayMs: 0, maxDelayMs: 2, isHeld: false, highWaterBytes, splitOneIn: 16 };
      return new Line(this.scheduler, name, mix(seed, 100 + index), state);
    };
    this.nats = new NatsServer(this.scheduler, mix(seed, 99));
    this.guests = topology.domains.map((member, index) => {
      const socket = lineOf(member.name, index);
      const { name, state } = socket;
      const line = member.isOverNats
        ? new NatsLine(this.nats, member.home, name, mix(seed, 300 + index), state)
        : socket;
      const identities = parts.identities.get(member.name) ?? [];
      return new Guest(
        this.host,
        member,
        identities,
        line,
        new Random(mix(seed, 200 + index)),
        this.witness,
        agents?.of(member) ?? null,
      );
    });
    const { hostile } = topology;
    const [identity] = parts.identities.get(hostile?.name ?? '') ?? [];
    this.hostile =
      hostile === null || identity === undefined
        ? null
        : new Hostile(
            this.host,
            hostile,
            topology.domains,
            identity,
            lineOf(hostile.name, this.guests.length, HOSTILE_HIGH_WATER_BYTES),
            new Random(mix(seed, 200 + this.guests.length)),
            this.witness,
          );
    const lines: [Member, GuestLine][] = this.guests.map(({ member, line }) => [member, line]);
    if (this.hostile !== null) lines.push([this.hostile.member, this.hostile.line]);
    this.homes = topology.brokers.map((name, index) => {
      const machine = {
        identity: parts.brokers[index] as KeyIdentity,
        disk: new Disk(new Random(mix(seed, index === 0 ? 2 : 500 + index))),
        directory: { policy: parts.policy },
        revocations: new Revocations(),
        limits: scenario.hasAgents ? AGENT_LIMITS : SMALL_LIMITS,
        random: new Random(mix(seed, index === 0 ? 3 : 600 + index)),
        log: SILENT,
        nats: this.nats,
        serverLine: { minDelayMs: 0, maxDelayMs: 2, isHeld: false, highWaterBytes: 256 * 1024, splitOneIn: 16 },
        lines: lines.filter(([{ home }]) => home === name).map(([, line]) => line),
      };
      return new Home(name, machine, this.host, (text) => this.witness.say(text));
    });
  }

  static async build(scenario: Scenario, all: Identities, options: SimulationOptions): Promise<Simulation> {
    const random = new Random(mix(scenario.seed, 1));
    const topology = drawTopology(random, scenario.brokers, scenario.hasAgents, scenario.hasProxies);
    const rules = drawRules(random, topology);
    const policy = await compileRules(topology, rules);
    const known = await Promise.all(
      membersOf(topology).map(async ({ name }) => {
        const generations = Array.from({ length: KEYS_OF_A_GUEST }, (_, index) => all.of(name, 'domain', 1 + index));
        return [name, await Promise.all(generations)] as const;
      }),
    );
    const brokers = await Promise.all(topology.brokers.map((name) => all.of(name, 'broker')));
    const host = new Host(new Scheduler(), 'host');
    const parts = { host, identities: new Map(known), brokers, policy, options };
    const simulation = new Simulation(scenario, topology, parts);
    simulation.#rules.set(policy.hash, rules);
    return simulation;
  }

  get figures(): { readonly digest: string; readonly turns: number; readonly deliveries: number } {
    const { turn } = this.scheduler;
    return {
      digest: this.witness.digest(...this.homes.map(({ disk }) => disk.wholeText())),
      turns: turn,
      deliveries: this.witness.deliveries,
    };
  }

  get #view(): View {
    const { turn, nowMs } = this.scheduler;
    return { turn, nowMs, homes: this.homes, calmSinceMs: this.#calmSinceMs };
  }

  homeOf({ member }: Guest): Home {
    const home = this.homes.find(({ name }) => name === member.home);
    if (home === undefined) throw new Error(`${member.name} has no home`);
    return home;
  }

  holdBroker({ machine }: Home, isHeld: boolean): void {
    machine.serverLine.isHeld = isHeld;
    if (!isHeld) this.nats.move();
  }

  /** What was found, or null. */
  async run(): Promise<Error | null> {
    const onUncaught = (error: unknown): void => this.witness.unexpected(error);
    process.on('uncaughtException', onUncaught);
    process.on('unhandledRejection', onUncaught);
    try {
      await this.#run();
      return null;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    } finally {
      process.off('uncaughtException', onUncaught);
      process.off('unhandledRejection', onUncaught);
    }
  }

  async #run(): Promise<void> {
    const { seed, steps, without } = this.scenario;
    for (const home of this.homes) home.start();
    for (const guest of this.guests) guest.start();
    await this.pass(20);
    for (let step = 0; step < steps; step++) {
      // A generator of its own for each step: leaving some out does not change the others.
      const random = new Random(mix(seed, 1_000 + step));
      const act = chooseStep(random, this);
      const pause = random.below(MAX_PAUSE_MS);
      if (without.has(step)) continue;
      this.witness.say(`step ${step}: ${act.label}`);
      await act.run();
      await this.pass(pause);
    }
    await this.#heal();
  }

  /** Lets time pass, with all that happens in it. */
  async pass(milliseconds: number): Promise<void> {
    const until = this.scheduler.nowMs + milliseconds;
    while (await this.scheduler.step(until)) {
      this.#watchPolicy();
      if (this.agents !== null) this.#watchCalm();
      this.witness.check();
      if (this.scheduler.turn > MAX_EVENTS) throw new Error(`more than ${MAX_EVENTS} events`);
    }
  }

  /** Lets time pass until `isOver`, and no longer than that. */
  async passUntil(milliseconds: number, isOver: () => boolean): Promise<void> {
    const until = this.scheduler.nowMs + milliseconds;
    while (this.scheduler.nowMs < until && !isOver()) await this.pass(LOOK_MS);
  }

  revokeKey(guest: Guest): void {
    const { broker } = this.homeOf(guest);
    if (broker === null || !guest.isRenewable || this.#revoked.has(guest)) return;
    this.#revoked.add(guest);
    this.witness.keyRevoked(guest.name);
    void broker.keys.install(guest.key);
  }

  renewKeys(): void {
    for (const guest of this.#revoked) guest.renew();
    this.#revoked.clear();
  }

  /** Writes another policy into the directory of this broker. False: the compiler refuses it. */
  async writePolicy(random: Random, { machine }: Home): Promise<boolean> {
    const rules = drawRules(random, this.topology);
    const policy = await compileRules(this.topology, rules).catch((): PolicyRevision | null => null);
    if (policy === null) return false;
    this.#rules.set(policy.hash, rules);
    machine.directory.policy = policy;
    return true;
  }

  #watchPolicy(): void {
    for (const home of this.homes) {
      const policy = home.broker?.argo.policy ?? null;
      if (policy === this.#policySeen.get(home)) continue;
      this.#policySeen.set(home, policy);
      if (policy === null) continue;
      const rules = this.#rules.get(policy.hash);
      if (rules === undefined) throw new Error(`nobody wrote the policy ${policy.hash}`);
      const { revision, grants } = policy;
      const links = linksOf(this.topology, grants);
      this.witness.policy({ broker: home.name, turn: this.scheduler.turn, revision, rules, links });
    }
  }

  #watchCalm(): void {
    const isCalm =
      this.nats.isFaultless &&
      this.homes.every((home) => isHealthy(home) && isJoined(home)) &&
      this.guests.every(({ line: { state } }) => !state.isHeld && isQuick(state));
    if (!isCalm) this.#calmSinceMs = Number.POSITIVE_INFINITY;
    else if (this.#calmSinceMs === Number.POSITIVE_INFINITY) this.#calmSinceMs = this.scheduler.nowMs;
  }

  async #heal(): Promise<void> {
    this.witness.say('everything is healed');
    const healthy = { roomBytes: Number.POSITIVE_INFINITY, isSyncFailing: false, isWriteFailing: false };
    for (const home of this.homes) {
      Object.assign(home.disk, healthy);
      Object.assign(home.machine.serverLine, { minDelayMs: 0, maxDelayMs: 2 });
      this.holdBroker(home, false);
      home.start();
    }
    // A message that the server has lost is missed only when the next one comes: its lines begin again.
    this.nats.faults = { ...NO_FAULTS };
    this.nats.restart();
    this.hostile?.kill();
    this.renewKeys();
    for (const guest of this.guests) {
      Object.assign(guest.line.state, { minDelayMs: 0, maxDelayMs: 2, highWaterBytes: 256 * 1024, splitOneIn: 64 });
      guest.line.hold(false);
      guest.start();
      guest.read();
    }
    for (const { table } of this.agents === null ? [] : [this.agents.net, ...this.agents.apps])
      Object.assign(table, { failOneIn: 0, missOneIn: 0 });
    this.agents?.net.programs?.slow(0);
    for (const { asker } of this.agents?.apps ?? []) asker?.programs.slow(0);
    // First the ends of the server's connections must hear that it has ended.
    await this.pass(1);
    await this.passUntil(HEAL_MS, () => this.guests.every(isSettled) && this.homes.every(isJoined));
    // What was written last is still on its way.
    await this.pass(REST_MS);
    await this.witness.quiet();
    this.witness.check();
  }
}

/** It has a session, and every send its outcome. */
function isSettled(guest: Guest): boolean {
  return guest.isConnected && guest.outstandingSends === 0;
}

/** What waits on it is there within a second or two. */
function isQuick({ maxDelayMs, splitOneIn }: LineState): boolean {
  return maxDelayMs <= CALM_DELAY_MS && splitOneIn > 1;
}

function isHealthy({ broker, disk, machine: { serverLine } }: Home): boolean {
  const { roomBytes, isSyncFailing, isWriteFailing } = disk;
  const hasDisk = roomBytes === Number.POSITIVE_INFINITY && !isSyncFailing && !isWriteFailing;
  return broker !== null && hasDisk && !serverLine.isHeld && isQuick(serverLine);
}

/** It has a session with every other broker. */
function isJoined({ broker }: Home): boolean {
  return broker?.federation.peers().every(({ session }) => session !== null) ?? false;
}

interface Parts {
  readonly host: Host;
  readonly brokers: readonly KeyIdentity[];
  readonly policy: PolicyRevision;
  readonly identities: ReadonlyMap<string, readonly KeyIdentity[]>;
  readonly options: SimulationOptions;
}

/** A seed for one part of a run. */
function mix(seed: number, part: number): number {
  return Math.imul(seed ^ Math.imul(part, 0x9e3779b1), 0x85ebca6b) >>> 0;
}
