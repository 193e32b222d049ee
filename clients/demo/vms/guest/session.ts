/** The session of a program in a guest: over the serial port and the SDK alone. What happens to it is printed. */
import { ArgusError, connect, type Vm } from '../../../sdk/index.ts';

const CARRIER = process.env.ARGUS_CARRIER ?? 'serial:/dev/virtio-ports/argus.0';
export const IDENTITY = process.env.ARGUS_IDENTITY ?? '/etc/argus/identity';
/** Under software emulation, with several guests at once. */
const HANDSHAKE_TIMEOUT_MS = 30_000;
const RETRY_MS = 200;

/** A line for the console, which the host reads. */
export const print = (line: string): void => void process.stdout.write(`${line}\n`);

export async function openSession(identity = IDENTITY): Promise<Vm> {
  for (;;) {
    try {
      const vm = await connect({ carrier: CARRIER, identity, handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS });
      print(`session ${vm.name} ${vm.domid}`);
      vm.on('disconnected', ({ reason }) => print(`lost ${reason.code}`));
      vm.on('reconnected', () => print('again'));
      return vm;
    } catch (error) {
      if (!(error instanceof ArgusError) || !isPassing(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS)); // the host's end may come later than the guest
    }
  }
}

function isPassing(error: ArgusError): boolean {
  return ['ERR_CLIENT_UNREACHABLE', 'ERR_CLIENT_LOST', 'ERR_CLIENT_HANDSHAKE_TIMEOUT', 'ERR_CLIENT_SHUTDOWN'].includes(
    error.code,
  );
}
