/**
 * QEMU's ivshmem server protocol (docs/specs/ivshmem-spec.rst), the server's side, for one VMM at one socket.
 *
 * The server speaks, the client never does. A message is an i64, with at most one descriptor: the protocol version, the
 * client's own place, -1 with the memory, then each peer's place once per vector with the eventfd to ring it, and at last
 * the own place once per vector with the eventfd that interrupts the guest.
 *
 * The memory is this guest's own, and so are the eventfds: a doorbell rings *us*, never another guest. All peers are
 * announced from the start, so the announcement tells nothing about who is there.
 */
import { ACCEPTS_PER_WAKE_UP } from '../base/index.ts';
import { type Descriptor, listenUnix, type System, type Watch } from '../sys/index.ts';
import type { DeviceReport } from '../vhost-user/index.ts';

const PROTOCOL_VERSION = 0n;
const MEMORY = -1n;

export interface IvshmemPlan {
  readonly peers: number;
  readonly self: number;
  readonly vectors: number;
  readonly memory: Descriptor;
}

export interface IvshmemSocket {
  /** Interrupts the guest. */
  interrupt(vector: number): void;
  close(): void;
}

/** @throws DeviceError ERR_DEVICE_SOCKET, ERR_DEVICE_SYSTEM */
export async function serveIvshmem(
  system: System,
  path: string,
  plan: IvshmemPlan,
  onDoorbell: (peer: number, vector: number) => void,
  report: DeviceReport,
): Promise<IvshmemSocket> {
  const { peers, self, vectors, memory } = plan;
  const watches: Watch[] = [];
  const events: Descriptor[] = [];
  const newEvent = (): Descriptor => {
    const event = system.eventfd();
    events.push(event);
    return event;
  };
  const interrupts = Array.from({ length: vectors }, newEvent);
  const doorbells: { readonly peer: number; readonly event: Descriptor }[] = [];
  for (let peer = 0; peer < peers; peer++) {
    if (peer === self) continue;
    for (let vector = 0; vector < vectors; vector++) {
      const event = newEvent();
      doorbells.push({ peer, event });
      watches.push(
        system.watch(event, () => {
          if (system.drain(event)) onDoorbell(peer, vector);
        }),
      );
    }
  }

  let current: { readonly socket: Descriptor; readonly watch: Watch } | null = null;
  const detach = (event: 'detached' | 'vmm-fault', line: string): void => {
    if (current === null) return;
    current.watch.close();
    current.socket.close();
    current = null;
    report(event, line);
  };
  const greet = (socket: Descriptor): boolean => {
    const tell = (number: bigint, descriptor: Descriptor | null): boolean => {
      const message = Buffer.alloc(8);
      message.writeBigInt64LE(number);
      return system.send(socket, message, descriptor === null ? [] : [descriptor]);
    };
    return (
      tell(PROTOCOL_VERSION, null) &&
      tell(BigInt(self), null) &&
      tell(MEMORY, memory) &&
      doorbells.every(({ peer, event }) => tell(BigInt(peer), event)) &&
      interrupts.every((event) => tell(BigInt(self), event))
    );
  };

  const listener = await listenUnix(system, path);
  watches.push(
    system.watch(listener, () => {
      for (let accepted = 0; accepted < ACCEPTS_PER_WAKE_UP; accepted++) {
        const socket = system.accept(listener);
        if (socket === null) return;
        if (current !== null || !greet(socket)) {
          socket.close();
          report('refused', 'a VMM was refused: another one is attached, or it does not read');
          continue;
        }
        // Readable means gone, or a client that speaks: both end it.
        const watch = system.watch(socket, () => {
          const received = system.receive(socket, 1);
          if (received.status === 'again') return;
          if (received.status === 'bytes') for (const descriptor of received.descriptors) descriptor.close();
          if (received.status === 'end') detach('detached', 'the VMM has detached');
          else detach('vmm-fault', 'the VMM is at fault and was detached: it spoke');
        });
        current = { socket, watch };
        report('attached', 'a VMM has attached');
      }
    }),
  );
  return {
    interrupt: (vector) => {
      const event = interrupts[vector];
      if (event !== undefined) system.signal(event);
    },
    close: () => {
      detach('detached', 'the VMM was detached');
      for (const watch of watches) watch.close();
      for (const event of events) event.close();
      listener.close();
      memory.close();
    },
  };
}
