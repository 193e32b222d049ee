/** Numbers the messages of a run, writes down what the actors see, and asks every invariant about it. */
import { createHash } from 'node:crypto';
import { formatIpv4 } from '../../broker/base/index.ts';
import { nameOf, type StreamFlow } from './agents/stream-bytes.ts';
import type { Delivery, Invariant, Outcome, PolicyInForce, SentMessage, View } from './models/invariant.ts';

export class Witness {
  readonly #invariants: readonly Invariant[];
  readonly #view: () => View;
  readonly #digest = createHash('sha256');
  readonly #onLine: ((line: string) => void) | null;
  #messages = 0;
  #deliveries = 0;
  /** What was found first. It is thrown by `check`, outside the call stacks of the product. */
  #violation: unknown = null;

  constructor(invariants: readonly Invariant[], view: () => View, onLine: ((line: string) => void) | null) {
    this.#invariants = invariants;
    this.#view = view;
    this.#onLine = onLine;
  }

  get deliveries(): number {
    return this.#deliveries;
  }

  /** SHA-256 of the log so far, and of these bytes. */
  digest(...parts: readonly string[]): string {
    const whole = this.#digest.copy();
    for (const part of parts) whole.update(part);
    return whole.digest('hex');
  }

  /** One line of the run's log. */
  say(text: string): void {
    const { turn, nowMs } = this.#view();
    const line = `${turn} ${nowMs} ${text}\n`;
    this.#digest.update(line);
    this.#onLine?.(line);
  }

  sent(message: Omit<SentMessage, 'number' | 'turn'>): SentMessage {
    const numbered = { ...message, number: ++this.#messages, turn: this.#view().turn };
    const { number, sender, receiver, port, payload } = numbered;
    this.say(`${sender} sends ${number} to ${receiver}:${port}, ${payload.length} bytes`);
    this.#ask((each) => each.sent?.(numbered));
    return numbered;
  }

  settled(message: SentMessage, outcome: Outcome): void {
    this.say(`${message.number} ${outcome.kind}${outcome.kind === 'accepted' ? '' : ` ${outcome.code}`}`);
    this.#ask((each, view) => each.settled?.(message, outcome, view));
  }

  delivered(delivery: Omit<Delivery, 'turn'>): void {
    this.#deliveries++;
    this.say(`${delivery.ring} gets ${delivery.number} from ${delivery.source}`);
    this.#ask((each, view) => each.delivered?.({ ...delivery, turn: view.turn }, view));
  }

  policy(policy: PolicyInForce): void {
    this.say(`revision ${policy.revision} is in force at ${policy.broker}`);
    this.#ask((each) => each.policy?.(policy));
  }

  sessionUp(guest: string): void {
    this.say(`${guest} has a session`);
    this.#ask((each, view) => each.sessionUp?.(guest, view));
  }

  ringUp(guest: string, port: number): void {
    this.say(`${guest} has a ring at ${port}`);
    this.#ask((each, view) => each.ringUp?.(guest, port, view));
  }

  undelivered(sender: string, receiverDomid: number, port: number | null, messages: number): void {
    this.say(`${sender} hears that ${messages} messages to ${receiverDomid}:${port ?? 'all'} are lost`);
    this.#ask((each) => each.undelivered?.(sender, receiverDomid, port, messages));
  }

  guestKilled(guest: string): void {
    this.say(`${guest} is gone`);
    this.#ask((each, view) => each.guestKilled?.(guest, view));
  }

  keyRevoked(guest: string): void {
    this.say(`the key of ${guest} is revoked`);
    this.#ask((each) => each.keyRevoked?.(guest));
  }

  spoke(to: string, frame: number): void {
    this.say(`the microphone gives ${frame} to ${to}`);
    this.#ask((each, view) => each.spoke?.(to, frame, view));
  }

  heard(guest: string, frame: number | null): void {
    this.say(`${guest} hears ${frame}`);
    this.#ask((each, view) => each.heard?.(guest, frame, view));
  }

  played(of: string, bytes: Uint8Array): void {
    this.say(`${of} is heard, ${bytes.length} bytes of ${bytes[0]}`);
    this.#ask((each, view) => each.played?.(of, bytes, view));
  }

  leased(guest: string, ipv4: number): void {
    this.say(`${guest} has the address ${formatIpv4(ipv4)}`);
    this.#ask((each) => each.leased?.(guest, ipv4));
  }

  released(guest: string, ipv4: number): void {
    this.say(`${guest} gives back ${formatIpv4(ipv4)}`);
    this.#ask((each) => each.released?.(guest, ipv4));
  }

  frame(guest: string, frame: Uint8Array): void {
    this.say(`${guest} gets a frame of ${frame.length} bytes`);
    this.#ask((each) => each.frame?.(guest, frame));
  }

  streamWrote(flow: StreamFlow, bytes: number, isEnd: boolean): void {
    this.say(`${nameOf(flow)}: ${bytes} bytes are said${isEnd ? ', the last ones' : ''}`);
    this.#ask((each) => each.streamWrote?.(flow, bytes, isEnd));
  }

  streamRead(flow: StreamFlow, reader: unknown, bytes: Uint8Array, isEnd: boolean): void {
    this.say(`${nameOf(flow)}: ${bytes.length} bytes are read${isEnd ? ', the last ones' : ''}`);
    this.#ask((each) => each.streamRead?.(flow, reader, bytes, isEnd));
  }

  muting(of: string, isMuted: boolean): void {
    this.say(`the mixer says that ${of} is ${isMuted ? 'mute' : 'heard'}`);
    this.#ask((each) => each.muting?.(of, isMuted));
  }

  muted(of: string, isMuted: boolean, answer: boolean | null): void {
    this.say(`the mixer hears that ${of} is ${answer === null ? 'unknown' : answer ? 'mute' : 'heard'}`);
    this.#ask((each, view) => each.muted?.(of, isMuted, answer, view));
  }

  keyRenewed(guest: string): void {
    this.say(`${guest} has a new key`);
    this.#ask((each) => each.keyRenewed?.(guest));
  }

  /** Something that no actor expects, such as an exception of the product. */
  unexpected(error: unknown): void {
    this.#violation ??= error;
  }

  /** After each event. @throws Violation */
  check(): void {
    this.#ask((each, view) => each.step?.(view));
    if (this.#violation !== null) throw this.#violation;
  }

  /** @throws Violation */
  async quiet(): Promise<void> {
    for (const each of this.#invariants) await each.quiet?.(this.#view());
  }

  #ask(question: (invariant: Invariant, view: View) => void): void {
    const view = this.#view();
    try {
      for (const each of this.#invariants) question(each, view);
    } catch (error) {
      this.#violation ??= error;
    }
  }
}
