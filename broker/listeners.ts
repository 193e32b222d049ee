/** Where each declared domain comes in, a unix socket of its own, kept in step with the inventory. */
import { mkdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Carrier, type CarrierPlace, carrierPlace, dialUnix, listenUnix, type Release } from './carrier/index.ts';
import { BrokerError } from './errors.ts';

/** The admin's door stands beside the domains' sockets. */
export const CONTROL_SOCKET = 'control.sock';
const GROUP_OR_OTHERS_MAY_WRITE = 0o022;

/** A domain as far as its way in is concerned. */
export interface Reachable {
  readonly name: string;
  /** As declared in domains.yaml; see broker/carrier/declared.ts. */
  readonly carrier: string | null;
}

interface Entrance {
  readonly declared: string | null;
  readonly place: CarrierPlace;
  readonly close: () => void;
}

export class DomainListeners {
  readonly #runtime: string;
  readonly #accept: (carrier: Carrier, release: Release) => void;
  readonly #entrances = new Map<string, Entrance>();

  constructor(runtime: string, accept: (carrier: Carrier, release: Release) => void) {
    this.#runtime = runtime;
    this.#accept = accept;
  }

  pathOf(domain: string): string {
    return this.#entrances.get(domain)?.place.path ?? carrierPlace(this.#runtime, domain, null).path;
  }

  /**
   * Opens what is missing, closes what is no longer declared. Sessions on a closed listener are the caller's.
   *
   * @throws BrokerError for the first that could not be opened, when all the others are
   */
  async sync(domains: readonly Reachable[]): Promise<void> {
    for (const [name, entrance] of [...this.#entrances]) {
      if (domains.some((domain) => domain.name === name && domain.carrier === entrance.declared)) continue;
      this.#entrances.delete(name);
      entrance.close();
      // libuv removes it with the server; a second removal is no fault
      if (entrance.place.kind === 'listen') await unlink(entrance.place.path).catch(() => {});
    }
    const failures: unknown[] = [];
    for (const { name, carrier } of domains) {
      if (this.#entrances.has(name)) continue;
      try {
        this.#entrances.set(name, await this.#open(name, carrier));
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  async #open(name: string, declared: string | null): Promise<Entrance> {
    const place = carrierPlace(this.#runtime, name, declared);
    if (place.path === join(this.#runtime, CONTROL_SOCKET)) {
      const message = `domain "${name}": its socket would be the broker's own control socket; give it another name or carrier`;
      throw new BrokerError('ERR_BROKER_SOCKET_PATH', message);
    }
    const opened =
      place.kind === 'dial'
        ? dialUnix({ ...place, domain: name }, this.#accept)
        : await listenUnix(place.path, name, this.#accept, place.tellsOfRestart);
    return { declared, place, close: () => opened.close() };
  }

  async close(): Promise<void> {
    await this.sync([]);
  }
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
