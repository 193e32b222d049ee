/**
 * The listeners of this broker's domains (sockets of this host, a NATS server) and the connections to remote brokers.
 */
import type { Domain } from '../../policy/index.ts';
import { type DomainListeners, NATS_CARRIER, type NatsListeners } from '../carrier/index.ts';
import type { Federation } from '../federation/index.ts';

export class BrokerListeners {
  readonly #broker: string;
  readonly #sockets: DomainListeners;
  readonly #nats: NatsListeners | null;
  readonly #federation: Federation;
  readonly #onUnreachable: (domain: string) => void;

  /** `onUnreachable`: a domain is declared with the carrier `nats`, and this broker has no NATS server. */
  constructor(
    broker: string,
    sockets: DomainListeners,
    nats: NatsListeners | null,
    federation: Federation,
    onUnreachable: (domain: string) => void,
  ) {
    this.#broker = broker;
    this.#sockets = sockets;
    this.#nats = nats;
    this.#federation = federation;
    this.#onUnreachable = onUnreachable;
  }

  /** Checks, before an inventory comes into force, that its listeners can be opened. @throws BrokerError */
  async prepare(domains: readonly Domain[]): Promise<void> {
    await this.#sockets.prepare(this.#atHome(domains).filter(isOverSocket));
  }

  /** Opens missing listeners and closes those of domains no longer declared. Remote domains have no listener here. */
  async sync(domains: readonly Domain[]): Promise<void> {
    const atHome = this.#atHome(domains);
    const overNats = atHome.filter((domain) => !isOverSocket(domain));
    await this.#sockets.sync(atHome.filter(isOverSocket));
    if (this.#nats !== null) await this.#nats.sync(overNats);
    else for (const { name } of overNats) this.#onUnreachable(name);
    await this.#federation.sync();
  }

  async close(): Promise<void> {
    this.#nats?.close();
    await this.#sockets.close();
  }

  #atHome(domains: readonly Domain[]): readonly Domain[] {
    return domains.filter(({ home }) => home === null || home === this.#broker);
  }
}

function isOverSocket({ carrier }: Domain): boolean {
  return carrier !== NATS_CARRIER;
}
