/** Every inspector by the name that services.yaml uses. */
import { audioControl } from './audio-control.ts';
import { audioMixer } from './audio-mixer.ts';
import { dhcp } from './dhcp.ts';
import { ethernet } from './ethernet.ts';
import type { Inspector } from './inspector.ts';
import { ivshmem } from './ivshmem.ts';
import { opaque } from './opaque.ts';
import { pcm } from './pcm.ts';
import { route } from './route.ts';
import { virtioControl } from './virtio-control.ts';
import { vsock } from './vsock.ts';

export const INSPECTORS: ReadonlyMap<string, Inspector> = new Map([
  ['opaque', opaque],
  ['pcm', pcm],
  ['audio-control', audioControl],
  ['audio-mixer', audioMixer],
  ['ethernet', ethernet],
  ['dhcp', dhcp],
  ['route', route],
  ['vsock', vsock],
  ['ivshmem', ivshmem],
  ['virtio-control', virtioControl],
]);
