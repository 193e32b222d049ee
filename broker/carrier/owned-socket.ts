/**
 * Connecting to a socket that a certain user must own, in a directory that is not ours: what lies at the path may be a link
 * to somebody else's socket, and may be exchanged between a look and a call. So the file itself is opened, without
 * following a link and without touching it (O_PATH), looked at, and connected to through /proc, which leads to that file
 * whatever the path says by then. Linux only, as is VMMs' having users of their own.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';

/** Not among Node's constants; the same on every architecture that Node has builds for. */
const O_PATH = 0o10000000;

/** What `connect` is given, and `done`, to be called when it has settled. */
export interface OwnedSocket {
  readonly path: string;
  done(): void;
}

/** Null: there is a file, but no socket of that user. @throws as open(2) does, ENOENT while nobody listens */
export function openOwnedSocket(path: string, uid: number): OwnedSocket | null {
  const fd = openSync(path, O_PATH | constants.O_NOFOLLOW);
  let isOpen = true;
  const done = (): void => {
    if (isOpen) closeSync(fd);
    isOpen = false;
  };
  const found = fstatSync(fd);
  if (found.isSocket() && found.uid === uid) return { path: `/proc/self/fd/${fd}`, done };
  done();
  return null;
}
