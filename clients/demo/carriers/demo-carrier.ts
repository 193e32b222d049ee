/** How the demo's VMs reach the broker. Twins: a unix socket for each, and a NATS server for all. */
export interface Way {
  /** What argus.yaml says of it. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Called when keys and policy are there, before the broker is started. */
  prepare(): Promise<void>;
  /** Called when the broker is up. */
  open(): Promise<void>;
  /** For the domain's own software, as `connect` takes it. */
  carrierOf(domain: string): string;
  /** For somebody who has got hold of the domain's carrier, but not of its identity. */
  stolenCarrierOf(domain: string): string;
  /** The bytes that chrome-vm has sent first, at least so many. */
  recorded(bytes: number): Promise<Uint8Array>;
  close(): Promise<void>;
}
