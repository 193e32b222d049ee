/** Unix sockets that only their own user may open, from the moment at which their file exists. */
import type { Server } from 'node:net';

const OTHERS_HAVE_NOTHING = 0o177;

/**
 * Runs `make`, which makes a file before it returns, as `listen` does with a socket: no other file is made under this
 * mask. A mode that is set afterwards leaves a moment in which anyone can connect.
 */
export function makePrivately(make: () => void): void {
  const mask = process.umask(OTHERS_HAVE_NOTHING);
  try {
    make();
  } finally {
    process.umask(mask);
  }
}

/** Resolves when `server` listens. */
export function listenPrivately(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // Never removed: a later failed accept must not be an uncaught exception.
    server.on('error', reject);
    makePrivately(() => server.listen(path, resolve));
  });
}
