/**
 * The device that a domain of the inventory needs from its virtual machine monitor: a serial port or a vsock device.
 */
import { type CarrierPlace, carrierPlace } from '../../broker/index.ts';
import { VmError } from './errors.ts';

/** Name of the virtio-serial port in the guest: /dev/virtio-ports/argus.0. */
export const PORT_NAME = 'argus.0';
/** Context ids 0 to 2 are the hypervisor's, the loopback's and the host's. */
const FIRST_CID = 3;

export type VmAttachment =
  | { readonly kind: 'serial'; readonly domain: string; readonly path: string; readonly vmmListens: boolean }
  | {
      readonly kind: 'vsock';
      readonly domain: string;
      /** The VMM's own socket; the broker's is this with `_PORT` when the guest calls. */
      readonly path: string;
      readonly port: number;
      readonly cid: number;
      readonly guestCalls: boolean;
    };

export interface AttachableDomain {
  readonly name: string;
  readonly domid: number;
  readonly carrier: string | null;
  readonly vmm: string | number | null;
}

/** @throws VmError ERR_VM_CARRIER; BrokerError when the carrier is not understood */
export function attachmentOf(domain: AttachableDomain, runtime: string): VmAttachment {
  const place: CarrierPlace = carrierPlace(runtime, domain);
  if (!place.tellsOfRestart)
    return { kind: 'serial', domain: domain.name, path: place.path, vmmListens: place.kind === 'dial' };
  const [, scheme, path, port] = /^(vsock|vsock-connect):(.*):(\d+)$/.exec(domain.carrier ?? '') ?? [];
  if (path === undefined)
    throw new VmError(
      'ERR_VM_CARRIER',
      `"${domain.name}" is declared as a process, not as a machine; in domains.yaml give it "carrier: serial" (QEMU, libvirt) or "carrier: vsock:/run/argus/${domain.name}.vsock:7100" (Firecracker, Cloud Hypervisor)`,
    );
  return {
    kind: 'vsock',
    domain: domain.name,
    path,
    port: Number(port),
    cid: domain.domid + FIRST_CID,
    guestCalls: scheme === 'vsock',
  };
}
