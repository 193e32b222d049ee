/**
 * A mixer for other programs of its VM, by a unix socket: a VM has one session with its broker, so a GuiVM that sounds itself
 * mixes on the session of its audio agent. A request and its answer are a line of JSON each, in turn.
 */
import { unlink } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { listenPrivately } from '../../../../broker/files/index.ts';
import { ArgusError } from '../../../sdk/index.ts';
import { AudioError, type AudioErrorCode } from '../errors.ts';
import type { Mixer } from './mixer.ts';
import type { MixerEntry } from './mixer-messages.ts';

/** The operations of a mixer, on its own session or through another program's session. */
export type MixerControl = Pick<Mixer, 'read' | 'setVolume' | 'setMuted' | 'setRoute' | 'close'>;

type Request =
  | { readonly op: 'read' }
  | { readonly op: 'set-volume'; readonly vm: string; readonly percent: number }
  | { readonly op: 'mute'; readonly vm: string; readonly isMuted: boolean }
  | { readonly op: 'set-route'; readonly vm: string; readonly route: string | null };

/** Every program that can open the socket mixes as this VM does. The returned function closes the socket. */
export async function serveMixer(path: string, mixer: MixerControl): Promise<() => Promise<void>> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}); // the close event follows and is handled
    socket.once('close', () => sockets.delete(socket));
    void answerAll(socket, mixer);
  });
  await unlink(path).catch(() => {});
  await listenPrivately(server, path);
  return async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
}

async function answerAll(socket: Socket, mixer: MixerControl): Promise<void> {
  for await (const line of createInterface({ input: socket })) {
    try {
      socket.write(`${JSON.stringify({ value: await obey(mixer, JSON.parse(line) as Request) })}\n`);
    } catch (error) {
      if (!(error instanceof AudioError || error instanceof ArgusError)) return void socket.destroy();
      socket.write(`${JSON.stringify({ code: error.code, message: error.message })}\n`);
    }
  }
}

async function obey(mixer: MixerControl, request: Request): Promise<unknown> {
  switch (request.op) {
    case 'read':
      return mixer.read();
    case 'set-volume':
      return mixer.setVolume(request.vm, request.percent);
    case 'mute':
      return mixer.setMuted(request.vm, request.isMuted);
    case 'set-route':
      return mixer.setRoute(request.vm, request.route);
  }
}

/** @throws AudioError ERR_AUDIO_AGENT_NOT_RUNNING */
export async function openMixer(path: string): Promise<MixerControl> {
  const socket = connect(path);
  const gone = (cause?: unknown): AudioError =>
    new AudioError('ERR_AUDIO_AGENT_NOT_RUNNING', `no audio agent with --mixer answers at "${path}"`, { cause });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', (error) => reject(gone(error)));
  });
  socket.on('error', () => {}); // shows as the end of the lines
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  let turn: Promise<unknown> = Promise.resolve();
  const ask = <T>(request: Request): Promise<T> => {
    const answer = turn.then(async () => {
      socket.write(`${JSON.stringify(request)}\n`);
      const { value: line } = await lines.next();
      if (line === undefined) throw gone();
      const { value, code, message } = JSON.parse(line) as { value?: T; code?: AudioErrorCode; message?: string };
      if (code !== undefined) throw new AudioError(code, message ?? '');
      return value as T;
    });
    turn = answer.catch(() => {});
    return answer;
  };
  return {
    read: () => ask<readonly MixerEntry[]>({ op: 'read' }),
    setVolume: (vm, percent) => ask<MixerEntry>({ op: 'set-volume', vm, percent }),
    setMuted: (vm, isMuted) => ask<MixerEntry>({ op: 'mute', vm, isMuted }),
    setRoute: (vm, route) => ask<MixerEntry>({ op: 'set-route', vm, route }),
    close: async () => void socket.destroy(),
  };
}
