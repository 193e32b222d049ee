/** Processes of other users, as VMMs are: what they can reach, and what they can do in their own directories. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { needsThat } from '../../support/needs.ts';
import { temporaryDirectory } from '../../support/temp.ts';

export const withUsers = needsThat(() => process.geteuid?.() === 0, 'root, to run processes as other users');

/** Nobody's on any host. */
export const ALICE = 41_001;
export const BOB = 41_002;

/** A runtime directory that is not there yet, where users may pass on the way. */
export function newRuntime(): string {
  const directory = temporaryDirectory();
  chmodSync(directory, 0o711);
  return join(directory, 'run');
}

/** A directory of somebody else's, for a victim's files. */
export function newCorner(): string {
  const directory = join(temporaryDirectory(), 'corner');
  mkdirSync(directory);
  return directory;
}

/** Runs a line of JavaScript as that user (`fs`, `net` and `argv` are there) and gives back what it prints. */
export async function asUser(uid: number, script: string, ...argv: readonly string[]): Promise<string> {
  const child = startAs(uid, script, ...argv);
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await once(child, 'close');
  return text;
}

export function startAs(uid: number, script: string, ...argv: readonly string[]): ChildProcess {
  const head = "const fs = require('node:fs'), net = require('node:net'), argv = process.argv.slice(1);";
  return spawn(process.execPath, ['-e', `${head}${script}`, ...argv], {
    uid,
    gid: uid,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** What connecting to each path gives: `ok` or an errno, as that user sees it. */
export async function reach(uid: number, ...paths: readonly string[]): Promise<readonly string[]> {
  const script = `(async () => { for (const path of argv) console.log(await new Promise((done) => {
    const socket = net.connect(path, () => { socket.destroy(); done('ok'); }); socket.on('error', (e) => done(e.code)); })) })()`;
  return (await asUser(uid, script, ...paths)).trimEnd().split('\n');
}
