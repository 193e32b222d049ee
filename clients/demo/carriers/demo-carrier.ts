/** The way by which the demo's VMs reach the broker. Two implementations: a unix socket per VM, or one NATS server. */
export interface DemoCarrier {
  /** Entries of argus.yaml. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Called after keys and policy exist and before the broker starts. */
  prepare(): Promise<void>;
  /** Called when the broker runs. */
  open(): Promise<void>;
  /** The carrier of the domain's own software, as `connect` takes it. */
  carrierOf(domain: string): string;
  /** The carrier of an attacker that has the domain's carrier but not its identity. */
  stolenCarrierOf(domain: string): string;
  /** The first bytes that chrome-vm sent; resolves when there are at least `bytes`. */
  recorded(bytes: number): Promise<Uint8Array>;
  close(): Promise<void>;
}
