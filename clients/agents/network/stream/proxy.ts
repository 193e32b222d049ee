/**
 * The streams of one ring. What arrives is taken from the ring at once and belongs to its stream, so a stream whose
 * program is slow, or a connection that nobody accepts, holds up no other one; how much it may leave here is its
 * window. What is sent goes out in turns of one chunk each.
 */
import type { Socket } from 'node:net';
import { type Clock, nodeClock, reasonOf } from '../../../../broker/base/index.ts';
import { ArgusError, type Message } from '../../../sdk/index.ts';
import { type DomainSession, type KeptRing, keepOrderedRing } from '../kept-ring.ts';
import {
  CROWDED_STREAMS,
  CROWDED_WINDOW_BYTES,
  MAX_STREAMS,
  MAX_STREAMS_PER_DOMAIN,
  MAX_WAITING_STREAMS,
  STREAM_DEADLINE_MS,
  STREAM_IN_FLIGHT_BYTES,
  STREAM_LINE_MS,
  STREAM_PROBE_MS,
  STREAM_RING_BYTES,
  STREAM_WINDOW_BYTES,
} from '../limits.ts';
import { decodeStream, encodeStream, StreamFault, type StreamMessage, StreamType } from './message.ts';
import { type Remote, Stream, type StreamOwner } from './stream.ts';

/** Connects to the target of a listener. Rejects when the target cannot be reached in time. */
export type StreamDial = () => Promise<Socket>;

export interface StreamProxyOptions {
  /** Argo port of the ring. */
  readonly port: number;
  /** Whose messages it takes: a domain, or `any`. */
  readonly partner: string;
  /** Null: takes no connections, only makes them. */
  readonly dial: StreamDial | null;
  /** From `connect` to the answer. */
  readonly connectTimeoutMs: number;
  readonly say: (line: string) => void;
  /**
   * Streams of one domain at a listener, and those that wait (defaults MAX_STREAMS_PER_DOMAIN, MAX_WAITING_STREAMS).
   */
  readonly maxPerDomain?: number;
  readonly maxWaiting?: number;
  readonly clock?: Clock;
}

interface Opening {
  readonly stream: Stream;
  readonly cancelTimeout: () => void;
}

export class StreamProxy implements StreamOwner {
  readonly #vm: DomainSession;
  readonly #options: StreamProxyOptions;
  readonly #clock: Clock;
  readonly #ring: KeptRing;
  readonly #streams = new Map<string, Stream>();
  /** Streams that connect and have no answer yet. */
  readonly #opening = new Map<string, Opening>();
  /** Listener: connections being made, so that they count too. */
  readonly #dialling = new Set<string>();
  /** Listener: streams that wait until one of their domain ends, oldest first; the number is their window. */
  readonly #waiting = new Map<string, { readonly remote: Remote; readonly window: number }>();
  readonly #say: (line: string) => void;
  /** Streams that have something to send, in turns. */
  readonly #turns: Stream[] = [];
  readonly #isQueued = new Set<Stream>();
  #cancelProbe: () => void;
  /** Domains heard of, by the domid that events name. */
  readonly #nameOf = new Map<number, string>();
  #underWay = 0;
  #nextStream = 1;
  #isClosed = false;

  constructor(vm: DomainSession, options: StreamProxyOptions) {
    this.#vm = vm;
    this.#options = options;
    const { port, partner, clock = nodeClock } = options;
    this.#clock = clock;
    this.#say = oncePerSecond(options.say, clock.mono);
    // In order with `peer-gone`: bytes that a program sent before its domain left reach the other program.
    const wish = { port, partner, length: STREAM_RING_BYTES };
    this.#ring = keepOrderedRing(vm, wish, (message) => this.#take(message), clock);
    vm.on('disconnected', this.#onDisconnected);
    vm.on('peer-gone', this.#onGone);
    this.#cancelProbe = this.#probeLater();
  }

  /** Resolves once the ring is registered; rejects when policy refuses it. */
  get registered(): Promise<void> {
    return this.#ring.ready;
  }

  get count(): number {
    return this.#streams.size + this.#opening.size + this.#dialling.size;
  }

  /** Carries `socket` (paused, half-open allowed) to `domain`'s listener at `port`. */
  connect(socket: Socket, domain: string, port: number): void {
    const remote: Remote = { domain, port, stream: this.#freeNumber(domain, port) };
    const stream = new Stream(this, remote, socket, this.#windowNow());
    if (this.#isClosed) {
      stream.end(null);
      return;
    }
    if (this.count >= MAX_STREAMS) {
      stream.end(null);
      this.#say(`too many streams: a connection to ${domain} was refused`);
      return;
    }
    const { connectTimeoutMs } = this.#options;
    const cancelTimeout = this.#clock.after(connectTimeoutMs, () => {
      this.#say(`stream to ${domain}: no answer in ${connectTimeoutMs} ms`);
      stream.end(StreamFault.timeout);
    });
    this.#opening.set(keyOf(remote), { stream, cancelTimeout });
    this.tell(stream, StreamType.connect, stream.window);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelProbe();
    this.#vm.off('disconnected', this.#onDisconnected);
    this.#vm.off('peer-gone', this.#onGone);
    this.#endAll(StreamFault.broken);
    this.#dialling.clear();
    this.#waiting.clear();
    await this.#ring.close();
  }

  // For streams

  ready(stream: Stream): void {
    if (this.#isQueued.has(stream)) return;
    this.#isQueued.add(stream);
    this.#turns.push(stream);
    this.#pump();
  }

  tell(stream: Stream, type: number, value: number): void {
    stream.sentAt = this.#clock.mono();
    void this.#send(stream.remote, encodeStream(type, stream.remote.stream, value), []).catch((error: unknown) =>
      this.#fail(stream, error),
    );
  }

  over(stream: Stream, fault: number | null): void {
    const key = keyOf(stream.remote);
    const opening = this.#opening.get(key);
    if (opening?.stream === stream) {
      opening.cancelTimeout();
      this.#opening.delete(key);
    }
    if (this.#streams.get(key) === stream) {
      this.#streams.delete(key);
      this.#acceptWaiting(stream.remote.domain);
    }
    if (fault !== null) this.#reset(stream.remote, fault);
  }

  // Inside

  #freeNumber(domain: string, port: number): number {
    for (;;) {
      const stream = this.#nextStream;
      this.#nextStream = stream >= 0xffff_ffff ? 1 : stream + 1;
      const key = keyOf({ domain, port, stream });
      if (!this.#streams.has(key) && !this.#opening.has(key)) return stream;
    }
  }

  /** One chunk of each stream that has one, round and round, while there is room. */
  #pump(): void {
    while (this.#underWay < STREAM_IN_FLIGHT_BYTES) {
      const stream = this.#turns.shift();
      if (stream === undefined) return;
      const outgoing = stream.next();
      if (outgoing === null) {
        this.#isQueued.delete(stream);
        continue;
      }
      this.#turns.push(stream);
      const { type, value, payload, bytes } = outgoing;
      this.#underWay += bytes;
      stream.sentAt = this.#clock.mono();
      this.#send(stream.remote, encodeStream(type, stream.remote.stream, value), payload).then(
        () => this.#settle(bytes),
        (error: unknown) => {
          this.#settle(bytes);
          this.#fail(stream, error);
        },
      );
    }
  }

  #settle(bytes: number): void {
    this.#underWay -= bytes;
    this.#pump();
  }

  #send({ domain, port }: Remote, header: Uint8Array, payload: readonly Uint8Array[]): Promise<number> {
    const iov = [header, ...payload];
    return this.#vm.sendv({ to: { domain, port }, from: this.#options.port, iov, deadline: STREAM_DEADLINE_MS });
  }

  /** A message that was refused, by policy or for want of room, is missing in its stream: the stream ends. */
  #fail(stream: Stream, error: unknown): void {
    if (!(error instanceof ArgusError)) throw error;
    if (stream.isOver) return;
    this.#say(`stream with ${stream.remote.domain}: ${error.message}`);
    stream.end(StreamFault.broken);
  }

  #reset(remote: Remote, fault: number): void {
    // The receiver may have gone already.
    this.#send(remote, encodeStream(StreamType.reset, remote.stream, fault), []).catch(() => {});
  }

  #take({ payload, source, port }: Message): void {
    // The ring still delivers until the broker has closed it: a stream that began now would never end.
    if (this.#isClosed) return;
    const message = decodeStream(payload);
    if (message === null || port === 0) return;
    this.#nameOf.set(source.domid, source.name);
    const remote: Remote = { domain: source.name, port, stream: message.stream };
    const key = keyOf(remote);
    const stream = this.#streams.get(key);
    if (message.type === StreamType.connect) this.#accept(remote, key, message);
    else if (stream !== undefined) {
      if (message.type === StreamType.reset) stream.end(null);
      else if (message.type === StreamType.accept) stream.end(StreamFault.protocol);
      else stream.take(message);
    } else if (this.#opening.has(key)) this.#answered(key, message);
    else if (message.type === StreamType.reset) {
      this.#dialling.delete(key);
      this.#waiting.delete(key);
    } else if (!this.#dialling.has(key) && !this.#waiting.has(key)) this.#reset(remote, StreamFault.unknown);
  }

  #answered(key: string, message: StreamMessage): void {
    const opening = this.#opening.get(key);
    if (opening === undefined) return;
    const { stream, cancelTimeout } = opening;
    if (message.type !== StreamType.accept) {
      this.#say(`stream to ${stream.remote.domain}: refused`);
      stream.end(message.type === StreamType.reset ? null : StreamFault.protocol);
      return;
    }
    cancelTimeout();
    this.#opening.delete(key);
    this.#streams.set(key, stream);
    stream.open(message.value);
  }

  #accept(remote: Remote, key: string, { value: window }: StreamMessage): void {
    const { maxPerDomain = MAX_STREAMS_PER_DOMAIN, maxWaiting = MAX_WAITING_STREAMS } = this.#options;
    const isKnown = [this.#streams, this.#opening, this.#dialling, this.#waiting].some((each) => each.has(key));
    if (this.#options.dial === null || isKnown) {
      this.#reset(remote, StreamFault.refused);
      return;
    }
    if (this.count < MAX_STREAMS && this.#countOf(remote.domain) < maxPerDomain) {
      this.#dial(remote, key, window, this.#options.dial);
      return;
    }
    const waiting = [...this.#waiting.values()].filter((each) => each.remote.domain === remote.domain).length;
    if (waiting < maxWaiting) {
      this.#waiting.set(key, { remote, window });
      return;
    }
    this.#say(`too many streams: one from ${remote.domain} was refused`);
    this.#reset(remote, StreamFault.tooMany);
  }

  #acceptWaiting(domain: string): void {
    const { dial } = this.#options;
    for (const [key, { remote, window }] of this.#waiting) {
      if (remote.domain !== domain || dial === null) continue;
      this.#waiting.delete(key);
      this.#dial(remote, key, window, dial);
      return;
    }
  }

  #dial(remote: Remote, key: string, window: number, dial: StreamDial): void {
    this.#dialling.add(key);
    dial().then(
      (socket) => {
        if (!this.#dialling.delete(key)) {
          socket.destroy(); // given up by the other side meanwhile
          return;
        }
        const stream = new Stream(this, remote, socket, this.#windowNow());
        this.#streams.set(key, stream);
        this.tell(stream, StreamType.accept, stream.window);
        stream.open(window);
      },
      (error: unknown) => {
        if (!this.#dialling.delete(key)) return;
        this.#say(`stream from ${remote.domain}: ${reasonOf(error)}`);
        this.#reset(remote, StreamFault.refused);
        this.#acceptWaiting(remote.domain);
      },
    );
  }

  #windowNow(): number {
    return this.count < CROWDED_STREAMS ? STREAM_WINDOW_BYTES : CROWDED_WINDOW_BYTES;
  }

  #countOf(domain: string): number {
    const prefix = `${domain} `;
    let count = 0;
    for (const keys of [this.#streams.keys(), this.#dialling.keys()])
      for (const key of keys) if (key.startsWith(prefix)) count++;
    return count;
  }

  /** Messages in transit at the end of the session may be lost. A stream with a gap is useless, so all streams end. */
  readonly #onDisconnected = (): void => {
    this.#endAll(null);
    this.#dialling.clear();
    this.#waiting.clear();
  };

  readonly #onGone = ({ domid, port }: { readonly domid: number; readonly port: number | null }): void => {
    const name = this.#nameOf.get(domid);
    for (const [key, { remote }] of this.#waiting)
      if (remote.domain === name && (port === null || remote.port === port)) this.#waiting.delete(key);
    for (const stream of this.#all()) {
      const { remote } = stream;
      if (remote.domain === name && (port === null || remote.port === port)) stream.gone();
    }
  };

  #probeLater(): () => void {
    return this.#clock.after(STREAM_PROBE_MS / 2, () => {
      this.#cancelProbe = this.#probeLater();
      this.#probeIdle();
    });
  }

  #probeIdle(): void {
    const before = this.#clock.mono() - STREAM_PROBE_MS;
    for (const stream of this.#streams.values()) if (stream.sentAt < before) this.tell(stream, StreamType.credit, 0);
  }

  #endAll(fault: number | null): void {
    for (const stream of this.#all()) stream.end(fault);
  }

  #all(): Stream[] {
    return [...this.#streams.values(), ...[...this.#opening.values()].map(({ stream }) => stream)];
  }
}

function keyOf({ domain, port, stream }: Remote): string {
  return `${domain} ${port} ${stream}`;
}

/** Says a line at once, and the next after a second, with how many came in between. */
function oncePerSecond(say: (line: string) => void, mono: Clock['mono']): (line: string) => void {
  let last = Number.NEGATIVE_INFINITY;
  let skipped = 0;
  return (line) => {
    const now = mono();
    if (now - last < STREAM_LINE_MS) {
      skipped++;
      return;
    }
    say(skipped === 0 ? line : `${line} (and ${skipped} more lines about streams)`);
    last = now;
    skipped = 0;
  };
}
