/**
 * The `carrier` of a domain in domains.yaml: where its bytes come in on this host.
 *
 *   (none)                      listen on RUNTIME/NAME.sock, for processes
 *   unix:/path                  listen on /path, for processes
 *   serial                      listen on RUNTIME/NAME.sock, for a virtual machine's serial port (QEMU: server=off)
 *   serial:/path                connect to /path, where the VMM listens (QEMU: server=on)
 *   vsock:/path:PORT            the guest calls: listen on /path_PORT (Firecracker, Cloud Hypervisor)
 *   vsock-connect:/path:PORT    the guest listens: connect to /path and ask for PORT (the same)
 *
 * Where `vmm` names the user of its VMM, that user has a directory RUNTIME/NAME/, RUNTIME/NAME.sock becomes
 * RUNTIME/NAME/argus.sock, and a path on which the broker is to listen has to lie right in it.
 */
import { dirname, join } from 'node:path';
import { BrokerError } from '../process/index.ts';

export type CarrierPlace =
  | { readonly kind: 'listen'; readonly path: string; readonly tellsOfRestart: boolean }
  /** `vsockPort`: what is asked for with CONNECT once connected; null = nothing, the socket is the guest's port. */
  | {
      readonly kind: 'dial';
      readonly path: string;
      readonly vsockPort: number | null;
      readonly tellsOfRestart: boolean;
    };

/** A domain as far as its way in is concerned, as declared in domains.yaml. */
export interface Reachable {
  readonly name: string;
  readonly carrier: string | null;
  readonly vmm: string | number | null;
}

const MAX_VSOCK_PORT = 0xffff_ffff;
const SOCKET_OF_VMM = 'argus.sock';

/** The directory of a VMM's user. Domains' names have no dots, so nothing else in RUNTIME is called like one. */
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
