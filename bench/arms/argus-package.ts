/**
 * The built package under the names that users import, and the part of its shape that the bench uses.
 *
 * The names are not literals, so that the compiler does not look for `dist/`, which need not exist when types are checked.
 */

interface Message {
  readonly payload: Uint8Array;
}

interface Ring {
  consume(take: (message: Message) => void): Promise<void>;
}

interface OpenFlow {
  send(payload: Uint8Array): number;
  ready(): Promise<void>;
  on(event: 'refused', listener: (refusal: { readonly error: Error }) => void): unknown;
}

interface Vm {
  flow(request: {
    readonly to: { readonly domain: string; readonly port: number };
    readonly windowBytes: number;
  }): Promise<OpenFlow>;
  registerRing(options: { readonly port: number; readonly partner: string; readonly length: number }): Promise<Ring>;
  sendv(message: {
    readonly to: { readonly domain: string; readonly port: number };
    readonly iov: Uint8Array;
    readonly deadline: number;
  }): Promise<number>;
  close(): Promise<void>;
}

interface Client {
  connect(options: { readonly carrier: string; readonly identity: string; readonly queueBytes?: number }): Promise<Vm>;
}

/** A subset of argus.yaml. */
export interface BrokerConfig {
  readonly identity: string;
  readonly policy: string;
  readonly audit: string;
  readonly runtime: string;
  readonly nats?: string;
  readonly watchPolicy: boolean;
  readonly log: { readonly level: string };
}

interface Broker {
  startBroker(config: BrokerConfig): Promise<{ close(): Promise<void> }>;
}

const CLIENT: string = 'argus-broker/client';
const BROKER: string = 'argus-broker';

export async function loadClient(): Promise<Client> {
  return (await import(CLIENT)) as Client;
}

export async function loadBroker(): Promise<Broker> {
  return (await import(BROKER)) as Broker;
}
