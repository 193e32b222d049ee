/**
 * The audio control sockets of Qubes 4.1 and 4.2, `audio-control.VMNAME`, as another way to grant and revoke: one
 * command a connection, `audio-input 1\n` or `audio-input 0\n`, no answer. Stricter than Qubes in what is neither: an
 * empty connection changes nothing there but disables here as well, and so does any other text, since what is not
 * exactly a permission is none; that it came is told.
 */
import { unlink } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { reasonOf } from '../../../../broker/base/index.ts';
import { listenPrivately } from '../../../../broker/files/index.ts';

/** qubes-gui-daemon's buffer. */
const MAX_COMMAND_BYTES = 32;
const PATIENCE_MS = 5_000;

export interface QubesControlOptions {
  /** Of the sockets. */
  readonly directory: string;
  readonly vms: readonly string[];
  /** Grants or revokes. Rejections are reported. */
  readonly setAllowed: (vm: string, isAllowed: boolean) => Promise<void>;
  readonly onFault: (vm: string, what: string) => void;
}

/** Serves a socket for each VM; the function returned closes them. */
export async function serveQubesControl(options: QubesControlOptions): Promise<() => Promise<void>> {
  const servers: Server[] = [];
  for (const vm of options.vms) {
    const path = join(options.directory, `audio-control.${vm}`);
    const server = createServer((socket) => take(socket, (command) => obey(options, vm, command)));
    await unlink(path).catch(() => {});
    await listenPrivately(server, path);
    servers.push(server);
  }
  return async () => {
    await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
  };
}

function take(socket: Socket, onCommand: (command: string) => void): void {
  let command = '';
  let isTaken = false;
  const finish = (): void => {
    if (isTaken) return;
    isTaken = true;
    socket.destroy();
    onCommand(command);
  };
  socket.setTimeout(PATIENCE_MS, finish);
  socket.on('error', finish);
  socket.on('end', finish);
  socket.on('data', (chunk) => {
    command += chunk.toString('latin1');
    if (command.includes('\n') || command.length > MAX_COMMAND_BYTES) finish();
  });
}

function obey({ setAllowed, onFault }: QubesControlOptions, vm: string, command: string): void {
  const isAllowed = command === 'audio-input 1\n';
  if (!isAllowed && command !== 'audio-input 0\n')
    onFault(vm, `"${command.slice(0, MAX_COMMAND_BYTES)}" is no command`);
  setAllowed(vm, isAllowed).catch((error: unknown) => onFault(vm, reasonOf(error)));
}
