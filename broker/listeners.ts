/** One unix socket per declared domain, kept in step with the inventory. */
import { mkdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Carrier, type Listener, listenUnix, type Release } from './carrier/index.ts';
import { BrokerError } from './errors.ts';

const GROUP_OR_OTHERS_MAY_WRITE = 0o022;

export class DomainListeners {
  readonly #runtime: string;
  readonly #accept: (carrier: Carrier, release: Release) => void;
  readonly #listeners = new Map<string, Listener>();

  constructor(runtime: string, accept: (carrier: Carrier, release: Release) => void) {
    this.#runtime = runtime;
    this.#accept = accept;
  }

  pathOf(domain: string): string {
    return join(this.#runtime, `${domain}.sock`);
  }

  /** Opens what is missing, closes what is no longer declared. Sessions on a closed listener are the caller's. */
  async sync(names: readonly string[]): Promise<void> {
    for (const [name, listener] of [...this.#listeners]) {
      if (names.includes(name)) continue;
      this.#listeners.delete(name);
      await close(listener, this.pathOf(name));
    }
    for (const name of names) {
      if (!this.#listeners.has(name))
        this.#listeners.set(name, await listenUnix(this.pathOf(name), name, this.#accept));
    }
  }

  async close(): Promise<void> {
    await this.sync([]);
  }
}

async function close(listener: Listener, path: string): Promise<void> {
  listener.close();
  await unlink(path).catch(() => {}); // libuv removes it with the server; a second removal is no fault
}

/** The directory of the sockets: whoever may write here could take a domain's place. */
export async function prepareRuntime(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const { mode } = await stat(directory);
    if ((mode & GROUP_OR_OTHERS_MAY_WRITE) === 0) return;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BrokerError('ERR_BROKER_SOCKET_PATH', `cannot use runtime directory "${directory}": ${reason}`, {
      cause,
    });
  }
  throw new BrokerError(
    'ERR_BROKER_SOCKET_PATH',
    `runtime directory "${directory}" can be written by others; run: chmod go-w "${directory}"`,
  );
}
