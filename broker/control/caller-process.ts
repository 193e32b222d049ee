/**
 * The process at the other end of a control connection, according to the kernel.
 *
 * Node has no SO_PEERCRED, and a native module in the broker only for this is not worth the trust that it needs. `ss`
 * (iproute2) asks the kernel for the other end of a socket, and for the process that holds it. The result is used only
 * if the file descriptor of that process is that socket. A broker without root can find only processes of its own user.
 * Any other caller must then be root, because the socket has mode 0600.
 *
 * `login` is the kernel's login uid. sudo and su do not change it, so it identifies the person and not the role.
 */
import { readFile, readlink } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { descriptorOf } from '../carrier/index.ts';
import type { SocketList } from './socket-list.ts';

export interface CallerProcess {
  readonly pid: number;
  readonly uid: number;
  /** The uid of the login session. Null: the process belongs to no login session, or the kernel does not track them. */
  readonly login: number | null;
  /** Its command name, at most 15 characters; the process chooses it. */
  readonly program: string;
}

/** The other end of a connection in the list of `ss`. */
export interface CallerEnd {
  readonly inode: string;
  readonly pid: number;
  readonly fd: number;
}

const NO_LOGIN = 0xffff_ffff;

/** Null: the connection has ended, the process belongs to another user, or this host has no `ss`. Never rejects. */
export async function callerProcess(socket: Socket, sockets: SocketList): Promise<CallerProcess | null> {
  try {
    const own = await inodeOf('self', descriptorOf(socket));
    if (own === null) return null;
    const end = findCallerEnd(await sockets.read(), own);
    // A process chooses its own name in this text, so the text is not trusted: the descriptor decides.
    if (end === null || (await inodeOf(String(end.pid), end.fd)) !== end.inode) return null;
    return await describe(end.pid);
  } catch {
    return null; // the process has ended, or /proc does not show it to this user
  }
}

/** Lines are `SOCKET … OWN * PEER …`. The line of the other end has our inode as its peer. */
export function findCallerEnd(table: string, own: string): CallerEnd | null {
  for (const line of table.split('\n')) {
    const [, inode, peer, rest] = / (\d+)\s+\S+ (\d+)\s+users:\((.*)$/.exec(line) ?? [];
    if (inode === undefined || peer !== own) continue;
    // Greedy: only the last number is from the kernel. An earlier one can be part of a program's name.
    const [, pid, fd] = /^.*,pid=(\d+),fd=(\d+)\)\)/.exec(rest ?? '') ?? [];
    if (pid !== undefined) return { inode, pid: Number(pid), fd: Number(fd) };
  }
  return null;
}

async function inodeOf(process: string, descriptor: number): Promise<string | null> {
  if (descriptor < 0) return null;
  const target = await readlink(`/proc/${process}/fd/${descriptor}`);
  return /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? null;
}

async function describe(pid: number): Promise<CallerProcess> {
  const [status, login, program] = await Promise.all([
    readFile(`/proc/${pid}/status`, 'utf8'),
    readFile(`/proc/${pid}/loginuid`, 'utf8').catch(() => String(NO_LOGIN)),
    readFile(`/proc/${pid}/comm`, 'utf8'),
  ]);
  const uid = Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]);
  return { pid, uid, login: Number(login) === NO_LOGIN ? null : Number(login), program: program.trimEnd() };
}
