/**
 * A run: builds the topology of a seed, lets actors and faults do one thing a step, has every event checked, then heals
 * all faults and looks whether everything that is allowed works again.
 */
import type { Logger } from '../../broker/process/index.ts';
import type { PolicyRevision } from '../../policy/index.ts';
import type { Rule } from '../policy/naive.ts';
import { Random } from '../support/random.ts';
import { type BrokerMachine, SimulatedBroker } from './actors/broker.ts';
import { Guest } from './actors/guest.ts';
import { Hostile } from './actors/hostile.ts';
import { workWithoutThreads } from './engine/crypto.ts';
import { Disk } from './engine/disk.ts';
import { Identities } from './engine/identities.ts';
import { NatsLine, NatsServer, NO_FAULTS } from './engine/nats.ts';
import { type GuestLine, Line } from './engine/network.ts';
import { Host, Process } from './engine/process.ts';
import { Revocations } from './engine/revocations.ts';
import { Scheduler } from './engine/scheduler.ts';
import { Accounting } from './models/accounting.ts';
import { Bounds } from './models/bounds.ts';
import { Chain } from './models/chain.ts';
import { Identity } from './models/identity.ts';
import type { Invariant, View } from './models/invariant.ts';
import { Liveness } from './models/liveness.ts';
import { Order } from './models/order.ts';
import { Outcomes } from './models/outcome.ts';
import { Permits } from './models/permit.ts';
import { Recorded } from './models/recorded.ts';
import { Revoked } from './models/revoked.ts';
import { Starvation } from './models/starvation.ts';
import type { Scenario } from './scenario.ts';
import { chooseStep } from './steps.ts';
import type { System } from './system.ts';
import { compileRules, drawRules, drawTopology, linksOf, membersOf, type Topology } from './topology.ts';
import { Witness } from './witness.ts';

const BROKER = 'broker-1';
/** A broker that cannot start, because its disk is full, is started again after this long, as systemd does it. */
const START_AGAIN_MS = 500;
/** Longest pause between two steps. */
const MAX_PAUSE_MS = 60;
/** Within this time after the last fault is healed, everything that is allowed works. Reconnects take up to 10 s each. */
const HEAL_MS = 60_000;
const REST_MS = 2_000;
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
  readonly disk: Disk;
  readonly nats: NatsServer;
  readonly scheduler = new Scheduler();
  readonly witness: Witness;
  readonly host: Host;
  readonly #machine: BrokerMachine;
  /** The rows behind each policy that was written, by its hash. */
  readonly #rules = new Map<string, readonly Rule[]>();
  #broker: SimulatedBroker | null = null;
  #starting: Process | null = null;
  /** Identifies the policy object that the invariants were told of last. */
  #policySeen: unknown = null;
  /** Guests whose keys are revoked and that have no new one yet. */
  readonly #revoked = new Set<Guest>();

  private constructor(scenario: Scenario, topology: Topology, machine: Omit<BrokerMachine, 'lines'>, parts: Parts) {
    this.scenario = scenario;
    this.topology = topology;
    this.host = parts.host;
    this.scheduler = parts.host.scheduler;
    this.disk = machine.disk;
    const invariants = [
      new Permits(),
      new Identity(),
      new Outcomes(),
      new Order(),
      new Accounting(),
      new Recorded(),
      new Liveness(this),
      new Starvation(),
      new Bounds(this),
      new Revoked(),
      new Chain(),
      ...(parts.options.invariants ?? []),
    ];
    this.witness = new Witness(invariants, () => this.#view, parts.options.onLine ?? null);
    this.scheduler.onEvent = (label) => this.witness.say(label);
    const { seed } = scenario;
    const lineOf = (name: string, index: number, highWaterBytes = 256 * 1024): Line => {
      const state = { minDelayMs: 0, maxDelayMs: 2, isHeld: false, highWaterBytes, splitOneIn: 16 };
      return new Line(this.scheduler, name, mix(seed, 100 + index), state);
    };
    this.nats = new NatsServer(this.scheduler, mix(seed, 99));
    this.guests = topology.domains.map((member, index) => {
      const socket = lineOf(member.name, index);
      const { name, state } = socket;
      const line = member.isOverNats ? new NatsLine(this.nats, BROKER, name, mix(seed, 300 + index), state) : socket;
      const identities = parts.identities.get(member.name) ?? [];
      return new Guest(this.host, member, identities, line, new Random(mix(seed, 200 + index)), this.witness);
    });
    const { hostile } = topology;
    const [identity] = parts.identities.get(hostile?.name ?? '') ?? [];
    this.hostile =
      hostile === null || identity === undefined
        ? null
        : new Hostile(
            this.host,
            hostile,
            identity,
            lineOf(hostile.name, this.guests.length, HOSTILE_HIGH_WATER_BYTES),
            new Random(mix(seed, 200 + this.guests.length)),
            this.witness,
          );
    const lines: GuestLine[] = this.guests.map(({ line }) => line);
    this.#machine = { ...machine, lines: this.hostile === null ? lines : [...lines, this.hostile.line] };
  }

  static async build(scenario: Scenario, all: Identities, options: SimulationOptions): Promise<Simulation> {
    const random = new Random(mix(scenario.seed, 1));
    const topology = drawTopology(random);
    const rules = drawRules(random, topology);
    const policy = await compileRules(topology, rules);
    const known = await Promise.all(
      membersOf(topology).map(async ({ name }) => {
        const generations = Array.from({ length: KEYS_OF_A_GUEST }, (_, index) => all.of(name, 'domain', 1 + index));
        return [name, await Promise.all(generations)] as const;
      }),
    );
    const machine = {
      identity: await all.of(BROKER, 'broker'),
      disk: new Disk(new Random(mix(scenario.seed, 2))),
      directory: { policy },
      revocations: new Revocations(),
      random: new Random(mix(scenario.seed, 3)),
      log: SILENT,
    };
    const host = new Host(new Scheduler(), BROKER);
    const simulation = new Simulation(scenario, topology, machine, { host, identities: new Map(known), options });
    simulation.#rules.set(policy.hash, rules);
    return simulation;
  }

  get figures(): { readonly digest: string; readonly turns: number; readonly deliveries: number } {
    const { turn } = this.scheduler;
    return { digest: this.witness.digest(this.disk.wholeText()), turns: turn, deliveries: this.witness.deliveries };
  }

  get broker(): SimulatedBroker | null {
    return this.#broker;
  }

  get #view(): View {
    return { turn: this.scheduler.turn, nowMs: this.scheduler.nowMs, broker: this.#broker, disk: this.disk };
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
    this.startBroker();
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
      this.witness.check();
      if (this.scheduler.turn > MAX_EVENTS) throw new Error(`more than ${MAX_EVENTS} events`);
    }
  }

  /** Lets time pass until `isOver`, and no longer than that. */
  async passUntil(milliseconds: number, isOver: () => boolean): Promise<void> {
    const until = this.scheduler.nowMs + milliseconds;
    while (this.scheduler.nowMs < until && !isOver()) await this.pass(LOOK_MS);
  }

  // The broker's process

  startBroker(): void {
    if (this.#broker !== null || this.#starting !== null) return;
    const process = new Process(this.host, BROKER);
    this.#starting = process;
    SimulatedBroker.start(this.#machine, process).then(
      (broker) => {
        if (!process.isAlive) return;
        this.#starting = null;
        this.#broker = broker;
      },
      (error: unknown) => {
        if (!process.isAlive) return;
        process.kill();
        this.#starting = null;
        this.disk.crash();
        this.witness.say(`the broker does not start: ${error instanceof Error ? error.message : error}`);
        this.scheduler.after(START_AGAIN_MS, 'start again', () => this.startBroker());
      },
    );
  }

  killBroker(): void {
    this.#starting?.kill();
    if (this.#starting !== null) this.disk.crash();
    this.#starting = null;
    this.#broker?.kill();
    this.#broker = null;
    this.#policySeen = null;
  }

  revokeKey(guest: Guest): void {
    const { broker } = this;
    if (broker === null || !guest.isRenewable || this.#revoked.has(guest)) return;
    this.#revoked.add(guest);
    this.witness.keyRevoked(guest.name);
    void broker.keys.install(guest.key);
  }

  renewKeys(): void {
    for (const guest of this.#revoked) guest.renew();
    this.#revoked.clear();
  }

  /** Writes another policy into the directory. False: the compiler refuses it. */
  async writePolicy(random: Random): Promise<boolean> {
    const rules = drawRules(random, this.topology);
    const policy = await compileRules(this.topology, rules).catch((): PolicyRevision | null => null);
    if (policy === null) return false;
    this.#rules.set(policy.hash, rules);
    this.#machine.directory.policy = policy;
    return true;
  }

  #watchPolicy(): void {
    const policy = this.#broker?.argo.policy ?? null;
    if (policy === null || policy === this.#policySeen) return;
    this.#policySeen = policy;
    const rules = this.#rules.get(policy.hash);
    if (rules === undefined) throw new Error(`nobody wrote the policy ${policy.hash}`);
    const { revision, grants } = policy;
    this.witness.policy({ turn: this.scheduler.turn, revision, rules, links: linksOf(this.topology, grants) });
  }

  async #heal(): Promise<void> {
    this.witness.say('everything is healed');
    Object.assign(this.disk, { roomBytes: Number.POSITIVE_INFINITY, isSyncFailing: false, isWriteFailing: false });
    this.startBroker();
    // A message that the server has lost is missed only when the next one comes: its lines begin anew.
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
    // First the ends of the server's connections must hear that it has ended.
    await this.pass(1);
    await this.passUntil(HEAL_MS, () => this.guests.every(isSettled));
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

interface Parts {
  readonly host: Host;
  readonly identities: ReadonlyMap<string, readonly Awaited<ReturnType<Identities['of']>>[]>;
  readonly options: SimulationOptions;
}

/** A seed for one part of a run. */
function mix(seed: number, part: number): number {
  return Math.imul(seed ^ Math.imul(part, 0x9e3779b1), 0x85ebca6b) >>> 0;
}
