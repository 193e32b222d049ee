/** Whether a program listens at a unix socket. The file of the socket is there a moment before its program listens. */
import { connect } from 'node:net';

export function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    }).once('error', () => resolve(false));
  });
}
