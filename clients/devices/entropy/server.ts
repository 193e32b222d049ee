/**
 * Random numbers of the host for a guest's virtio-rng. QEMU ends the queue and asks here, on a unix socket, by the
 * protocol of EGD (`-object rng-egd`), so that no memory is shared. QEMU sends one kind of request only:
 *
 *   u8 2 (read, and wait until there are enough) · u8 count     answer: so many bytes
 *
 * The numbers come from the kernel. Nothing of a guest, and nothing of another domain, goes into them.
 */
import { randomFillSync } from 'node:crypto';
import { ACCEPTS_PER_WAKE_UP } from '../base/index.ts';
import { type Descriptor, listenUnix, type System } from '../sys/index.ts';
import type { DeviceReport, DeviceSocket } from '../vhost-user/index.ts';

const BLOCKING_READ = 2;
const REQUEST_BYTES = 2;
/** As many as a queue may have chains in one wake-up. */
const REQUESTS_PER_WAKE_UP = 64;

/** @throws DeviceError ERR_DEVICE_SOCKET */
export async function serveEntropy(system: System, path: string, report: DeviceReport): Promise<DeviceSocket> {
  const listener = await listenUnix(system, path);
  let detach: ((fault: string | null) => void) | null = null;
  const watch = system.watch(listener, () => {
    for (let accepted = 0; accepted < ACCEPTS_PER_WAKE_UP; accepted++) {
      const socket = system.accept(listener);
      if (socket === null) return;
      if (detach !== null) {
        socket.close();
        report('refused', 'a second VMM was refused: the first one is still attached');
        continue;
      }
      report('attached', 'a VMM has attached');
      detach = attend(system, socket, (fault) => {
        detach = null;
        if (fault === null) report('detached', 'the VMM has detached');
        else report('vmm-fault', `the VMM is at fault and was detached: ${fault}`);
      });
    }
  });
  return {
    close: () => {
      watch.close();
      listener.close();
      detach?.(null);
    },
  };
}

/** Answers one VMM until it ends, or until the returned function is called. */
function attend(
  system: System,
  socket: Descriptor,
  onEnd: (fault: string | null) => void,
): (fault: string | null) => void {
  /** The first byte of a request whose second one has not come. */
  let rest = Buffer.alloc(0);
  const watch = system.watch(socket, () => {
    const received = system.receive(socket, REQUEST_BYTES * REQUESTS_PER_WAKE_UP);
    if (received.status === 'again') return;
    if (received.status !== 'bytes') {
      end(received.status === 'flood' ? 'descriptors, which no request has' : null);
      return;
    }
    for (const descriptor of received.descriptors) descriptor.close();
    const bytes = Buffer.concat([rest, received.bytes]);
    let wanted = 0;
    let at = 0;
    for (; at + REQUEST_BYTES <= bytes.length; at += REQUEST_BYTES) {
      if (bytes[at] !== BLOCKING_READ) {
        end(`request ${bytes[at]}`);
        return;
      }
      wanted += bytes[at + 1] ?? 0;
    }
    rest = Buffer.from(bytes.subarray(at));
    if (wanted > 0 && !system.send(socket, randomFillSync(Buffer.alloc(wanted)), [])) end('the answer was not read');
  });
  let isOpen = true;
  const end = (fault: string | null): void => {
    if (!isOpen) return;
    isOpen = false;
    watch.close();
    socket.close();
    onEnd(fault);
  };
  return end;
}
