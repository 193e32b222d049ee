/** Guests of a test, each with its own VMM and devices, at a real broker in this process. */
import { join } from 'node:path';
import { type Devices, resolveDevices, startDevices } from '../../../clients/devices/index.ts';
import { Request } from '../../../clients/devices/vhost-user/index.ts';
import type { Vm } from '../../../clients/sdk/index.ts';
import { type Installation, withInstallation } from '../../support/installation/installation.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { FrontEnd, words } from './front-end.ts';
import { type Heard, summary, VsockGuest } from './vsock-guest.ts';

/** The domids, and so the CIDs, of the guests; numbers 1 and 2 are no CIDs. */
export const CID = { chrome: 3, mail: 4, web: 5 } as const;

export const SERVICES = `classes:
  - name: vsock
    ports: ["2000000000-2000000021", "2000000023-2099999999"]
    inspector: vsock
    permissions: [connect, listen, send]
    flow: to-destination
  - name: vsock-ssh
    ports: [2000000022]
    inspector: vsock
    permissions: [connect, listen, send]
    flow: to-destination
`;

export const OPEN_ROWS: readonly string[] = [
  'p, @member, broker, argo, *, allow',
  'p, @member, @member, argo, *, allow',
  ...['connect', 'send'].map((permission) => `p, chrome-vm, mail-vm, vsock, ${permission}, allow`),
  ...['listen', 'send'].map((permission) => `p, mail-vm, chrome-vm, vsock, ${permission}, allow`),
  'p, web-vm, mail-vm, vsock, send, allow',
];

export interface Guest {
  readonly vm: Vm;
  readonly devices: Devices;
  readonly vmm: FrontEnd;
  readonly driver: VsockGuest;
  readonly said: string[];
  /** The next packet that the guest hears. */
  next(): Promise<Heard>;
  /** Its description. */
  hears(): Promise<string>;
  close(): void;
}

export async function withGuests(
  rows: readonly string[],
  run: (
    installation: Installation,
    boot: (name: string, services?: readonly number[]) => Promise<Guest>,
  ) => Promise<void>,
): Promise<void> {
  await withInstallation(
    { domains: { first: [], second: [], 'chrome-vm': [], 'mail-vm': [], 'web-vm': [] } },
    async (installation) => {
      await installation.writePolicyFile('services.yaml', SERVICES);
      await installation.writeRows(rows);
      const guests: Guest[] = [];
      try {
        await run(installation, async (name, services = []) => {
          const guest = await bootGuest(await installation.connect(name), services);
          guests.push(guest);
          return guest;
        });
      } finally {
        for (const guest of guests) guest.close();
      }
    },
  );
}

/** The guest of a session, with its vsock. */
export async function bootGuest(vm: Vm, services: readonly number[]): Promise<Guest> {
  const socket = join(temporaryDirectory(), 'vsock');
  const said: string[] = [];
  const config = resolveDevices({ vsock: socket, listen: services.map(String) });
  const devices = await startDevices(vm, config, (line) => said.push(line));
  const vmm = await FrontEnd.attach(socket);
  await vmm.start(2, { features: 3n });
  const cid = (await vmm.ask(Request.getConfig, Buffer.concat([words(0, 8, 0), Buffer.alloc(8)]))).readUInt32LE(12);
  const [receive, send] = vmm.queues;
  if (receive === undefined || send === undefined) throw new Error('no queues');
  const driver = new VsockGuest(cid, { memory: vmm, receive, send, free: vmm.free, kick: (index) => vmm.kick(index) });
  let read = 0;
  const next = async (): Promise<Heard> => {
    for (;;) {
      driver.take();
      const heard = driver.heard[read];
      if (heard !== undefined) {
        read++;
        return heard;
      }
      await vmm.event();
    }
  };
  return {
    vm,
    devices,
    vmm,
    driver,
    said,
    next,
    hears: async () => summary(await next()),
    close: () => {
      devices.close();
      vmm.close();
    },
  };
}
