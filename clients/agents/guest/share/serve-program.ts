/** A connection that asked for a session: bytes between a socket and its program. */
import type { Socket } from 'node:net';
import type { Programs } from './programs.ts';

/** `rest` came behind the request. The socket may be half-open; a program that has stopped writing has gone. */
export function serveProgram(programs: Programs, socket: Socket, rest: Uint8Array): void {
  const session = programs.add({
    grant: () => void socket.write('ok\n'),
    write: (bytes) => void socket.write(bytes),
    get backlogBytes() {
      return socket.writableLength;
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    destroy: () => void socket.destroySoon(),
  });
  socket.on('data', (chunk: Buffer) => session.push(chunk));
  socket.once('end', () => socket.destroy());
  socket.once('close', () => session.end());
  if (rest.length > 0) session.push(rest);
  socket.resume();
}
