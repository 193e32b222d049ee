/** `argus …` as a user runs it: a child process, its two streams and its exit code. */
import { spawn } from 'node:child_process';
import { CLI, nodeArguments, ROOT } from '../program.ts';

export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Another program instead of the command line: `clients/demo/main.ts`. */
  readonly program?: string;
  /** Modules that are loaded before the program. */
  readonly imports?: readonly string[];
}

export function runCli(args: readonly string[], options: RunOptions = {}): Promise<CliRun> {
  const { env = {}, program = CLI, imports = [] } = options;
  const preloads = imports.flatMap((each) => ['--import', each]);
  const child = spawn(process.execPath, [...preloads, ...nodeArguments(program, ...args)], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = [textOf(child.stdout), textOf(child.stderr)];
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout: stdout(), stderr: stderr() }));
  });
}

function textOf(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString('utf8');
}
