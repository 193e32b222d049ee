/**
 * The `carrier` of a domain in domains.yaml: how the domain reaches the broker on this host.
 *
 *   (none)                      listen on RUNTIME/NAME.sock, for processes
 *   unix:/path                  listen on /path, for processes
 *   serial                      listen on RUNTIME/NAME.sock, for a virtual machine's serial port (QEMU: server=off)
 *   serial:/path                connect to /path, where the VMM listens (QEMU: server=on)
 *   vsock:/path:PORT            the guest calls: listen on /path_PORT (Firecracker, Cloud Hypervisor)
 *   vsock-connect:/path:PORT    the guest listens: connect to /path and ask for PORT (the same)
 *
 * If `vmm` names the user of the domain's VMM, that user has a directory RUNTIME/NAME/, and RUNTIME/NAME.sock becomes
 * RUNTIME/NAME/argus.sock. A path on which the broker listens must then be directly in that directory.
 */
import { dirname, join } from 'node:path';
import { BrokerError } from '../process/index.ts';

export type CarrierPlace =
  | { readonly kind: 'listen'; readonly path: string; readonly tellsOfRestart: boolean }
  /**
   * `vsockPort`: the port to request with CONNECT after connecting. Null: none, the socket is already the guest's port.
   */
  | {
      readonly kind: 'dial';
      readonly path: string;
      readonly vsockPort: number | null;
      readonly tellsOfRestart: boolean;
    };

/** The part of a domain's entry in domains.yaml that concerns its carrier. */
export interface Reachable {
  readonly name: string;
  readonly carrier: string | null;
  readonly vmm: string | number | null;
}

const MAX_VSOCK_PORT = 0xffff_ffff;
const SOCKET_OF_VMM = 'argus.sock';

/** The directory of a VMM's user. Names of domains have no dots, so no other entry of RUNTIME has such a name. */
export function vmmDirectory(runtime: string, domain: string): string {
  return join(runtime, domain);
}

/** @throws BrokerError ERR_BROKER_SOCKET_PATH */
export function carrierPlace(runtime: string, domain: Reachable): CarrierPlace {
  const place = declaredPlace(runtime, domain);
  const directory = vmmDirectory(runtime, domain.name);
  if (domain.vmm !== null && place.kind === 'listen' && dirname(place.path) !== directory)
    throw new BrokerError(
      'ERR_BROKER_SOCKET_PATH',
      `domain "${domain.name}": its VMM has a user of its own, so the broker listens in that user's directory: expected a carrier in "${directory}", as in "vsock:${directory}/vsock:7100", or "serial"`,
    );
  return place;
}

function declaredPlace(runtime: string, { name, carrier: declared, vmm }: Reachable): CarrierPlace {
  const own = vmm === null ? join(runtime, `${name}.sock`) : join(vmmDirectory(runtime, name), SOCKET_OF_VMM);
  if (declared === null) return { kind: 'listen', path: own, tellsOfRestart: true };
  if (declared === 'serial') return { kind: 'listen', path: own, tellsOfRestart: false };
  const [, scheme, path, port] = /^(unix|serial|vsock|vsock-connect):(\/[^\0:]*)(?::(\d{1,10}))?$/.exec(declared) ?? [];
  const isVsock = scheme === 'vsock' || scheme === 'vsock-connect';
  if (path === undefined || isVsock !== (port !== undefined) || Number(port ?? 0) > MAX_VSOCK_PORT)
    throw new BrokerError(
      'ERR_BROKER_SOCKET_PATH',
      `domain "${name}": carrier "${declared}": expected unix:/path, serial, serial:/path, vsock:/path:PORT or vsock-connect:/path:PORT`,
    );
  switch (scheme) {
    case 'serial':
      return { kind: 'dial', path, vsockPort: null, tellsOfRestart: false };
    case 'vsock':
      return { kind: 'listen', path: `${path}_${port}`, tellsOfRestart: true };
    case 'vsock-connect':
      return { kind: 'dial', path, vsockPort: Number(port), tellsOfRestart: true };
    default:
      return { kind: 'listen', path, tellsOfRestart: true };
  }
}
