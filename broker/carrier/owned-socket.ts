/**
 * Connects to a socket that a certain user must own, in a directory that belongs to that user. The entry at the path
 * may be a link to another user's socket, and may be replaced between a check and a call. So the file itself is opened
 * without following a link and without side effects (O_PATH), checked, and connected to through /proc. That path leads
 * to the checked file, even if the entry was replaced. Linux only, like separate users for VMMs.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';

/** Not in Node's constants. The same on every architecture that Node has builds for. */
const O_PATH = 0o10000000;

/** The path for `connect`, and `done`, which must be called when the connect has settled. */
export interface OwnedSocket {
  readonly path: string;
  done(): void;
}

/** Null: the file is not a socket of that user. @throws as open(2) does, ENOENT when there is no file */
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
