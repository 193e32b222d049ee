/**
 * `npm run bench -- --devices`: round trips between two guests through their device processes and a broker, next to the
 * unprotected way in the same run. Guests, devices and broker are one process here, so the figures are the CPU of all of
 * them, without a VMM and its scheduling.
 */
import { join } from 'node:path';
import { resolveDevices, startDevices } from '../../clients/devices/index.ts';
import { openSystem, type System } from '../../clients/devices/sys/index.ts';
import { Operation } from '../../clients/devices/vsock/index.ts';
import { IVSHMEM_ROWS, IVSHMEM_SERVICES, IvshmemClient } from '../../test/devices/ivshmem-client.ts';
import { CID, type Guest, OPEN_ROWS, withGuests } from '../../test/devices/site.ts';
import { withInstallation } from '../../test/support/installation/installation.ts';
import { type Pair, sharedPair, unixPair } from './plain.ts';

const PORTS = [1_000, 80] as const;
const SMALL_BYTES = 64;
const LARGE_BYTES = 32_768;
const SECTION_BYTES = 4_096;

export interface DevicePlan {
  /** Round trips of each figure, in each of the rounds, which take turns. */
  readonly trips: number;
  readonly rounds: number;
}
export const FULL_DEVICES: DevicePlan = { trips: 1_000, rounds: 7 };
export const QUICK_DEVICES: DevicePlan = { trips: 200, rounds: 3 };

export interface DeviceFigure {
  readonly what: string;
  /** Median of the rounds' medians, microseconds. */
  readonly argusMicros: number;
  readonly plainMicros: number;
  /** How many times as long Argus takes. */
  readonly times: number;
}

/** `folder`: for sockets. */
export async function runDevices(folder: string, plan: DevicePlan): Promise<readonly DeviceFigure[]> {
  const system = await openSystem();
  const plain = await unixPair(folder);
  const shared = sharedPair(system, SECTION_BYTES);
  const figures: DeviceFigure[] = [];
  try {
    await withGuests(OPEN_ROWS, async (installation, boot) => {
      await installation.broker({ watchPolicy: false });
      const mail = await boot('mail-vm', [PORTS[1]]);
      const vsock = await vsockPair(await boot('chrome-vm'), mail);
      for (const bytes of [SMALL_BYTES, LARGE_BYTES])
        figures.push(await compare(`vsock round trip, ${bytes} B`, bytes, plan, vsock, plain));
    });
    await withRegions(system, folder, async (doorbells) => {
      figures.push(await compare('ivshmem doorbell and back, 4 KiB sections', SECTION_BYTES, plan, doorbells, shared));
    });
  } finally {
    plain.close();
    shared.close();
  }
  return figures;
}

async function compare(
  what: string,
  bytes: number,
  { trips, rounds }: DevicePlan,
  argus: Pick<Pair, 'roundTrip'>,
  plain: Pair,
): Promise<DeviceFigure> {
  const times: { argus: number[]; plain: number[] } = { argus: [], plain: [] };
  for (let round = 0; round <= rounds; round++)
    for (const [name, pair] of [
      ['argus', argus],
      ['plain', plain],
    ] as const) {
      const took: number[] = [];
      for (let trip = 0; trip < trips; trip++) {
        const began = performance.now();
        await pair.roundTrip(Buffer.alloc(bytes, trip));
        took.push((performance.now() - began) * 1_000);
      }
      if (round > 0) times[name].push(median(took)); // the first round warms up
    }
  const [argusMicros, plainMicros] = [median(times.argus), median(times.plain)];
  return { what, argusMicros, plainMicros, times: argusMicros / plainMicros };
}

/** Two guests with a region each, of which one rings and the other rings back. */
async function withRegions(
  system: System,
  folder: string,
  run: (pair: Pick<Pair, 'roundTrip'>) => Promise<void>,
): Promise<void> {
  const peers = ['chrome-vm', 'mail-vm'];
  await withInstallation({ domains: { 'chrome-vm': [], 'mail-vm': [] } }, async (installation) => {
    await installation.writePolicyFile('services.yaml', IVSHMEM_SERVICES);
    await installation.writeRows(IVSHMEM_ROWS);
    await installation.broker({ watchPolicy: false });
    const guests: { readonly client: IvshmemClient; readonly close: () => void }[] = [];
    for (const name of peers) {
      const path = join(folder, `${name}.ivshmem`);
      const config = resolveDevices({ ivshmem: path, peers, section: String(SECTION_BYTES) });
      const devices = await startDevices(await installation.connect(name), config, () => {});
      const client = await new IvshmemClient(system, path).greeted(peers.length, 2);
      guests.push({
        client,
        close: () => {
          void devices.close();
          client.close();
        },
      });
    }
    try {
      const [chrome, mail] = guests.map(({ client }) => client);
      if (chrome === undefined || mail === undefined) return;
      let trips = 0;
      await run({
        roundTrip: async (bytes) => {
          trips++;
          chrome.write(SECTION_BYTES, bytes);
          chrome.ring(1);
          await mail.interrupted(trips);
          mail.ring(0);
          await chrome.interrupted(trips);
        },
      });
    } finally {
      for (const { close } of guests) close();
    }
  });
}

/** Data of one guest, returned by the other, over one connection. */
async function vsockPair(chrome: Guest, mail: Guest): Promise<Pick<Pair, 'roundTrip'>> {
  chrome.driver.send(chrome.driver.packet(Operation.request, CID.mail, PORTS));
  await mail.next();
  mail.driver.send(mail.driver.packet(Operation.response, CID.chrome, [PORTS[1], PORTS[0]]));
  await chrome.next();
  const taken = new Map<Guest, number>();
  const take = async (guest: Guest, bytes: number): Promise<void> => {
    for (let left = bytes; left > 0; ) left -= (await guest.next()).text.length;
    taken.set(guest, ((taken.get(guest) ?? 0) + bytes) >>> 0);
  };
  const give = (guest: Guest, to: number, ports: readonly [number, number], text: string): void =>
    guest.driver.send(guest.driver.packet(Operation.data, to, ports, { fwdCnt: taken.get(guest) ?? 0 }), text);
  return {
    roundTrip: async ({ length }) => {
      const text = 'x'.repeat(length);
      give(chrome, CID.mail, PORTS, text);
      await take(mail, length);
      give(mail, CID.chrome, [PORTS[1], PORTS[0]], text);
      await take(chrome, length);
    },
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
