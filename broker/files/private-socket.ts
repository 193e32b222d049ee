/** A unix socket that only its own user may open, from the moment at which its file exists. */
import type { Server } from 'node:net';

const OTHERS_HAVE_NOTHING = 0o177;

/**
 * Resolves when `server` listens. `listen` makes the file before it returns, so no other file is made under this mask. A
 * mode that is set afterwards leaves a moment in which anyone can connect.
 */
export function listenPrivately(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const mask = process.umask(OTHERS_HAVE_NOTHING);
    try {
      server.listen(path, resolve);
    } finally {
      process.umask(mask);
    }
  });
}
