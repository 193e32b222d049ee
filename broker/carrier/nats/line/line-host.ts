/** Where an end gets its connection and its time from: a NATS server and Node, or a simulation of both. */
import {
  connectServer,
  type ServerConnection,
  type ServerConnectionHandlers,
  type ServerConnectionOptions,
} from './server-connection.ts';

export interface LineHost {
  /** @throws NatsCarrierError */
  connect(options: ServerConnectionOptions, handlers: ServerConnectionHandlers): Promise<ServerConnection>;
  /** Runs `task` later; returns what cancels it. `keepsAlive` false: the process may end before. */
  schedule(delayMs: number, task: () => void, keepsAlive?: boolean): () => void;
  /** Runs `task` in the next turn of the event loop, after others had theirs. */
  nextTurn(task: () => void): void;
}

export const NODE_LINE_HOST: LineHost = Object.freeze({
  connect: connectServer,
  schedule: (delayMs: number, task: () => void, keepsAlive = true) => {
    const timer = setTimeout(task, delayMs);
    if (!keepsAlive) timer.unref();
    return () => clearTimeout(timer);
  },
  nextTurn: (task: () => void) => void setImmediate(task),
});
