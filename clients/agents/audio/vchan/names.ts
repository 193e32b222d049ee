/**
 * The files of QubesOS/qubes-core-vchan-socket: DIRECTORY/vchan.SERVER.CLIENT.PORT.sock, with the domids of the two ends.
 * In Qubes' audio the VM is the server and the AudioVM is the client, on both ports.
 */
import { join } from 'node:path';
import type { Vm } from '../../../sdk/index.ts';
import { CAPTURE_PORT, PLAYBACK_PORT } from '../codes.ts';

/** The two ends of a vchan, by domid. */
export interface VchanEnds {
  readonly server: number;
  readonly client: number;
}

export interface VchanPaths {
  readonly playback: string;
  readonly capture: string;
}

export function vchanPath(directory: string, { server, client }: VchanEnds, port: number): string {
  return join(directory, `vchan.${server}.${client}.${port}.sock`);
}

/** Both vchans of a VM and its AudioVM. */
export function audioVchans(directory: string, ends: VchanEnds): VchanPaths {
  return { playback: vchanPath(directory, ends, PLAYBACK_PORT), capture: vchanPath(directory, ends, CAPTURE_PORT) };
}

/** In a VM: where its guest module listens for the AudioVM of the moment; null while there is none. */
export function guestVchans(
  vm: Pick<Vm, 'domid' | 'domidOf'>,
  directory: string,
  audioVm: () => string | null,
): () => Promise<VchanPaths | null> {
  return async () => {
    const name = audioVm();
    return name === null ? null : audioVchans(directory, { server: vm.domid, client: await vm.domidOf(name) });
  };
}
