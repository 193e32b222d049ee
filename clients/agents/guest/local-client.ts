/** A program's side of the agent's socket, as `argus ring` uses it; docs/agent.md has the same in Python and C. */
import { connect, type Socket } from 'node:net';
import { AgentError } from './errors.ts';
import { ByteQueue, GONE_LINE, type ReceivedFrame, sentHeader, takeReceived } from './message-frame.ts';
import { formatRequest, type LocalRequest } from './request.ts';

/** A connection whose request was granted. */
export interface LocalConnection {
  readonly socket: Socket;
  /** The bytes after the answer, and all later bytes. */
  readonly bytes: ByteQueue;
  /** The text after the `ok`. Empty except for `notify`. */
  readonly answer: string;
}

/** @throws AgentError ERR_AGENT_UNREACHABLE, ERR_AGENT_ACCESS, ERR_AGENT_REFUSED */
export function openLocal(path: string, request: LocalRequest): Promise<LocalConnection> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true });
    const bytes = new ByteQueue();
    const fail = (error: AgentError): void => {
      socket.destroy();
      reject(error);
    };
    socket.once('error', (cause: NodeJS.ErrnoException) => fail(unreachable(path, cause)));
    const onData = (chunk: Buffer): void => {
      bytes.push(chunk);
      const line = bytes.takeLine();
      if (line === null) return;
      socket.removeListener('data', onData);
      socket.pause();
      if (line === 'ok' || line.startsWith('ok ')) resolve({ socket, bytes, answer: line.slice(3) });
      else fail(refusalIn(line));
    };
    socket.on('data', onData);
    socket.once('close', () => reject(new AgentError('ERR_AGENT_UNREACHABLE', `the agent at "${path}" hung up`)));
    socket.once('connect', () => socket.write(formatRequest(request)));
  });
}

/** The line `error CODE reason`. */
function refusalIn(line: string, about = ''): AgentError {
  const reason = line.replace(/^error /, '');
  return new AgentError('ERR_AGENT_REFUSED', `${about}${reason}`, { refusal: reason.split(' ')[0] ?? '' });
}

/** An agent that refuses this user may well be running. */
function unreachable(path: string, cause: NodeJS.ErrnoException): AgentError {
  const isForbidden = cause.code === 'EACCES' || cause.code === 'EPERM';
  return isForbidden
    ? new AgentError(
        'ERR_AGENT_ACCESS',
        `this user may not use the agent's socket "${path}"; "socketMode" of agent.yaml says which users may`,
        { cause },
      )
    : new AgentError(
        'ERR_AGENT_UNREACHABLE',
        `no agent answers at "${path}" (${cause.code}); start argus agent, or name its socket with --agent or ARGUS_AGENT`,
        { cause },
      );
}

/** The state of a ring of another domain, in words: `exists=1 empty=0 … max=65488`. @throws AgentError as `openLocal` does */
export async function ringStateLocal(path: string, domain: string, port: number, bytes: number): Promise<string> {
  const { socket, answer } = await openLocal(path, { kind: 'notify', domain, port, bytes });
  socket.destroy();
  return answer;
}

/**
 * Messages of a ring, until its partner is gone.
 *
 * @throws AgentError ERR_AGENT_REFUSED: the broker closed the ring; ERR_AGENT_UNREACHABLE: the agent hung up
 */
export async function* receiveLocal({ socket, bytes }: LocalConnection): AsyncGenerator<ReceivedFrame> {
  try {
    for (;;) {
      for (let frame = takeReceived(bytes); frame !== null; frame = takeReceived(bytes)) yield frame;
      const chunk: Buffer | null = await nextChunk(socket);
      if (chunk === null) break;
      bytes.push(chunk);
    }
    const last = (bytes.take(bytes.length) ?? Buffer.alloc(0)).toString();
    if (last === GONE_LINE) return;
    if (last.startsWith('error ')) throw refusalIn(last.trimEnd());
    throw new AgentError('ERR_AGENT_UNREACHABLE', 'the agent hung up');
  } finally {
    socket.destroy();
  }
}

/**
 * Sends each chunk as one message and waits for every outcome.
 *
 * @returns messages accepted
 * @throws AgentError ERR_AGENT_REFUSED at the first that was not; those before it were
 */
export async function sendLocal(
  connection: LocalConnection,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<number> {
  const { socket, bytes } = connection;
  let accepted = 0;
  let failure: AgentError | null = null;
  const answers = (async () => {
    for (;;) {
      for (let line = bytes.takeLine(); line !== null; line = bytes.takeLine()) {
        if (line === 'ok') accepted++;
        else {
          failure = refusalIn(line, `message ${accepted + 1}: `);
          socket.destroy();
          return;
        }
      }
      const chunk: Buffer | null = await nextChunk(socket);
      if (chunk === null) return;
      bytes.push(chunk);
    }
  })();
  let sent = 0;
  let isWritten = false;
  const writing = (async () => {
    for await (const chunk of chunks) {
      if (socket.destroyed) return;
      socket.write(sentHeader(chunk.length));
      sent++;
      if (!socket.write(chunk)) await drained(socket);
    }
    isWritten = true;
    socket.end();
  })();
  // A refusal ends it also while the input goes on and has nothing to send.
  await Promise.race([answers, writing.then(() => answers)]);
  if (failure !== null) throw failure;
  if (!isWritten || accepted < sent)
    throw new AgentError('ERR_AGENT_UNREACHABLE', `the agent hung up after ${accepted} of ${sent} messages`);
  return accepted;
}

function nextChunk(socket: Socket): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const settle = (chunk: Buffer | null): void => {
      socket.pause();
      for (const event of ['end', 'close'] as const) socket.removeListener(event, onEnd);
      socket.removeListener('data', settle);
      resolve(chunk);
    };
    const onEnd = (): void => settle(null);
    if (socket.destroyed || socket.readableEnded) {
      resolve(null);
      return;
    }
    socket.once('data', settle);
    socket.once('end', onEnd);
    socket.once('close', onEnd);
    socket.resume();
  });
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
