/** The unix sockets of all declared domains, one each, updated with the inventory. */
import { chmod, mkdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf } from '../base/index.ts';
import { BrokerError } from '../process/index.ts';
import type { Carrier } from './carrier.ts';
import { type CarrierPlace, carrierPlace, type Reachable } from './declared.ts';
import { dialUnix } from './dial.ts';
import { listenUnix } from './listen.ts';
import type { Release } from './places.ts';
import { removeStaleSocket } from './stale-socket.ts';
import { closeDirectory, makingPath, openDirectory, tryOwner, type VmmOwner } from './vmm-directory.ts';
import { uidOf } from './vmm-users.ts';

/** The admin socket is next to the domains' sockets. */
export const CONTROL_SOCKET = 'control.sock';
const GROUP_OR_OTHERS_MAY_WRITE = 0o022;
const ALL_MAY_PASS = 0o011;

/** The plan for one listener or dialler. */
interface Plan {
  readonly domain: Reachable;
  readonly place: CarrierPlace;
  /** The user of its VMM; null = the user of the broker. */
  readonly owner: VmmOwner | null;
}

interface Entrance extends Plan {
  readonly close: () => void;
}

export class DomainListeners {
  readonly #runtime: string;
  readonly #accept: (carrier: Carrier, release: Release) => void;
  readonly #report: (domain: string, error: BrokerError) => void;
  readonly #entrances = new Map<string, Entrance>();

  /** `report`: a VMM's user has broken the socket of its own domain. The other domains are not affected. */
  constructor(
    runtime: string,
    accept: (carrier: Carrier, release: Release) => void,
    report: (domain: string, error: BrokerError) => void,
  ) {
    this.#runtime = runtime;
    this.#accept = accept;
    this.#report = report;
  }

  pathOf(domain: string): string {
    const path = this.#entrances.get(domain)?.place.path;
    return path ?? carrierPlace(this.#runtime, { name: domain, carrier: null, vmm: null }).path;
  }

  /**
   * Checks that the listeners of these domains can be opened, without disturbing the domains that are being served.
   *
   * @throws BrokerError ERR_BROKER_SOCKET_PATH, ERR_BROKER_VMM_USER, ERR_BROKER_VMM_OWNER
   */
  async prepare(domains: readonly Reachable[]): Promise<readonly Plan[]> {
    const plans: Plan[] = [];
    const owners = new Map<string | number, VmmOwner>();
    for (const domain of domains) {
      const place = carrierPlace(this.#runtime, domain);
      if (place.path === join(this.#runtime, CONTROL_SOCKET)) {
        const message = `domain "${domain.name}": its socket would be the broker's own control socket; give it another name or carrier`;
        throw new BrokerError('ERR_BROKER_SOCKET_PATH', message);
      }
      const { vmm: user } = domain;
      if (user === null) {
        plans.push({ domain, place, owner: null });
        continue;
      }
      const owner = owners.get(user) ?? { user, uid: await uidOf(user) };
      if (!owners.has(user)) await tryOwner(this.#runtime, owner);
      owners.set(user, owner);
      plans.push({ domain, place, owner });
    }
    if (owners.size > 0) await letAllPass(this.#runtime);
    return plans;
  }

  /**
   * Opens missing listeners and closes those of undeclared domains. The caller ends the sessions of a closed listener.
   *
   * @throws BrokerError as `prepare` does, before any change; or for the first listener that could not be opened, after
   *   all others were opened
   */
  async sync(domains: readonly Reachable[]): Promise<void> {
    const plans = await this.prepare(domains);
    for (const [name, entrance] of [...this.#entrances]) {
      const plan = plans.find(({ domain }) => domain.name === name);
      if (plan !== undefined && isSame(plan, entrance)) continue;
      await this.#remove(name, entrance);
      if (entrance.owner !== null && plan?.owner?.uid !== entrance.owner.uid) await closeDirectory(this.#runtime, name);
    }
    const failures: unknown[] = [];
    for (const plan of plans) {
      const { name } = plan.domain;
      if (this.#entrances.has(name)) continue;
      try {
        this.#entrances.set(name, await this.#open(plan));
      } catch (error) {
        if (error instanceof BrokerError && error.code === 'ERR_BROKER_VMM_DIRECTORY') this.#report(name, error);
        else failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  async #open(plan: Plan): Promise<Entrance> {
    const { domain, place, owner } = plan;
    const { name } = domain;
    if (owner !== null) await openDirectory(this.#runtime, name, owner);
    if (place.kind === 'dial') {
      const target = { ...place, domain: name, owner };
      return { ...plan, close: dialUnix(target, this.#accept, (error) => this.#report(name, error)).close };
    }
    const handedOver = owner === null ? null : { to: owner, making: makingPath(this.#runtime, name) };
    const { close } = await listenUnix({ ...place, domain: name, handedOver }, this.#accept);
    return { ...plan, close };
  }

  async #remove(name: string, { place, close }: Entrance): Promise<void> {
    this.#entrances.delete(name);
    close();
    // libuv removes it with the server, so it is no error if this removal fails
    if (place.kind === 'listen') await unlink(place.path).catch(() => {});
  }

  /** Keeps the directories of VMMs' users: their VMMs may be running, with sockets of their own there. */
  async close(): Promise<void> {
    for (const [name, entrance] of [...this.#entrances]) await this.#remove(name, entrance);
  }
}

function isSame(plan: Plan, { domain, owner }: Plan): boolean {
  return plan.domain.carrier === domain.carrier && plan.owner?.uid === owner?.uid;
}

/**
 * Prepares the directory of the sockets, for one broker at a time. A user with write access to it could impersonate the
 * socket of a domain.
 *
 * @throws BrokerError ERR_BROKER_SOCKET_PATH, ERR_BROKER_SOCKET_BUSY
 */
export async function prepareRuntime(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    requireOwnRuntime(directory, await stat(directory));
    await removeStaleSocket(join(directory, CONTROL_SOCKET));
  } catch (cause) {
    if (cause instanceof BrokerError) throw cause;
    const reason = reasonOf(cause);
    throw new BrokerError('ERR_BROKER_SOCKET_PATH', `cannot use runtime directory "${directory}": ${reason}`, {
      cause,
    });
  }
}

/** @throws BrokerError ERR_BROKER_SOCKET_PATH when another user could put sockets there */
export function requireOwnRuntime(
  directory: string,
  { mode, uid }: { readonly mode: number; readonly uid: number },
): void {
  const isOurs = uid === 0 || uid === process.geteuid?.();
  if (isOurs && (mode & GROUP_OR_OTHERS_MAY_WRITE) === 0) return;
  throw new BrokerError(
    'ERR_BROKER_SOCKET_PATH',
    isOurs
      ? `runtime directory "${directory}" can be written by others; run: chmod go-w "${directory}"`
      : `runtime directory "${directory}" belongs to another user, who could take any domain's place; choose one of the broker's own`,
  );
}

/**
 * Lets all users pass through RUNTIME to their own directories (execute permission). Does not let them list or open it.
 */
async function letAllPass(runtime: string): Promise<void> {
  const { mode } = await stat(runtime);
  if ((mode & ALL_MAY_PASS) === ALL_MAY_PASS) return;
  try {
    await chmod(runtime, (mode & 0o777) | ALL_MAY_PASS);
  } catch (cause) {
    const message = `the users of VMMs cannot pass through "${runtime}"; run: chmod go+x "${runtime}"`;
    throw new BrokerError('ERR_BROKER_VMM_OWNER', message, { cause });
  }
}
