/** A region of ivshmem: a message is a section and a ring of the doorbell. */
import { openSystem } from '../../clients/devices/sys/index.ts';
import { IvshmemClient } from '../../test/devices/guest/ivshmem-client.ts';
import { SECTION_BYTES, type Wire, type WireEvents, type WireSetup } from './wire.ts';

const STATE_BYTES = 4_096;
const PEERS = 2;
export const VECTORS = 2;

export async function openIvshmemWire({ socket, place }: WireSetup, events: WireEvents): Promise<Wire> {
  const client = await new IvshmemClient(await openSystem(), socket).greeted(PEERS, VECTORS);
  const peer = 1 - place;
  const section = (of: number): number => STATE_BYTES + of * SECTION_BYTES;
  void (async () => {
    for (let count = 1; ; count++) {
      await client.interrupted(count);
      events.onBytes(client.read(section(peer), SECTION_BYTES).length);
    }
  })();
  return {
    send: (bytes) => {
      client.write(section(place), Buffer.alloc(bytes, 120));
      client.ring(peer);
      return true;
    },
    flush: () => {},
    close: () => client.close(),
  };
}
