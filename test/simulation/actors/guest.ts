/** A well-behaved guest: the real SDK on the simulated line and clock, and an application that sends, reads and restarts. */
import { connectOver } from '../../../clients/sdk/connect.ts';
import type { ArgusError, Message, Ring, Vm } from '../../../clients/sdk/index.ts';
import { resolveOptions } from '../../../clients/sdk/options.ts';
import type { Platform } from '../../../clients/sdk/platform.ts';
import type { Identity } from '../../../keys/index.ts';
import type { Random } from '../../support/random.ts';
import type { GuestAgent } from '../agents/guest-agent.ts';
import { ephemeralOf } from '../engine/crypto.ts';
import type { GuestLine } from '../engine/network.ts';
import { type Host, Process } from '../engine/process.ts';
import type { Outcome } from '../models/invariant.ts';
import type { Member } from '../topology.ts';
import type { Witness } from '../witness.ts';

/** Between attempts of the application to connect: the SDK does not retry the first session. */
const CONNECT_AGAIN_MS = 200;
/** Agents that have not closed by then are killed. */
const CLOSING_MS = 5_000;
/** What the application registers when it starts. One is so small that senders have to wait. */
const FIRST_RINGS = [
  { port: 10, length: 4_096 },
  { port: 20, length: 256 },
  { port: 30, length: 1_024 },
] as const;

export interface GuestSend {
  readonly to: Member;
  readonly port: number;
  readonly payload: Uint8Array;
  readonly deadlineMs: number | null;
}

export class Guest {
  readonly member: Member;
  readonly line: GuestLine;
  readonly rings = new Map<string, Ring>();
  /** Runs on the same session. */
  readonly agent: GuestAgent | null;
  readonly #host: Host;
  #identity: Identity;
  /** What it uses once its present key is revoked and somebody has brought it a new one. */
  readonly #nextIdentities: Identity[];
  readonly #random: Random;
  readonly #witness: Witness;
  #process: Process | null = null;
  #vm: Vm | null = null;
  #sessions = 0;
  /** It shall run: one that is stopping starts again afterwards. */
  #isWanted = false;
  /** Reads what comes at once; otherwise only when told to. */
  #isReading = true;

  /** `identities`: of each generation, oldest first. */
  constructor(
    host: Host,
    member: Member,
    identities: readonly Identity[],
    line: GuestLine,
    random: Random,
    witness: Witness,
    agent: GuestAgent | null,
  ) {
    this.#host = host;
    this.member = member;
    const [identity, ...later] = identities;
    if (identity === undefined) throw new Error(`no identity for ${member.name}`);
    this.#identity = identity;
    this.#nextIdentities = later;
    this.line = line;
    this.#random = random;
    this.#witness = witness;
    this.agent = agent;
  }

  /** The thumbprint of its key. */
  get key(): string {
    return this.#identity.thumbprint;
  }

  /** There is a key left that it could use after this one. */
  get isRenewable(): boolean {
    return this.#nextIdentities.length > 0;
  }

  /** Enrols again, with a new key; it starts with it. */
  renew(): void {
    const next = this.#nextIdentities.shift();
    if (next === undefined) return;
    const wasUp = this.isUp;
    this.kill();
    this.#identity = next;
    this.#witness.keyRenewed(this.name);
    if (wasUp) this.start();
  }

  get name(): string {
    return this.member.name;
  }

  get isUp(): boolean {
    return this.#process !== null;
  }

  get isConnected(): boolean {
    return this.#vm?.state === 'connected';
  }

  get outstandingSends(): number {
    return this.#vm?.outstandingSends ?? 0;
  }

  start(): void {
    this.#isWanted = true;
    if (this.#process !== null) return;
    const process = new Process(this.#host, this.name);
    this.#process = process;
    this.#isReading = true;
    this.#connect(process);
  }

  #connect(process: Process): void {
    const options = resolveOptions({ carrier: 'unix:/simulated', identity: this.#identity, aead: 'node' });
    const open = (...[events, signal]: Parameters<Parameters<typeof connectOver>[0]>) =>
      this.line.dial(events, signal, process).then(({ guestEnd }) => guestEnd);
    connectOver(open, options, this.#platform(process)).then(
      (vm) => this.#up(process, vm),
      () => void process.schedule(CONNECT_AGAIN_MS, 'connects again', () => this.#connect(process)),
    );
  }

  #up(process: Process, vm: Vm): void {
    if (!process.isAlive) return;
    this.#vm = vm;
    this.#sessionUp();
    for (const { port, length } of FIRST_RINGS) this.register(port, 'any', length);
    vm.on('reconnected', () => this.#sessionUp());
    for (const event of ['peer-gone', 'revoked'] as const) {
      vm.on(event, ({ domid, port, messages }) => this.#witness.undelivered(this.name, domid, port, messages));
    }
    vm.on('ring-closed', ({ ring }) => this.#forget(ring));
    vm.on('disconnected', ({ isFinal }) => {
      if (isFinal && this.#vm === vm) this.#vm = null;
    });
    this.agent?.up(vm, process);
  }

  #sessionUp(): void {
    this.#sessions++;
    this.#witness.sessionUp(this.name);
  }

  /** Registers a ring for one sender, or for all. */
  register(port: number, partner: Member | 'any', length: number): void {
    const vm = this.#vm;
    const key = `${port} ${partner === 'any' ? 'any' : partner.name}`;
    if (vm === null || this.rings.has(key)) return;
    vm.registerRing({ port, partner: partner === 'any' ? 'any' : partner.domid, length }).then(
      (ring) => {
        if (this.#vm !== vm || this.rings.has(key)) return;
        this.rings.set(key, ring);
        this.#witness.ringUp(this.name, port);
        if (this.#isReading) this.#consume(key, ring);
      },
      () => {}, // refused, or the session broke: the run goes on without the ring
    );
  }

  unregister(key: string): void {
    const ring = this.rings.get(key);
    this.rings.delete(key);
    ring?.close().catch(() => {});
  }

  #forget(ring: Ring): void {
    for (const [key, each] of this.rings) if (each === ring) this.rings.delete(key);
  }

  #consume(key: string, ring: Ring): void {
    const { port } = ring;
    ring.consume((message) => this.#got(key, port, message, this.line.readingWriteOf)).catch(() => {}); // the ring was closed by the broker, or has its consumer
  }

  /** Rings registered from now on are read only by `read`. */
  stopReading(): void {
    this.#isReading = false;
  }

  /** Takes what lies in the rings that nobody consumes; from now on new ones are consumed. */
  read(): void {
    this.#isReading = true;
    for (const [key, ring] of this.rings) this.#consume(key, ring);
  }

  #got(key: string, port: number, message: Message, writtenAt: number | null): void {
    const { source, type: number, payload } = message;
    this.#witness.delivered({
      number,
      receiver: this.name,
      source: source.name,
      sourceDomid: source.domid,
      ring: `${this.name}:${key}`,
      port,
      payload: payload.slice(),
      writtenAt,
    });
  }

  send({ to, port, payload, deadlineMs }: GuestSend): void {
    const vm = this.#vm;
    const process = this.#process;
    if (vm === null || process === null) return;
    const message = this.#witness.sent({
      sender: this.name,
      senderDomid: this.member.domid,
      session: this.#sessions,
      receiver: to.name,
      receiverDomid: to.domid,
      port,
      payload,
      hasDeadline: deadlineMs !== null,
    });
    const request = { to: { domain: to.domid, port }, type: message.number, iov: [payload] };
    vm.sendv(deadlineMs === null ? request : { ...request, deadline: deadlineMs }).then(
      () => settle({ kind: 'accepted' }),
      (error: ArgusError) => settle(outcomeOf(error)),
    );
    const settle = (outcome: Outcome): void => {
      if (process.isAlive) this.#witness.settled(message, outcome);
    };
  }

  /** Says goodbye; the process ends when that is done. */
  stop(): void {
    const vm = this.#vm;
    const process = this.#process;
    if (vm === null || process === null) return;
    this.#isWanted = false;
    this.#close(vm, process).then(() => {
      if (this.#process !== process) return;
      this.kill();
      if (this.#isWanted) this.start();
    });
  }

  #close(vm: Vm, process: Process): Promise<void> {
    const { agent } = this;
    if (agent === null) return vm.close();
    const tooLong = new Promise<void>((resolve) => void process.schedule(CLOSING_MS, 'closes', resolve));
    return Promise.race([agent.closing(), tooLong]).then(() => vm.close());
  }

  kill(): void {
    if (this.#process === null) return;
    this.#process.kill();
    this.#process = null;
    this.#vm = null;
    this.agent?.killed();
    this.rings.clear();
    this.line.killGuest();
    this.#witness.guestKilled(this.name);
  }

  #platform(process: Process): Platform {
    const { clock } = process;
    return {
      now: clock.mono,
      wallClock: clock.wall,
      randomBytes: (length) => this.#random.bytes(length),
      ephemeral: () => ephemeralOf(this.#random),
      random: () => this.#random.uint32() / 2 ** 32,
      schedule: clock.after,
      defer: process.atTurnsEnd,
    };
  }
}

function outcomeOf(error: ArgusError): Outcome {
  const code = String(error.code);
  return error.outcome === 'unknown' ? { kind: 'unknown', code } : { kind: 'refused', code };
}
