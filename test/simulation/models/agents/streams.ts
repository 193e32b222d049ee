/**
 * A stream gives the other program the bytes that were said, in order and none besides, and says their end only when it
 * has given all of them. No two connections have the bytes of one stream.
 */
import { bytesOf, nameOf, type StreamFlow } from '../../agents/stream-bytes.ts';
import type { AgentSet, System } from '../../system.ts';
import { type Invariant, type PolicyInForce, Violation } from '../invariant.ts';
import { AgentPolicies } from './agents-may.ts';

/** Streams of an app whose router was away connect again within the time of a reconnect. */
const WITHIN_MS = 25_000;
const AGAIN_MS = 1_000;
/** More than the window of a stream, which is given back on the way. */
const LONG_BYTES = 300_000;
const PIECES = 5;

interface Flow {
  written: number;
  read: number;
  isWrittenOut: boolean;
  isReadOut: boolean;
  reader: unknown;
}

export class Streams implements Invariant {
  readonly name = 'stream';
  readonly #system: System;
  readonly #agents: AgentSet;
  readonly #policies = new AgentPolicies();
  readonly #flows = new Map<string, Flow>();

  constructor(system: System, agents: AgentSet) {
    this.#system = system;
    this.#agents = agents;
  }

  policy(policy: PolicyInForce): void {
    this.#policies.policy(policy);
  }

  streamWrote(flow: StreamFlow, bytes: number, isEnd: boolean): void {
    const known = this.#flow(flow);
    known.written += bytes;
    known.isWrittenOut ||= isEnd;
  }

  streamRead(flow: StreamFlow, reader: unknown, bytes: Uint8Array, isEnd: boolean): void {
    const known = this.#flow(flow);
    const what = nameOf(flow);
    known.reader ??= reader;
    if (known.reader !== reader) throw new Violation(this.name, `${what} was read by a second connection`);
    if (known.isReadOut) throw new Violation(this.name, `${what} goes on after its end`);
    const until = known.read + bytes.length;
    if (until > known.written)
      throw new Violation(this.name, `${until} bytes of ${what} were read, ${known.written} were said`);
    if (!Buffer.from(bytes).equals(bytesOf(flow, known.read, until)))
      throw new Violation(this.name, `${what} was changed between ${known.read} and ${until}`);
    known.read = until;
    if (!isEnd) return;
    known.isReadOut = true;
    if (!known.isWrittenOut || known.read !== known.written)
      throw new Violation(this.name, `${what} ended at ${known.read} of ${known.written} bytes`);
  }

  async quiet(): Promise<void> {
    const { net, apps } = this.#agents;
    for (const app of apps) {
      const isPermitted =
        this.#policies.may(app.member, net.member, 'stream', 'send') &&
        this.#policies.may(net.member, app.member, 'stream', 'send');
      if (!isPermitted) continue;
      let isAnswered = false;
      for (let left = WITHIN_MS; left > 0 && !isAnswered; left -= AGAIN_MS) {
        const answer = app.asker?.ask(LONG_BYTES, PIECES) ?? null;
        const isThere = (): boolean => answer !== null && this.#flow(answer).isReadOut;
        await this.#system.passUntil(AGAIN_MS, isThere);
        isAnswered = isThere();
      }
      if (!isAnswered) throw new Violation(this.name, `no stream of ${app.name} is answered`);
    }
  }

  #flow(flow: StreamFlow): Flow {
    const name = nameOf(flow);
    const known = this.#flows.get(name);
    if (known !== undefined) return known;
    const fresh = { written: 0, read: 0, isWrittenOut: false, isReadOut: false, reader: null };
    this.#flows.set(name, fresh);
    return fresh;
  }
}
