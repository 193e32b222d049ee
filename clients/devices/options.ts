/** What `argus device` is asked for, checked once. */
import { DeviceError } from './base/index.ts';
import { MAX_SERVICE_PORT } from './vsock/index.ts';

/** As the command line gives it. */
export interface DeviceInput {
  readonly vsock?: string | undefined;
  /** Vsock ports that other domains may reach. */
  readonly listen?: readonly string[] | undefined;
}

export interface DeviceConfig {
  readonly vsock: { readonly socket: string; readonly services: readonly number[] } | null;
}

/** @throws DeviceError ERR_DEVICE_OPTION */
export function resolveDevices(input: DeviceInput): DeviceConfig {
  const { vsock, listen = [] } = input;
  if (vsock === undefined)
    throw new DeviceError('ERR_DEVICE_OPTION', 'no device was asked for: give --vsock SOCKET (docs/devices.md)');
  return Object.freeze({ vsock: { socket: vsock, services: [...new Set(listen.map(servicePort))] } });
}

function servicePort(text: string): number {
  const port = /^\d{1,9}$/.test(text) ? Number(text) : -1;
  if (port < 0 || port > MAX_SERVICE_PORT)
    throw new DeviceError('ERR_DEVICE_OPTION', `"${text}" is no vsock port: expected 0 … ${MAX_SERVICE_PORT}`);
  return port;
}
