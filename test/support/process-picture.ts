/**
 * What a process is doing, from outside: for the message of a test whose process does not end. A log of CI must hold the
 * cause, because nobody can look at the process afterwards. Only Linux shows this; elsewhere the picture is empty.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { platform } from 'node:process';

const STATUS = /^(?:State|VmRSS|Threads|ShdPnd|SigBlk|SigIgn|SigCgt):.*$/gm;
/** Of each kind: a process that leaks descriptors would bury the rest. */
const MAX_LINES = 40;
/** Tables of the sockets in the process' network namespace, with the column of the inode. */
const TABLES: readonly (readonly [table: string, inode: number])[] = [
  ['unix', 6],
  ['tcp', 9],
  ['tcp6', 9],
  ['udp', 9],
];

/** The process and its descendants: command line, state, signals, threads with their kernel stacks, open files. */
export function pictureOf(pid: number): string {
  if (platform !== 'linux') return '';
  const lines = [`process ${pid}: ${readIn(pid, 'cmdline').replaceAll('\0', ' ').trim()}`];
  for (const [line] of readIn(pid, 'status').matchAll(STATUS)) lines.push(`  ${line.replaceAll('\t', ' ')}`);
  const threads = listIn(pid, 'task');
  for (const thread of threads.slice(0, MAX_LINES)) lines.push(`  thread ${thread}: ${threadOf(pid, thread)}`);
  lines.push(...filesOf(pid).slice(0, MAX_LINES));
  const children = threads.flatMap((thread) => readIn(pid, `task/${thread}/children`).split(' '));
  return [lines.join('\n'), ...children.filter((child) => child !== '').map((child) => pictureOf(Number(child)))].join(
    '\n',
  );
}

function threadOf(pid: number, thread: string): string {
  const at = (name: string): string => readIn(pid, `task/${thread}/${name}`).trim();
  const state = /^State:\t(\S+)/m.exec(at('status'))?.[1] ?? '?';
  // The stack is root's alone to read; the name of the function that waits is anybody's.
  const stack = at('stack')
    .replaceAll(/^\[<0>\] (\S+?)\+.*$/gm, '$1')
    .replaceAll('\n', ' < ');
  return `${at('comm')}, ${state}, ${stack || at('wchan')}`;
}

function filesOf(pid: number): string[] {
  const sockets = new Map<string, string>();
  for (const [table, column] of TABLES)
    for (const line of readIn(pid, `net/${table}`).split('\n').slice(1)) {
      const words = line.trim().split(/\s+/);
      sockets.set(`socket:[${words[column]}]`, `${table} ${describe(table, words)}`);
    }
  return listIn(pid, 'fd').map((fd) => {
    const target = linkIn(pid, `fd/${fd}`);
    return `  fd ${fd}: ${target}${sockets.has(target) ? ` ${sockets.get(target)}` : ''}`;
  });
}

/** proc(5). unix: num refs protocol flags type state inode path; the others: slot local remote state queues … */
function describe(table: string, words: readonly string[]): string {
  if (table === 'unix') return `state ${words[5]} ${words[7] ?? ''}`.trim();
  return `${words[1]} to ${words[2]}, state ${words[3]}, queues ${words[4]}`;
}

/** Empty when it is gone or not ours to read: a picture of a dying process has holes. */
function readIn(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}

function listIn(pid: number, name: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/${name}`);
  } catch {
    return [];
  }
}

function linkIn(pid: number, name: string): string {
  try {
    return readlinkSync(`/proc/${pid}/${name}`);
  } catch {
    return 'closed';
  }
}
