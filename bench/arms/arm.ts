/** What every system under test looks like to the bench: a server process, and two client ends with one and the same shape. */

import type { FindProgram } from './server-process.ts';

export const ARM_NAMES = [
  'argus-unix',
  'argus-nats',
  'argus-nats-plain',
  'argus-brokers',
  'raw-relay',
  'nats',
  'nats-tls',
  'mosquitto-tls',
  'socat',
  'vsock',
] as const;
export type ArmName = (typeof ARM_NAMES)[number];

const ON_REQUEST: readonly ArmName[] = ['argus-nats', 'argus-nats-plain', 'argus-brokers', 'socat', 'vsock'];
/** What runs unless `--arms` says otherwise: what needs a nats-server of its own, and bare pipes, are compared on request. */
export const DEFAULT_ARMS: readonly ArmName[] = ARM_NAMES.filter((name) => !ON_REQUEST.includes(name));

export function isArmName(name: string): name is ArmName {
  return (ARM_NAMES as readonly string[]).includes(name);
}

/** The address and the user of a client. It crosses process borders as JSON. Only the arm knows its keys. */
export type Endpoint = Readonly<Record<string, string>>;

export interface RunningServer {
  /** Every process between the two clients. */
  readonly pids: readonly number[];
  readonly endpoint: Endpoint;
  stop(): Promise<void>;
}

/** The sending client. Its loop is the same for every arm; only these four calls differ. */
export interface SenderLink {
  /** Hands one message to the system's client without waiting. The payload is not changed afterwards. */
  send(payload: Uint8Array): void;
  /**
   * Ends a burst as the system's API wants it: flushes buffered messages, and waits when its backpressure asks for it.
   */
  settle(): Promise<void>;
  /** One request and its reply of the same length, through the broker both ways. */
  request(payload: Uint8Array): Promise<void>;
}

export interface Arm {
  /** The package to install when something this arm needs is not on this machine, else null. */
  missing(find: FindProgram): Promise<string | null>;
  /** Starts the server with its files in `folder`, which exists, is private to this arm and is removed by the bench. */
  start(folder: string): Promise<RunningServer>;
  /** Clients are never closed: their process ends with the run. */
  openSender(endpoint: Endpoint): Promise<SenderLink>;
  /**
   * Resolves once messages are sure to arrive. `onMessage` is called once per delivered message; requests are not among them, the arm
   * answers those by itself.
   */
  openReceiver(endpoint: Endpoint, onMessage: (payload: Uint8Array) => void): Promise<void>;
}

/** Reads one value of an endpoint; a missing one is a bug in the arm that made it. */
export function endpointValue(endpoint: Endpoint, key: string): string {
  const value = endpoint[key];
  if (value === undefined) throw new Error(`endpoint lacks "${key}"`);
  return value;
}
