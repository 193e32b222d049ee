/**
 * The agent's unix socket: programs of this machine, in any language, use rings through it. A connection is one ring or
 * one stream of sends, and all of them share the domain's one session.
 *
 * Who may open the socket speaks for this domain; the broker's policy is asked for each message as ever. Backpressure goes
 * through: a program that does not read stops its ring's reader, no credit returns, and the sender gets EAGAIN.
 */
import { existsSync, lstatSync } from 'node:fs';
import { chmod, unlink } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { reasonOf } from '../../../broker/base/index.ts';
import { listenPrivately } from '../../../broker/files/index.ts';
import { MAX_MESSAGE_BYTES } from '../../../broker/wire/index.ts';
import { ArgusError, type RingState, type Vm } from '../../sdk/index.ts';
import { AgentError } from './errors.ts';
import {
  MAX_LOCAL_CONNECTIONS,
  MAX_PROGRAMS,
  MAX_REQUEST_BYTES,
  SEND_WINDOW_BYTES,
  SEND_WINDOW_MESSAGES,
} from './limits.ts';
import { serveEvents } from './local-events.ts';
import { ByteQueue, GONE_LINE, receivedHeader, takeSent } from './message-frame.ts';
import { type LocalRequest, parseRequest } from './request.ts';
import { type Programs, serveProgram } from './share/index.ts';

type Recv = Extract<LocalRequest, { kind: 'recv' }>;
type Notify = Extract<LocalRequest, { kind: 'notify' }>;
type Send = Extract<LocalRequest, { kind: 'send' }>;

export interface LocalServer {
  close(): Promise<void>;
}

/** @throws AgentError ERR_AGENT_SOCKET */
export async function serveLocal(vm: Vm, programs: Programs, path: string, mode: number): Promise<LocalServer> {
  await removeStale(path);
  const sockets = new Set<Socket>();
  // Half-open: a sender that has written all still reads the answers.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    // The program went away; 'close' follows.
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    serveConnection(vm, programs, socket);
  });
  server.maxConnections = MAX_LOCAL_CONNECTIONS;
  await listening(server, path);
  await chmod(path, mode);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function serveConnection(vm: Vm, programs: Programs, socket: Socket): void {
  const bytes = new ByteQueue();
  const onData = (chunk: Buffer): void => {
    bytes.push(chunk);
    const line = bytes.takeLine();
    if (line === null && bytes.length <= MAX_REQUEST_BYTES) return;
    socket.removeListener('data', onData);
    socket.pause();
    const request = line === null ? 'the request is too long' : parseRequest(line);
    if (typeof request === 'string') socket.end(errorLine('EINVAL', request));
    else if (request.kind === 'recv') void receive(vm, socket, request);
    else if (request.kind === 'notify') void notify(vm, socket, request);
    else if (request.kind === 'events') serveEvents(vm, socket);
    else if (request.kind === 'session') lend(programs, socket, bytes);
    else new Sender(vm, socket, request, bytes);
  };
  socket.on('data', onData);
  socket.once('end', () => {
    if (socket.listeners('data').includes(onData)) socket.end();
  });
}

function lend(programs: Programs, socket: Socket, bytes: ByteQueue): void {
  if (programs.count < MAX_PROGRAMS) serveProgram(programs, socket, bytes.take(bytes.length) ?? Buffer.alloc(0));
  else socket.end(errorLine('EBUSY', `${MAX_PROGRAMS} programs have a session already`));
}

async function receive(vm: Vm, socket: Socket, request: Recv): Promise<void> {
  try {
    const { port, partner, length, untilGone } = request;
    // failExist: two programs that read one ring would each get half of it.
    const ring = await vm.registerRing({ port, partner, length, failExist: true, endsWithPartner: untilGone });
    const unregister = (): void => {
      vm.unregisterRing(ring).catch(() => {}); // without a session there is nothing to give up
    };
    if (socket.destroyed) {
      unregister();
      return;
    }
    socket.once('close', unregister);
    // A reading program has nothing to send. Its bytes are dropped, so that its end is seen.
    socket.once('end', () => socket.destroy());
    socket.resume();
    socket.write('ok\n');
    for await (const message of ring) {
      socket.cork();
      socket.write(receivedHeader(message));
      const hasRoom = socket.write(message.payload);
      socket.uncork();
      if (!hasRoom) await drained(socket);
      if (socket.destroyed) return;
    }
    // An open ring has ended with its partner. A closed one has ended with this agent.
    if (ring.isOpen) socket.end(GONE_LINE);
    else socket.end();
  } catch (error) {
    socket.end(errorLine(...describe(error)));
  }
}

/** Answers where a ring of another domain stands. A ring that policy denies looks like a missing ring. */
async function notify(vm: Vm, socket: Socket, { domain, port, bytes }: Notify): Promise<void> {
  try {
    const [state] = await vm.notify([{ to: { domain, port }, spaceRequired: bytes }]);
    socket.end(state === undefined ? errorLine('EIO', 'the broker gave no state') : `ok ${ringStateWords(state)}\n`);
  } catch (error) {
    socket.end(errorLine(...describe(error)));
  }
}

/** `exists=1 empty=0 …`: in this order; a client reads the words that it knows. */
function ringStateWords(state: RingState): string {
  const { exists, isEmpty, isSufficient, isTooLarge, isShared, isBusy, maxMessageSize } = state;
  const flags = {
    exists,
    empty: isEmpty,
    sufficient: isSufficient,
    'too-large': isTooLarge,
    shared: isShared,
    busy: isBusy,
  };
  const words = Object.entries(flags).map(([name, isSet]) => `${name}=${isSet ? 1 : 0}`);
  return [...words, `max=${maxMessageSize}`].join(' ');
}

/** Sends without waiting for each outcome. Answers go back in order, and a window bounds the sends under way. */
class Sender {
  readonly #vm: Vm;
  readonly #socket: Socket;
  readonly #request: Send;
  readonly #bytes: ByteQueue;
  #answers: Promise<void> = Promise.resolve();
  #openMessages = 0;
  #openBytes = 0;
  #isEnded = false;
  #isBroken = false;

  constructor(vm: Vm, socket: Socket, request: Send, bytes: ByteQueue) {
    this.#vm = vm;
    this.#socket = socket;
    this.#request = request;
    this.#bytes = bytes;
    socket.write('ok\n');
    socket.on('data', (chunk: Buffer) => {
      bytes.push(chunk);
      this.#work();
    });
    socket.once('end', () => {
      this.#isEnded = true;
      this.#work();
    });
    this.#work();
  }

  #work(): void {
    while (!this.#isBroken && this.#hasWindow()) {
      const payload = takeSent(this.#bytes, MAX_MESSAGE_BYTES);
      if (payload === 'more') break;
      if (payload === 'too-long') {
        this.#isBroken = true;
        this.#answer(Promise.reject(new AgentError('ERR_AGENT_REQUEST', `more than ${MAX_MESSAGE_BYTES} bytes`)));
        break;
      }
      this.#send(payload);
    }
    if (this.#isBroken || (this.#isEnded && this.#openMessages === 0)) {
      const last = this.#answers;
      void last.then(() => this.#socket.end());
    } else if (this.#hasWindow()) this.#socket.resume();
    else this.#socket.pause();
  }

  #hasWindow(): boolean {
    return this.#openMessages < SEND_WINDOW_MESSAGES && this.#openBytes < SEND_WINDOW_BYTES;
  }

  #send(payload: Uint8Array): void {
    const { domain, port, type, deadlineMs, from } = this.#request;
    this.#openMessages++;
    this.#openBytes += payload.length;
    const sent = this.#vm.sendv({
      to: { domain, port },
      type,
      from,
      iov: payload,
      ...(deadlineMs === 0 ? {} : { deadline: deadlineMs }),
    });
    const settled = (): void => {
      this.#openMessages--;
      this.#openBytes -= payload.length;
      this.#work();
    };
    this.#answer(sent, settled);
  }

  #answer(sent: Promise<unknown>, then: () => void = () => {}): void {
    const line = sent.then(
      () => 'ok\n',
      (error: unknown) => errorLine(...describe(error)),
    );
    this.#answers = this.#answers.then(async () => {
      const text = await line;
      if (this.#socket.writable) this.#socket.write(text);
      then();
    });
  }
}

function describe(error: unknown): [code: string, reason: string] {
  // The code begins the line, so the reason does not say it again.
  if (error instanceof ArgusError || error instanceof AgentError)
    return [error.code, error.message.replace(` (${error.code})`, '')];
  return ['EIO', reasonOf(error)];
}

function errorLine(code: string, reason: string): string {
  return `error ${code} ${reason.replaceAll(/\s+/g, ' ')}\n`;
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.removeListener('drain', done);
      socket.removeListener('close', done);
      resolve();
    };
    socket.once('drain', done);
    socket.once('close', done);
  });
}

async function listening(server: Server, path: string): Promise<void> {
  try {
    await listenPrivately(server, path);
  } catch (cause) {
    throw new AgentError('ERR_AGENT_SOCKET', `cannot listen on "${path}": ${reasonOf(cause)}`, { cause });
  }
}

async function removeStale(path: string): Promise<void> {
  await requireFree(path);
  if (existsSync(path)) await unlink(path);
}

/** @throws AgentError ERR_AGENT_SOCKET: another agent serves the path, or it is not a socket */
export async function requireFree(path: string): Promise<void> {
  if (!existsSync(path)) return;
  if (!lstatSync(path).isSocket())
    throw new AgentError('ERR_AGENT_SOCKET', `"${path}" exists and is not a socket; move it away`);
  const isServed = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
  if (isServed)
    throw new AgentError(
      'ERR_AGENT_SOCKET',
      `another agent runs here: "${path}" is in use. Programs share its session; stop it first to replace it`,
    );
}
