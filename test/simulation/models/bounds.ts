/**
 * What a domain makes the broker keep or do stays within bounds, whatever the domain does: a record that never ends, answers
 * that it does not read, what is written to a connection that takes nothing, and changes of keys.
 */
import { CONTROL_BYTES_PER_SESSION, SESSION_FREE_BYTES } from '../../../broker/process/index.ts';
import type { System } from '../system.ts';
import { type Invariant, type View, Violation } from './invariant.ts';

/** What the broker may have read before it settles the account: a few chunks are under way. */
const READ_AHEAD_BYTES = 128 * 1024;
/** Answers to what one record asks, beyond the bound at which nothing more is read. */
const ANSWERS_OF_A_RECORD = 64 * 1024;
/** A session ends with the change of keys after these: sixteen without need, and one whose epoch was not short. */
const KEY_CHANGES = 17;
/** Last words: to a stranger that is turned away, to a session that ends, and a flush on the way. */
const LAST_WRITES = 4;

export class Bounds implements Invariant {
  readonly name = 'bounds';
  readonly #system: System;

  constructor(system: System) {
    this.#system = system;
  }

  step({ homes }: View): void {
    const { hostile } = this.#system;
    const broker = homes.find(({ name }) => name === hostile?.member.home)?.broker ?? null;
    if (broker === null || hostile === null) return;
    const { name } = hostile.member;
    const { connection } = hostile;
    const written = hostile.state.halfRecordBytes;
    if (written !== null && connection !== null && broker.sessions.peerOf(name) !== undefined) {
      const read = written - connection.toBroker.bufferedBytes;
      const bound = SESSION_FREE_BYTES + READ_AHEAD_BYTES + broker.argo.accounts.ofSessions(name).held;
      if (read > bound)
        throw new Violation(this.name, `${name}: ${read} bytes of a record are held, ${bound} are allowed`);
    }
    const { keyChanges } = hostile.state;
    if (keyChanges > KEY_CHANGES && connection?.toBroker.bufferedBytes === 0) {
      const isWorkedOff = broker.turns.share(name).waiting.length === 0;
      if (isWorkedOff && broker.sessions.peerOf(name) !== undefined)
        throw new Violation(this.name, `${name} has changed its key ${keyChanges} times in a row`);
    }
    for (const { state, controlBytes } of broker.sessions.peers()) {
      if (controlBytes > CONTROL_BYTES_PER_SESSION + ANSWERS_OF_A_RECORD)
        throw new Violation(this.name, `${state.domain.name} has ${controlBytes} bytes of answers queued`);
    }
    const pushed = connection?.toGuest.writesWhileCongested ?? 0;
    if (pushed > LAST_WRITES) throw new Violation(this.name, `${name} was written to ${pushed} times without room`);
  }
}
