/** Stream proxies: the router's listener with a program behind it that answers, and an app's connector with programs that ask. */
import { StreamProxy } from '../../../clients/agents/network/stream/proxy.ts';
import type { Vm } from '../../../clients/sdk/index.ts';
import type { Random } from '../../support/random.ts';
import type { Process } from '../engine/process.ts';
import { type Program, ProgramSocket } from '../engine/program.ts';
import type { Witness } from '../witness.ts';
import { NET_VM } from './inventory.ts';
import type { Parts } from './parts.ts';
import { bytesOf, HEAD_BYTES, requestOf, type StreamFlow } from './stream-bytes.ts';

export const STREAM_PORT = 20_080;
export const REPLY_PORT = 20_900;
const CONNECT_TIMEOUT_MS = 2_000;
/** So that requests and answers differ in length. */
const ANSWER_PART = 2;

/** The connections of programs in one VM, in one life of its process. */
export class Programs {
  readonly #open = new Set<ProgramSocket>();
  /** How long a program takes for what it is told. */
  delayMs = 0;

  connect(process: Process, program: Program): ProgramSocket {
    const socket = new ProgramSocket(process, program, this.delayMs);
    this.#open.add(socket);
    socket.on('close', () => this.#open.delete(socket));
    return socket;
  }

  get count(): number {
    return this.#open.size;
  }

  slow(delayMs: number): void {
    this.delayMs = delayMs;
    for (const socket of this.#open) socket.delayMs = delayMs;
  }

  /** One of them dies. */
  dieOne(random: Random): void {
    const all = [...this.#open];
    if (all.length > 0) random.pick(all).die();
  }
}

/** The program at the router: reads a request to its end, and answers each piece with half as many bytes. */
class Answerer implements Program {
  readonly #witness: Witness;
  socket: ProgramSocket | null = null;
  #head: Uint8Array = new Uint8Array(0);
  #request: StreamFlow | null = null;
  #read = 0;
  #answered = 0;

  constructor(witness: Witness) {
    this.#witness = witness;
  }

  received(bytes: Uint8Array): void {
    let rest = bytes;
    if (this.#request === null) {
      this.#head = Buffer.concat([this.#head, bytes]);
      rest = this.#head;
      this.#request = requestOf(this.#head);
      if (this.#request === null) return; // the head is not whole yet, or another says something else
    }
    this.#witness.streamRead(this.#request, this, rest, false);
    this.#read += rest.length;
    this.#answer(this.#request);
  }

  ended(): void {
    if (this.#request === null) return;
    this.#witness.streamRead(this.#request, this, new Uint8Array(0), true);
    this.#witness.streamWrote(answerTo(this.#request), 0, true);
    this.socket?.sayEnd();
  }

  broken(): void {}

  #answer(request: StreamFlow): void {
    const due = Math.floor(this.#read / ANSWER_PART);
    if (due === this.#answered) return;
    const flow = answerTo(request);
    const bytes = bytesOf(flow, this.#answered, due);
    this.#answered = due;
    this.#witness.streamWrote(flow, bytes.length, false);
    this.socket?.say(bytes);
  }
}

function answerTo({ domid, number }: StreamFlow): StreamFlow {
  return { domid, number, direction: 'answer' };
}

/** The router's listener. */
export function keepListener(vm: Vm, process: Process, parts: Parts, programs: Programs, witness: Witness): void {
  const dial = async () => {
    const program = new Answerer(witness);
    program.socket = programs.connect(process, program);
    return program.socket.socket;
  };
  keepProxy(vm, process, parts, { port: STREAM_PORT, partner: 'any', dial }, () => {});
}

/** Programs of an app that ask the program at the router. */
export class Asker {
  readonly #domid: number;
  readonly #witness: Witness;
  readonly programs = new Programs();
  #process: Process | null = null;
  #proxy: StreamProxy | null = null;
  /** Of all lives of the app. */
  #asked = 0;

  constructor(domid: number, witness: Witness) {
    this.#domid = domid;
    this.#witness = witness;
  }

  start(vm: Vm, process: Process, parts: Parts): void {
    this.#process = process;
    keepProxy(vm, process, parts, { port: REPLY_PORT, partner: NET_VM, dial: null }, (proxy) => {
      this.#proxy = proxy;
    });
  }

  forget(): void {
    this.#process = null;
    this.#proxy = null;
  }

  get streams(): number {
    return this.#proxy?.count ?? 0;
  }

  /** Asks with so many bytes, in pieces; returns the answer that is due, or null where the app has no proxy now. */
  ask(bytes: number, pieces: number): StreamFlow | null {
    const process = this.#process;
    if (process === null || this.#proxy === null) return null;
    const flow: StreamFlow = { domid: this.#domid, number: ++this.#asked, direction: 'request' };
    const answer = answerTo(flow);
    const program: Program = {
      received: (read) => this.#witness.streamRead(answer, program, read, false),
      ended: () => this.#witness.streamRead(answer, program, new Uint8Array(0), true),
      broken: () => {},
    };
    const socket = this.programs.connect(process, program);
    this.#proxy.connect(socket.socket, NET_VM, STREAM_PORT);
    const total = HEAD_BYTES + bytes;
    for (let from = 0; from < total; ) {
      const to = Math.min(total, from + Math.ceil(total / pieces));
      this.#witness.streamWrote(flow, to - from, false);
      socket.say(bytesOf(flow, from, to));
      from = to;
    }
    this.#witness.streamWrote(flow, 0, true);
    socket.sayEnd();
    return answer;
  }
}

interface Wish {
  readonly port: number;
  readonly partner: string;
  readonly dial: (() => Promise<ProgramSocket['socket']>) | null;
}

function keepProxy(vm: Vm, process: Process, parts: Parts, wish: Wish, take: (proxy: StreamProxy) => void): void {
  const { clock } = process;
  const start = async (): Promise<StreamProxy> => {
    const proxy = new StreamProxy(vm, { ...wish, connectTimeoutMs: CONNECT_TIMEOUT_MS, say: () => {}, clock });
    try {
      await proxy.registered;
    } catch (error) {
      await proxy.close();
      throw error;
    }
    return proxy;
  };
  parts.keep('stream proxy', start, (proxy) => {
    take(proxy);
    return () => proxy.close();
  });
}
