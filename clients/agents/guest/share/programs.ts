/**
 * All programs that share the one session of this machine. Each has rings, sends and requests of its own; the broker sees
 * one domain, and its policy knows no smaller unit.
 *
 * A program's session lives within the agent's: when the agent loses its session the programs are hung up on, come back
 * by themselves, and wait here until there is a session again. So every SDK sees the loss as it is, with the outcome
 * `unknown` for what was under way.
 */
import { DataField, Op, PORT_ALL } from '../../../../broker/wire/index.ts';
import type { RelayUser, SessionRelay, Vm } from '../../../sdk/index.ts';
import { OrderedSends } from './ordered-sends.ts';
import { Program, type ProgramPipe } from './program.ts';

/** A program that waits for the agent's session, or has one. */
export interface ProgramSession {
  push(chunk: Uint8Array): void;
  /** The connection has ended. */
  end(): void;
}

export interface WaitingPipe extends ProgramPipe {
  /** The session is there: the program is told, and frames follow. */
  grant(): void;
}

type Notice = Parameters<RelayUser['onNotice']>[0];

interface Entry {
  readonly pipe: WaitingPipe;
  /** Null while the agent has no session. */
  program: Program | null;
}

export class Programs implements RelayUser {
  readonly #relay: SessionRelay;
  readonly #entries = new Set<Entry>();
  /** Which program has the ring with a handle. */
  readonly #owners = new Map<number, Program>();
  readonly #orderedSends: OrderedSends<Program>;

  constructor(vm: Pick<Vm, 'relay'>) {
    this.#relay = vm.relay(this);
    const relay = this.#relay;
    this.#orderedSends = new OrderedSends((send, onOutcome) =>
      relay.send(send.frame, send.frame.length - DataField.payload, onOutcome),
    );
  }

  /** Programs with a session, and those that wait for one. */
  get count(): number {
    return this.#entries.size;
  }

  add(pipe: WaitingPipe): ProgramSession {
    const entry: Entry = { pipe, program: null };
    this.#entries.add(entry);
    this.#begin(entry);
    return {
      push: (chunk) => entry.program?.push(chunk),
      end: () => {
        this.#entries.delete(entry);
        entry.program?.end();
      },
    };
  }

  onUp(): void {
    for (const entry of this.#entries) this.#begin(entry);
  }

  onDown(): void {
    this.#orderedSends.clear();
    this.#owners.clear();
    for (const entry of [...this.#entries]) {
      if (entry.program === null) continue; // waits already
      this.#entries.delete(entry);
      entry.program.end();
      entry.pipe.destroy();
    }
  }

  hasRing(handle: number): boolean {
    return this.#owners.has(handle);
  }

  onDeliver(ring: number, bytes: Uint8Array, at: number, length: number): boolean {
    const program = this.#owners.get(ring);
    program?.deliver(ring, bytes, at, length);
    return program !== undefined;
  }

  onNotice(notice: Notice): void {
    switch (notice.op) {
      case Op.ringClosed:
        this.#owners.get(notice.ring)?.ringClosed(notice);
        return;
      case Op.peerGone:
      case Op.revoked: {
        const { op, domid, port } = notice;
        const isSessionEnd = op === Op.peerGone && port === PORT_ALL;
        // The broker counts per domain: each program that has sent there is told of all that may be lost.
        this.#tell(notice, (program) => program.hasSentTo(domid) || (isSessionEnd && program.hasRingFor(domid)));
        return;
      }
      default:
        this.#tell(notice, () => true);
    }
  }

  #tell(notice: Notice, isMeant: (program: Program) => boolean): void {
    for (const { program } of this.#entries) if (program !== null && isMeant(program)) program.say(notice);
  }

  #begin(entry: Entry): void {
    if (entry.program !== null || this.#relay.welcome === null) return;
    entry.program = new Program(this.#relay, entry.pipe, this.#orderedSends, this.#owners);
    entry.pipe.grant();
    entry.program.greet();
  }
}
