/** `argus device`: devices on the host for a guest that has no software of Argus. Runs until SIGTERM or SIGINT. */
import { Command } from 'commander';
import { resolveDevices, startDevices } from '../../devices/index.ts';
import { connect } from '../../sdk/index.ts';
import { untilInterrupted, whenInterrupted } from '../interrupt.ts';

interface DeviceFlags {
  readonly domain: string;
  readonly carrier?: string;
  readonly identity?: string;
  readonly vsock?: string;
  readonly listen?: readonly string[];
  readonly hostService?: readonly string[];
  readonly net?: string;
  readonly link?: readonly string[];
  readonly dhcpFrom?: string;
  readonly dhcpServe?: boolean;
  readonly queues?: string;
  readonly sound?: string;
  readonly audioVm?: string;
  readonly micLabel?: string;
  readonly entropy?: string;
  readonly ivshmem?: string;
  readonly peers?: readonly string[];
  readonly region?: string;
  readonly section?: string;
  readonly vectors?: string;
}

export function deviceCommand(): Command {
  return new Command('device')
    .description('virtio devices for a guest without any software of Argus: run it next to the VMM, as its user')
    .requiredOption('--domain <name>', 'whose guest it is')
    .option('--carrier <address>', 'where the broker listens for it (default: unix:/run/argus/NAME.sock)')
    .option('--identity <dir>', 'its identity (default: /etc/argus/identities/NAME)')
    .option('--vsock <socket>', 'serve a vhost-user-vsock device at this unix socket')
    .option('--listen <ports...>', 'vsock ports of the guest that other domains may reach, if policy lets them')
    .option('--host-service <services...>', 'PORT=SOCKET: vsock ports that lead guests to unix sockets of this host')
    .option('--net <socket>', 'serve a vhost-user network card at this unix socket')
    .option('--link <domains...>', 'the domains at the other ends of its cable')
    .option('--dhcp-from <domain>', 'DHCP requests of the guest go to this domain')
    .option('--dhcp-serve', 'a DHCP server runs in the guest')
    .option('--queues <pairs>', 'pairs of queues, one for each processor of the guest (default: 1)')
    .option('--sound <socket>', 'serve a vhost-user sound card at this unix socket')
    .option('--audio-vm <domain>', 'where its sound is heard, and where the microphone is (default: audio-vm)')
    .option('--mic-label <label>', 'the grantable label whose owners may hear (default: @mic)')
    .option('--entropy <socket>', 'random numbers for QEMU’s rng-egd at this unix socket')
    .option('--ivshmem <socket>', 'serve a region and doorbells to QEMU’s ivshmem-doorbell at this unix socket')
    .option('--peers <domains...>', 'the domains of the region in the order of their places; the same for every guest')
    .option('--region <number>', 'which region (default: 0)')
    .option('--section <bytes>', 'bytes that each guest may write, whole pages (default: 65536)')
    .option('--vectors <count>', 'interrupts of each guest, 1 to 8 (default: 2)')
    .addHelpText(
      'after',
      '\nExamples:\n  argus device --domain chrome-vm --vsock /run/argus/vm/chrome-vm/vsock --listen 22 5201\n  argus device --domain chrome-vm --net /run/argus/vm/chrome-vm/net --link net-vm --dhcp-from net-vm\n  argus device --domain chrome-vm --sound /run/argus/vm/chrome-vm/sound\n  argus device --domain chrome-vm --ivshmem /run/argus/vm/chrome-vm/ivshmem --peers chrome-vm gui-vm\nThe VMM connects to the socket; its arguments: docs/devices.md',
    )
    .action((flags: DeviceFlags) => untilInterrupted((signal) => serve(flags, signal)));
}

async function serve({ domain, carrier, identity, ...input }: DeviceFlags, signal: AbortSignal): Promise<void> {
  const config = resolveDevices(input);
  let fail: (error: Error) => void = () => {};
  const failed = new Promise<Error>((resolve) => {
    fail = resolve;
  });
  const vm = await connect({
    carrier: carrier ?? `unix:/run/argus/${domain}.sock`,
    identity: identity ?? `/etc/argus/identities/${domain}`,
    signal,
  });
  vm.on('disconnected', ({ reason, isFinal }) => {
    if (isFinal) fail(reason);
    else say(`the session was lost (${reason.code}); coming back`);
  });
  vm.on('reconnected', () => say('the session is back'));
  try {
    const devices = await startDevices(vm, config, say);
    const error = await Promise.race([failed, whenInterrupted(signal)]);
    await devices.close();
    if (error instanceof Error) throw error;
  } finally {
    await vm.close();
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
