/**
 * Carrier to the agent of this machine: `agent:` or `agent:/path/of/its.sock`.
 *
 * The agent has the one session of this domain and lends it to programs. A program asks with one line and is answered
 * with one line. Frames follow in both directions, with no record around them and no keys: the kernel decides which users
 * may open the socket, and the agent alone holds the identity of the domain.
 */
import type { WelcomeFrame } from '../../../broker/channel/index.ts';
import { decodeBrokerFrame, FrameStream, FrameWalker, Op, RECORD_HEADER_BYTES } from '../../../broker/wire/index.ts';
import type { SessionChannel } from '../engine/session-channel.ts';
import { ArgusError } from '../errors.ts';

/** Opening line of a program that wants a session of its own (docs/agent.md). */
export const SESSION_REQUEST = 'session\n';
/** Longest answer that makes sense: `error CODE reason`. */
const MAX_ANSWER_BYTES = 1024;
const LINE_FEED = 0x0a;
const NOTHING = new Uint8Array(0);

/** The program's end. It stands where a sealed channel stands on other carriers, and seals nothing. */
export class AgentChannel implements SessionChannel {
  plaintext: Uint8Array = NOTHING;
  welcome: WelcomeFrame | null = null;
  refusal: ArgusError | null = null;
  /** Frames come in memory of their own, whatever the reader would take. */
  use: 'owned' | 'lent' = 'owned';
  readonly fault = null;
  readonly goodbye = null;
  readonly session = {
    sealInPlace: (memory: Uint8Array, at: number, length: number) =>
      memory.subarray(at + RECORD_HEADER_BYTES, at + RECORD_HEADER_BYTES + length),
    // The end of the connection says it.
    sealClose: () => NOTHING,
  };
  readonly #frames = new FrameStream();
  readonly #walker = new FrameWalker();
  #answer: Buffer = Buffer.alloc(0);
  #output: Uint8Array[] = [];
  /** Frames behind the welcome. */
  #rest: Uint8Array = NOTHING;
  #state: 'answer' | 'welcome' | 'up' | 'closed' = 'answer';

  async begin(): Promise<void> {
    this.#output = [Buffer.from(SESSION_REQUEST)];
  }

  takeOutput(): Uint8Array[] {
    const output = this.#output;
    this.#output = [];
    return output;
  }

  push(chunk: Uint8Array): void {
    if (this.#state === 'answer') this.#answer = Buffer.concat([this.#answer, chunk]);
    else if (this.#state !== 'closed') this.#frames.push(chunk);
  }

  /** `push` has copied. */
  keep(): void {}

  next(): 'more' | 'frames' | 'proven' | 'fault' {
    if (this.#state === 'answer' && !this.#readAnswer()) return this.refusal === null ? 'more' : 'fault';
    if (this.#state === 'closed') return 'fault';
    const frames = this.#rest.length > 0 ? this.#rest : this.#frames.next();
    this.#rest = NOTHING;
    if (frames === 'more') return 'more';
    if (frames === 'fault') return this.#refuse('it sent a frame of impossible length');
    if (this.#state === 'welcome') return this.#readWelcome(frames);
    this.plaintext = frames;
    return 'frames';
  }

  async verify(): Promise<'fault'> {
    return 'fault'; // nothing is signed on this carrier
  }

  free(): void {
    this.#state = 'closed';
  }

  #readAnswer(): boolean {
    const end = this.#answer.indexOf(LINE_FEED);
    if (end < 0) {
      if (this.#answer.length > MAX_ANSWER_BYTES) this.#refuse('it does not speak the protocol of an agent');
      return false;
    }
    const line = this.#answer.toString('utf8', 0, end);
    if (line !== 'ok') {
      this.#refuse(line.replace(/^error /, ''));
      return false;
    }
    this.#state = 'welcome';
    this.#frames.push(this.#answer.subarray(end + 1));
    this.#answer = Buffer.alloc(0);
    return true;
  }

  #readWelcome(frames: Uint8Array): 'proven' | 'fault' {
    const walker = this.#walker;
    walker.begin(frames);
    const frame = walker.next() === 'frame' ? decodeBrokerFrame(frames, walker.at, walker.at + walker.length) : null;
    if (frame?.op !== Op.welcome) return this.#refuse('it did not begin with a welcome');
    this.welcome = frame;
    this.#rest = frames.subarray(walker.at + walker.length);
    this.#state = 'up';
    return 'proven';
  }

  #refuse(reason: string): 'fault' {
    this.refusal = new ArgusError('ERR_CLIENT_UNREACHABLE', `the agent of this machine lends no session: ${reason}`);
    this.#state = 'closed';
    return 'fault';
  }
}
