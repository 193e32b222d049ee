/**
 * Lends the session of a VM to other programs of the same domain, frame by frame: the agent's way to give each of them
 * a whole SDK. The VM keeps its own rings and sends. What belongs to no ring of the VM is offered to the relay's user.
 */
import type { WelcomeFrame } from '../../../broker/channel/index.ts';
import { Status } from '../../../broker/wire/index.ts';
import type { ArgusError } from '../errors.ts';
import type { MessageSource } from '../message.ts';
import type { BrokerAnswer, ClientSession, Notice } from './client-session.ts';
import { Send } from './sending/send.ts';

/** Called synchronously, in the order of the broker's frames. */
export interface RelayUser {
  /** A session is up, and the rings of the VM are registered in it. */
  onUp(): void;
  onDown(): void;
  /** The deliver frame at `bytes[at, at + length)`, valid only during the call. False: the ring is unknown here too. */
  onDeliver(ring: number, bytes: Uint8Array, at: number, length: number): boolean;
  onNotice(notice: Notice): void;
  /** True: a program has the ring with this handle, so the VM must not read from it as well. */
  hasRing(handle: number): boolean;
}

export interface SessionRelay {
  /** What a program is greeted with; null without a session. */
  readonly welcome: WelcomeFrame | null;
  /** Domains that this session has introduced. */
  readonly sources: Iterable<MessageSource>;
  /** True: the VM itself has the ring with this handle. */
  hasRing(handle: number): boolean;
  /** As of a session: false without one, or when too many requests are open. */
  request(
    frame: Parameters<ClientSession['request']>[0],
    onAnswer: (answer: BrokerAnswer) => void,
    onLost: () => void,
  ): boolean;
  tell(frame: Parameters<ClientSession['tell']>[0]): void;
  /** Sends the whole sendv frame, which is copied; its id is replaced. False without a session. */
  send(frame: Uint8Array, payloadBytes: number, onOutcome: RelayedOutcome): boolean;
}

/** `ECONNRESET`: the session ended before the broker answered. */
export type RelayedOutcome = (status: Status, maxMessageSize: number) => void;

/** A send of another program. No promise is made of it, so a refusal is never an unhandled rejection. */
export class RelayedSend extends Send {
  readonly #onOutcome: RelayedOutcome;

  constructor(bytes: number, onOutcome: RelayedOutcome) {
    super(bytes);
    this.#onOutcome = onOutcome;
  }

  override accept(): void {
    this.#onOutcome(Status.OK, 0);
  }

  override fail(error: ArgusError): void {
    const { code, maxMessageSize = 0 } = error;
    this.#onOutcome(isStatusWord(code) ? Status[code] : Status.ECONNRESET, maxMessageSize);
  }
}

function isStatusWord(code: string): code is keyof typeof Status {
  return Object.hasOwn(Status, code);
}
