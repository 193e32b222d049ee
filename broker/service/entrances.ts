/** Where the domains at home here come in, sockets of this host and a NATS server, and the way to the homes of the others. */
import type { Domain } from '../../policy/index.ts';
import { type DomainListeners, NATS_CARRIER, type NatsListeners } from '../carrier/index.ts';
import type { Federation } from '../federation/index.ts';

export class Entrances {
  readonly #broker: string;
  readonly #sockets: DomainListeners;
  readonly #nats: NatsListeners | null;
  readonly #federation: Federation;
  readonly #onUnreachable: (domain: string) => void;

  /** `onUnreachable`: a domain is declared to come over NATS, and this broker has no server. */
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

  /** Tries what an inventory will need before it comes into force. @throws BrokerError */
  async prepare(domains: readonly Domain[]): Promise<void> {
    await this.#sockets.prepare(this.#atHome(domains).filter(isOverSocket));
  }

  /** Opens what is missing, closes what is no longer declared; a domain whose home is another broker has no way in here. */
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
