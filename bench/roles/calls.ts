/** How the bench talks to its two client processes: plain calls over Node's IPC channel, answered in any order. */
import type { ChildProcess } from 'node:child_process';
import type { ArmName, Endpoint } from '../arms/arm.ts';

/** Given once, on the command line. */
export interface RoleSetup {
  readonly arm: ArmName;
  readonly endpoint: Endpoint;
  readonly creditPath: string;
  readonly serverPids: readonly number[];
}

/** A type and not an interface: only types are assignable to the index signature of `answerCalls`. */
export type SenderCalls = {
  open(): Promise<void>;
  /** Starts to send messages of `size` bytes, at most `window` under way and `perSecond` in a second, until `halt`. */
  stream(argument: { readonly size: number; readonly window: number; readonly perSecond?: number }): Promise<void>;
  /** `cpu` is the share of one core this process used since `stream`. */
  halt(): Promise<{ readonly sent: number; readonly cpu: number }>;
  pingPong(argument: {
    readonly size: number;
    readonly warmupMs: number;
    readonly durationMs: number;
  }): Promise<Latency>;
};

export type ReceiverCalls = {
  open(): Promise<void>;
  /** Forgets the last stream; from now on every message must have `size` bytes. */
  begin(argument: { readonly size: number; readonly quantum: number }): Promise<void>;
  sample(argument: { readonly warmupMs: number; readonly durationMs: number }): Promise<Throughput>;
  /** Resolves with the number received since `begin`, once it is `expected` or time is up. */
  drain(argument: { readonly expected: number; readonly timeoutMs: number }): Promise<number>;
};

export interface Latency {
  readonly count: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
  readonly p999Micros: number;
}

export interface Throughput {
  readonly messages: number;
  readonly micros: number;
  readonly brokerMicros: number;
  /** Of all processes on the way, at the end. */
  readonly memoryBytes: number;
  /** Share of one core the receiving process used. */
  readonly cpu: number;
}

interface Request {
  readonly id: number;
  readonly call: string;
  readonly argument: unknown;
}

interface Response {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

type Calls = Readonly<Record<string, (argument: never) => Promise<unknown>>>;

/** In a role process: answers calls until the bench closes the channel. */
export function answerCalls(handlers: Calls): void {
  process.on('message', (request: Request) => {
    void answer(handlers, request).then((response) => process.send?.(response));
  });
}

async function answer(handlers: Calls, request: Request): Promise<Response> {
  try {
    const handler = handlers[request.call];
    if (handler === undefined) throw new Error(`no call "${request.call}"`);
    return { id: request.id, result: await handler(request.argument as never) };
  } catch (error) {
    return { id: request.id, error: error instanceof Error ? error.message : String(error) };
  }
}

/** In the bench: a caller bound to one role process. Every pending call fails when that process ends. */
export function callerOf(
  child: ChildProcess,
  who: string,
  stderr: () => string,
): (call: string, argument?: unknown) => Promise<unknown> {
  const pending = new Map<number, (response: Response) => void>();
  let lastId = 0;
  let ended: string | undefined;
  child.on('message', (response: Response) => {
    pending.get(response.id)?.(response);
    pending.delete(response.id);
  });
  child.once('exit', (code, signal) => {
    ended = `ended with ${signal ?? `code ${code}`}: ${stderr()}`;
    for (const [id, settle] of pending) settle({ id, error: ended });
    pending.clear();
  });
  return (call, argument) =>
    new Promise((resolve, reject) => {
      if (ended !== undefined) return reject(new Error(`${who}: ${ended}`));
      lastId += 1;
      pending.set(lastId, (response) => {
        if (response.error === undefined) resolve(response.result);
        else reject(new Error(`${who}: ${response.error}`));
      });
      child.send({ id: lastId, call, argument } satisfies Request);
    });
}
