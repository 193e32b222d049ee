/**
 * The broker's listener over NATS: one connection per domain, so that the server's back-pressure, its limits and its
 * disconnections affect only that domain. A domain that floods, or does not read, stalls only itself.
 *
 *   dialling -> listening -> (lost: redial, later each time) … -> closed
 */
import { MAX_UNAUTHENTICATED_UNIX, REFUSED_PLACE_MS } from '../../process/index.ts';
import type { Accept } from '../listen.ts';
import { Places } from '../places.ts';
import { NatsCarrier } from './carrier.ts';
import type { NatsCarrierError } from './errors.ts';
import { FIRST_REDIAL_MS, MAX_REDIAL_MS, PENALTY_MS, TLS_FRAGMENT_BYTES, WINDOW_BYTES } from './limits.ts';
import { type LineHost, NODE_LINE_HOST } from './line/line-host.ts';
import type { LinePace } from './line/line-reader.ts';
import type { ServerConnection } from './line/server-connection.ts';
import { decodeMessage, MessageKind, NO_PIPE, publishBare } from './pipe/message.ts';
import type { PipeHost } from './pipe/pipe.ts';
import type { Subjects } from './subjects.ts';

export interface NatsEnd {
  readonly host: string;
  readonly tcpPort: number;
  readonly seed: Uint8Array;
  /** PEM; null: the server speaks plain TCP. */
  readonly ca: string | null;
}

export class NatsListener {
  readonly #end: NatsEnd;
  readonly #domain: string;
  readonly #name: string;
  readonly #subjects: Subjects;
  readonly #accept: Accept;
  readonly #pace: LinePace;
  readonly #onTrouble: (domain: string, error: NatsCarrierError) => void;
  readonly #lineHost: LineHost;
  readonly #places: Places;
  readonly #carriers = new Map<number, NatsCarrier>();
  readonly #host: PipeHost;
  #line: ServerConnection | null = null;
  #redialMs = FIRST_REDIAL_MS;
  #cancelRedial: () => void = () => {};
  #isClosed = false;
  /** Bytes since the line was opened that belonged to no pipe. */
  #strayBytes = 0;

  /** `pace` makes the job that pays for reading the line of this domain. */
  constructor(
    end: NatsEnd,
    broker: string,
    domain: string,
    subjects: Subjects,
    accept: Accept,
    pace: LinePace,
    onTrouble: (domain: string, error: NatsCarrierError) => void,
    host: LineHost = NODE_LINE_HOST,
  ) {
    this.#lineHost = host;
    this.#places = new Places(
      MAX_UNAUTHENTICATED_UNIX,
      REFUSED_PLACE_MS,
      (delayMs, task) => void host.schedule(delayMs, task, false),
    );
    this.#end = end;
    this.#domain = domain;
    this.#name = `nats:${broker}/${domain}`;
    this.#subjects = subjects;
    this.#accept = accept;
    this.#pace = pace;
    this.#onTrouble = onTrouble;
    const listener = this;
    this.#host = {
      get fragmentBytes() {
        return listener.#line?.fragmentBytes ?? TLS_FRAGMENT_BYTES;
      },
      get waitingBytes() {
        return listener.#line?.waitingBytes ?? 0;
      },
      publish: (length, write) => this.#line?.publish(length, write),
      nextTurn: (task) => host.nextTurn(task),
      schedule: (delayMs, task) => host.schedule(delayMs, task),
    };
  }

  get isListening(): boolean {
    return this.#line !== null;
  }

  /** Dials once. If that fails, it is retried in the background. */
  async open(): Promise<void> {
    const { up: subscribe, down: publish } = this.#subjects;
    try {
      const line = await this.#lineHost.connect(
        { ...this.#end, name: this.#name, subscribe, publish, pace: this.#pace },
        {
          onMessage: (message) => this.#receive(message),
          onClosed: (error) => this.#lost(error),
        },
      );
      this.#line = line;
      this.#strayBytes = 0;
      this.#redialMs = FIRST_REDIAL_MS;
      if (this.#isClosed) line.close();
      else publishBare(line, MessageKind.close, NO_PIPE, 0);
    } catch (error) {
      this.#onTrouble(this.#domain, error as NatsCarrierError);
      this.#redial(this.#redialMs);
    }
  }

  /** Accepts no new pipes. Open pipes stay until their sessions end. */
  close(): void {
    this.#isClosed = true;
    this.#cancelRedial();
    if (this.#carriers.size === 0) this.#line?.close();
  }

  #receive(bytes: Uint8Array): void {
    const message = decodeMessage(bytes);
    const carrier = message === null ? undefined : this.#carriers.get(message.id);
    if (message === null) this.#stray(bytes.length);
    else if (carrier !== undefined) carrier.receive(message);
    else if (message.kind === MessageKind.open) this.#admit(message.id)?.receive(message);
    else if (message.kind !== MessageKind.close) {
      // The other end uses a pipe that is unknown here: this broker was restarted, or has ended the pipe.
      publishBare(this.#host, MessageKind.close, message.id, 0);
      this.#stray(bytes.length);
    }
  }

  #admit(id: number): NatsCarrier | null {
    const release = this.#isClosed ? null : this.#places.take();
    if (release === null) {
      publishBare(this.#host, MessageKind.close, id, 0);
      this.#stray(WINDOW_BYTES / 16);
      return null;
    }
    const carrier = new NatsCarrier(this.#name, this.#domain, id, this.#host, (fault) => {
      this.#carriers.delete(id);
      if (fault === 'OVERRUN') this.#punish();
      if (this.#isClosed && this.#carriers.size === 0) this.#line?.close();
    });
    this.#carriers.set(id, carrier);
    this.#accept(carrier, release);
    return carrier;
  }

  /**
   * Stray messages cost work too. After one window of them the broker unsubscribes, so that the server drops the rest.
   */
  #stray(bytes: number): void {
    this.#strayBytes += bytes;
    if (this.#strayBytes > WINDOW_BYTES) this.#punish();
  }

  #punish(): void {
    this.#redialMs = Math.max(this.#redialMs, PENALTY_MS);
    this.#line?.close();
  }

  #lost(error: NatsCarrierError | null): void {
    this.#line = null;
    const carriers = [...this.#carriers.values()];
    this.#carriers.clear();
    for (const carrier of carriers) carrier.lost();
    if (error !== null) this.#onTrouble(this.#domain, error);
    this.#redial(this.#redialMs);
  }

  #redial(delayMs: number): void {
    if (this.#isClosed) return;
    this.#redialMs = Math.min(this.#redialMs * 2, MAX_REDIAL_MS);
    this.#cancelRedial = this.#lineHost.schedule(delayMs, () => void this.open(), false);
  }
}
