/** Network namespaces for tests. They are removed when the process exits. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { Socket } from 'node:net';

export interface Namespace {
  readonly name: string;
  /** Runs a program inside to its end, and returns its standard output. Throws with its standard error. */
  run(program: string, ...args: readonly string[]): Promise<string>;
  /** The same, but returns the exit code and all output, also after a failure. */
  attempt(
    program: string,
    ...args: readonly string[]
  ): Promise<{ readonly code: number; readonly output: string; readonly stdout: string }>;
  /** Starts a program inside that runs until `stop`, or until this process ends. */
  start(program: string, ...args: readonly string[]): { output(): string; stop(): Promise<void> };
}

const MAX_RUN_MS = 60_000;

const made = new Set<string>();
const running = new Set<ChildProcess>();
let count = 0;

process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  for (const name of made) {
    try {
      execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
    } catch {
      // already gone
    }
  }
});

/** True as root on a kernel that permits namespaces. Containers often have neither. */
export function canUseNamespaces(): boolean {
  try {
    execFileSync('ip', ['netns', 'add', `argus-probe-${process.pid}`], { stdio: 'ignore' });
    execFileSync('ip', ['netns', 'del', `argus-probe-${process.pid}`], { stdio: 'ignore' });
    closeSync(openSync('/dev/net/tun', 'r+'));
    return existsSync('/dev/net/tun');
  } catch {
    return false;
  }
}

/** Removes the namespaces that a killed run has left. */
function sweep(): void {
  const names = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' });
  for (const [, name = '', pid = ''] of names.matchAll(/^(argus-(\d+)-\S+)/gm)) {
    try {
      process.kill(Number(pid), 0);
    } catch {
      execFileSync('ip', ['netns', 'del', name]);
    }
  }
}

export function createNamespace(label: string): Namespace {
  if (count === 0) sweep();
  const name = `argus-${process.pid}-${label}-${count++}`;
  execFileSync('ip', ['netns', 'add', name]);
  made.add(name);
  execFileSync('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  const attempt = (
    program: string,
    ...args: readonly string[]
  ): Promise<{ code: number; output: string; stdout: string }> =>
    new Promise((resolve) => {
      execFile(
        'ip',
        ['netns', 'exec', name, program, ...args],
        { timeout: MAX_RUN_MS, maxBuffer: 1 << 28 },
        (error, stdout, stderr) =>
          resolve({
            code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1,
            output: stdout + stderr + (error?.killed === true ? `\nkilled after ${MAX_RUN_MS} ms` : ''),
            stdout,
          }),
      );
    });
  return {
    name,
    attempt,
    run: async (program, ...args) => {
      const { code, output, stdout } = await attempt(program, ...args);
      if (code !== 0) throw new Error(`${program} ${args.join(' ')}: exit ${code}: ${output}`);
      return stdout;
    },
    start: (program, ...args) => {
      const child = spawn('ip', ['netns', 'exec', name, program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
      // If a test fails before it stops the program, the process must not wait for the program.
      child.unref();
      running.add(child);
      let said = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk: Buffer) => {
          said += chunk.toString();
        });
        if (stream instanceof Socket) stream.unref();
      }
      const exited = new Promise<void>((resolve) =>
        child.once('exit', () => {
          running.delete(child);
          resolve();
        }),
      );
      return {
        output: () => said,
        stop: () => {
          child.ref();
          child.kill('SIGTERM');
          return exited;
        },
      };
    },
  };
}
