/** Starts a server, waits until it serves, and makes sure that it is gone afterwards. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export { freeTcpPort } from '../../clients/demo/carriers/free-port.ts';

const READY_TIMEOUT_MS = 15_000;
const READY_POLL_MS = 20;
const STOP_TIMEOUT_MS = 3_000;
const STDERR_KEPT_CHARS = 2_000;

/** Ended with this process at the latest, whatever the reason: a signal may arrive while a server is not yet anybody's to stop. */
const living = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

export function endWithThisProcess(child: ChildProcess): ChildProcess {
  living.add(child);
  child.once('exit', () => living.delete(child));
  return child;
}

export interface ServerProcess {
  readonly pid: number;
  stop(): Promise<void>;
}

/** Debian keeps daemons in sbin, which an ordinary user's PATH does not have. */
const SERVER_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/sbin', '/opt/homebrew/bin'];

/** Resolves with the full path of an installed program, or null. */
export type FindProgram = (name: string) => Promise<string | null>;

export async function findProgram(name: string): Promise<string | null> {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), ...SERVER_FOLDERS]) {
    const path = join(folder, name);
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // not here: the next folder
    }
  }
  return null;
}

/** Runs an installed server and resolves when its TCP port accepts connections. */
export async function startTcpServer(
  program: string,
  args: readonly string[],
  tcpPort: number,
  env: NodeJS.ProcessEnv = process.env,
): Promise<ServerProcess> {
  const child = endWithThisProcess(spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env }));
  const stderr = keepStderr(child);
  let failure: string | undefined;
  child.once('error', (error) => {
    failure = error.message;
  });
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (!(await accepts(tcpPort))) {
    if (child.exitCode !== null) failure = `exited with code ${child.exitCode}`;
    if (failure !== undefined || Date.now() > deadline) {
      await stopChild(child);
      throw new Error(`${program} did not start: ${failure ?? 'no connection in time'}: ${stderr()}`);
    }
    await sleep(READY_POLL_MS);
  }
  return running(child);
}

/** Runs one of our own servers from `bench/roles` and resolves with the first message it sends, which says that it serves. */
export async function startRoleServer(
  role: string,
  argument: unknown,
): Promise<ServerProcess & { readonly hello: unknown }> {
  const path = fileURLToPath(new URL(`../roles/${role}`, import.meta.url));
  const child = fork(path, [JSON.stringify(argument)], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  endWithThisProcess(child);
  const stderr = keepStderr(child);
  const hello = await new Promise<unknown>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${role} was not ready in time: ${stderr()}`)), READY_TIMEOUT_MS);
    child.once('message', (message) => {
      clearTimeout(timer);
      resolve(message);
    });
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`${role} exited with code ${code}: ${stderr()}`));
    });
  }).catch(async (error: unknown) => {
    await stopChild(child);
    throw error;
  });
  return { ...running(child), hello };
}

function running(child: ChildProcess): ServerProcess {
  return { pid: child.pid ?? 0, stop: () => stopChild(child) };
}

/** SIGTERM first, SIGKILL when that is not heeded: the bench leaves nothing running. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await gone;
  clearTimeout(timer);
}

function accepts(tcpPort: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port: tcpPort });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** The pipe is always read, else a talkative server would block on it; only the end is worth showing. */
export function keepStderr(child: ChildProcess): () => string {
  let kept = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    kept = (kept + text).slice(-STDERR_KEPT_CHARS);
  });
  return () => kept.trim();
}
