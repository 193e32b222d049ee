/**
 * One program of this machine with a session of its own: frames in, frames out. The agent stands where a broker stands for
 * the program, and every frame is checked as a broker checks it, because a frame that the real broker takes for a fault
 * would end the session of all programs.
 */
import {
  type BrokerFrame,
  DATA_FRAME_HEADER_BYTES,
  DataField,
  type DomainFrame,
  decodeDomainFrame,
  encodeBrokerFrame,
  FrameStream,
  FrameWalker,
  Op,
  SEND_FLAGS_MASK,
  SendFlag,
  Status,
} from '../../../../broker/wire/index.ts';
import type { SessionRelay } from '../../../sdk/index.ts';
import { PROGRAM_BACKLOG_BYTES, PROGRAM_REQUESTS, PROGRAM_WINDOW_BYTES, PROGRAM_WINDOW_MESSAGES } from '../limits.ts';
import type { OrderedSends } from './ordered-sends.ts';
import { Outcomes } from './outcomes.ts';
import { ProgramRings } from './program-rings.ts';

/** The program's connection. */
export interface ProgramPipe {
  write(bytes: Uint8Array): void;
  /** Written and not taken by the kernel yet, bytes. */
  readonly backlogBytes: number;
  pause(): void;
  resume(): void;
  destroy(): void;
}

type Request = Exclude<
  Extract<DomainFrame, { readonly id: number }>,
  { readonly op: typeof Op.ping | typeof Op.pong | typeof Op.credential }
>;

export class Program {
  readonly #relay: SessionRelay;
  readonly #pipe: ProgramPipe;
  readonly #orderedSends: OrderedSends<Program>;
  readonly #rings: ProgramRings<Program>;
  readonly #stream = new FrameStream();
  readonly #walker = new FrameWalker();
  readonly #outcomes = new Outcomes();
  /** Destinations that have accepted something of this program: it is told when they are gone. */
  readonly #destinations = new Set<number>();
  #requests = 0;
  #openMessages = 0;
  #openBytes = 0;
  #isWorking = false;
  #isPaused = false;
  #isEnded = false;
  #isScheduled = false;
  #output: Uint8Array[] = [];

  constructor(
    relay: SessionRelay,
    pipe: ProgramPipe,
    orderedSends: OrderedSends<Program>,
    owners: Map<number, Program>,
  ) {
    this.#relay = relay;
    this.#pipe = pipe;
    this.#orderedSends = orderedSends;
    this.#rings = new ProgramRings<Program>(relay, owners, this);
  }

  /** What this session said before the program came: our own name, and the domains that it introduced. */
  greet(): void {
    const { welcome, sources } = this.#relay;
    if (welcome === null) return;
    this.say(welcome);
    for (const { domid, name, labels } of sources) this.say({ op: Op.introduce, domid, name, labels });
  }

  say(frame: BrokerFrame): void {
    this.#write(encodeBrokerFrame(frame));
  }

  /** The session of a domain has ended: that concerns the programs that expect messages from this domain alone. */
  hasRingFor(domid: number): boolean {
    return this.#rings.hasPartner(domid);
  }

  /** A peer that is gone, or what was taken back, concerns the programs that have sent to it. */
  hasSentTo(domid: number): boolean {
    return this.#destinations.has(domid);
  }

  push(chunk: Uint8Array): void {
    if (this.#isEnded) return;
    this.#stream.push(chunk);
    this.#work();
  }

  /** The deliver frame at `bytes[at, at + length)`, lent for the call. */
  deliver(ring: number, bytes: Uint8Array, at: number, length: number): void {
    this.#rings.delivered(ring, length - DATA_FRAME_HEADER_BYTES);
    this.#write(Uint8Array.from(bytes.subarray(at, at + length)));
    // Rings bound what a program that does not read can hold; a broker that breaks the bound, or notices without end, do not.
    if (this.#pipe.backlogBytes > PROGRAM_BACKLOG_BYTES) this.#fault();
  }

  /** The broker has closed the ring. */
  ringClosed(notice: Extract<BrokerFrame, { readonly op: typeof Op.ringClosed }>): void {
    this.#rings.forget(notice.ring);
    this.say(notice);
  }

  /** Nothing is written to the program any more. */
  end(): void {
    if (this.#isEnded) return;
    this.#flush();
    this.#isEnded = true;
    this.#orderedSends.forget(this);
    this.#rings.close();
  }

  #work(): void {
    if (this.#isWorking) return; // an outcome that comes at once, from inside the loop
    this.#isWorking = true;
    while (!this.#isEnded && this.#hasWindow()) {
      const frames = this.#stream.next();
      if (frames === 'fault') this.#fault();
      if (typeof frames === 'string') break;
      this.#take(frames);
    }
    this.#isWorking = false;
    this.#pace();
  }

  #hasWindow(): boolean {
    return (
      this.#openMessages < PROGRAM_WINDOW_MESSAGES &&
      this.#openBytes < PROGRAM_WINDOW_BYTES &&
      this.#requests < PROGRAM_REQUESTS
    );
  }

  #pace(): void {
    if (this.#isEnded || this.#isPaused === !this.#hasWindow()) return;
    this.#isPaused = !this.#isPaused;
    if (this.#isPaused) this.#pipe.pause();
    else this.#pipe.resume();
  }

  #take(frames: Uint8Array): void {
    const walker = this.#walker;
    walker.begin(frames);
    while (!this.#isEnded) {
      const step = walker.next();
      if (step === 'end') return;
      if (step === 'fault') {
        this.#fault();
        return;
      }
      const { at, length } = walker;
      if (walker.op === Op.sendv) this.#send(frames.subarray(at, at + length), walker.view, at);
      else {
        const frame = decodeDomainFrame(frames, at, at + length);
        if (frame === null) this.#fault();
        else this.#control(frame);
      }
    }
  }

  #send(frame: Uint8Array, view: DataView, at: number): void {
    const isNext = view.getUint32(at + DataField.id, true) === this.#outcomes.nextId;
    if (!isNext || view.getUint16(at + DataField.reserved, true) !== 0) {
      this.#fault();
      return;
    }
    const id = this.#outcomes.open();
    const bytes = frame.length - DATA_FRAME_HEADER_BYTES;
    this.#openMessages++;
    this.#openBytes += bytes;
    const destination = view.getUint16(at + DataField.destination, true);
    const onOutcome = (status: Status, maxMessageSize: number): void => {
      this.#openMessages--;
      this.#openBytes -= bytes;
      if (status === Status.OK) this.#destinations.add(destination);
      this.#settle(id, status, maxMessageSize);
    };
    const flags = view.getUint8(at + DataField.flags);
    const from = view.getUint32(at + DataField.sourcePort, true);
    if ((flags & ~SEND_FLAGS_MASK) !== 0) onOutcome(Status.EINVAL, 0);
    // Replies to a port of another program would reach that program.
    else if (from !== 0 && !this.#rings.hasPort(from)) onOutcome(Status.EPERM, 0);
    else if ((flags & (SendFlag.ordered | SendFlag.resume)) !== 0)
      this.#orderedSends.submit({ program: this, frame, onOutcome });
    else this.#relay.send(frame, bytes, onOutcome);
  }

  #settle(id: number, status: Status, maxMessageSize: number): void {
    if (this.#isEnded) return;
    // The acknowledgement that passes the refusal's id comes with the flush, after it: before it, it would be an acceptance.
    const refusal = this.#outcomes.settle(id, status, maxMessageSize);
    if (refusal === null) this.#schedule();
    else this.say(refusal);
    this.#work();
  }

  #control(frame: DomainFrame): void {
    switch (frame.op) {
      case Op.ready:
      case Op.credential: // the session's key belongs to the agent
        this.#fault();
        break;
      case Op.ping:
        this.say({ op: Op.brokerPong, id: frame.id });
        break;
      case Op.pong:
        break;
      case Op.credit:
        if (!this.#rings.credit(frame.ring, frame.bytes)) this.#fault();
        break;
      case Op.registerRing:
        this.#register(frame);
        break;
      case Op.unregisterRing:
        this.#unregister(frame);
        break;
      default:
        this.#ask(frame, (status) => status);
    }
  }

  #register(frame: Extract<Request, { readonly op: typeof Op.registerRing }>): void {
    const refusal = this.#rings.mayRegister(frame);
    if (refusal !== null) this.#reply(frame.id, refusal, 0);
    else this.#ask(frame, (status, value) => this.#rings.registered(frame, status, value));
  }

  #unregister(frame: Extract<Request, { readonly op: typeof Op.unregisterRing }>): void {
    const handle = this.#rings.find(frame.port, frame.partner);
    if (handle === null) this.#reply(frame.id, Status.ENOENT, 0);
    else this.#ask(frame, (status) => this.#rings.unregistered(handle, status));
  }

  /** Passes a request on; `take` may turn the broker's status into another one. */
  #ask(frame: Request, take: (status: Status, value: number) => Status): void {
    this.#requests++;
    const isAsked = this.#relay.request(
      frame,
      (answer) => {
        this.#requests--;
        const value = answer.op === Op.reply ? answer.value : 0;
        const status = take(answer.status, value);
        if (this.#isEnded) return;
        if (answer.op === Op.notified) this.say({ ...answer, id: frame.id });
        else this.#reply(frame.id, status, status === Status.OK ? value : 0);
        this.#work();
      },
      () => {}, // the session has ended, and this program's with it
    );
    if (!isAsked) this.#fault();
  }

  #reply(id: number, status: Status, value: number): void {
    this.say({ op: Op.reply, id, status, value });
  }

  /** A program that breaks the protocol loses its own session, and no other program notices. */
  #fault(): void {
    this.end();
    this.#pipe.destroy();
  }

  #sayAck(): void {
    const ack = this.#outcomes.takeAck();
    if (ack !== null) this.#output.push(encodeBrokerFrame(ack));
  }

  #write(bytes: Uint8Array): void {
    if (this.#isEnded) return;
    this.#output.push(bytes);
    this.#schedule();
  }

  /** One write for all that one record of the broker brings. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#isEnded) return;
    this.#sayAck();
    const output = this.#output;
    if (output.length === 0) return;
    this.#output = [];
    this.#pipe.write(output.length === 1 && output[0] !== undefined ? output[0] : Buffer.concat(output));
  }
}
