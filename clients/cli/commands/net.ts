/** `argus net …`: the agents that carry a VM's network through the broker. Each runs until SIGTERM or SIGINT. */
import { Command, InvalidArgumentError } from 'commander';
import { type Attachment, attachTap, Link, listenQemu } from '../../network/index.ts';
import { connect, type Vm } from '../../sdk/index.ts';

interface CarrierOptions {
  readonly carrier: string;
  readonly identity: string;
}

export function netCommand(): Command {
  return new Command('net')
    .description('network between VMs: Ethernet links, DHCP, routes, TCP streams')
    .addCommand(linkCommand());
}

function agentCommand(name: string): Command {
  return new Command(name)
    .requiredOption('--carrier <address>', 'where the broker listens for this domain: unix:/run/argus/NAME.sock')
    .requiredOption('--identity <directory>', 'identity of this domain (argus keys enrol)');
}

interface LinkFlags extends CarrierOptions {
  readonly peer: readonly string[];
  readonly qemu?: string;
  readonly tap?: string;
  readonly mac?: string;
  readonly mtu?: number;
  readonly dhcpFrom?: string;
  readonly dhcpServe?: true;
}

function linkCommand(): Command {
  return agentCommand('link')
    .description('carry Ethernet frames between a NIC and other domains, each frame decided by policy')
    .requiredOption('--peer <domain>', 'a domain at the other end; may be repeated', collect, [])
    .option('--qemu <path>', 'make this unix socket for QEMU: -netdev stream,server=off,addr.type=unix,addr.path=PATH')
    .option('--tap <device>', 'or use this TAP device, made if need be')
    .option('--mac <address>', 'with --tap: the address that the inventory gives this domain')
    .option('--mtu <bytes>', 'with --tap: its MTU', parseMtu)
    .option('--dhcp-from <domain>', 'DHCP requests go to this domain')
    .option('--dhcp-serve', 'a DHCP server, such as dnsmasq, is behind this link')
    .addHelpText(
      'after',
      '\nExamples:\n  argus net link --carrier unix:/run/argus/chrome-vm.sock --identity /etc/argus/chrome-vm --peer net-vm --dhcp-from net-vm --qemu /run/argus-net/chrome-vm.sock\n  argus net link --carrier … --identity … --peer chrome-vm --peer mail-vm --tap argus0 --mac 02:00:00:00:00:02\n\ndocs/network.md has the whole set-up for QEMU, microvm.nix and network namespaces',
    )
    .action(runLink);
}

async function runLink(flags: LinkFlags, command: Command): Promise<void> {
  const { qemu, tap, dhcpFrom, dhcpServe } = flags;
  if ((qemu === undefined) === (tap === undefined)) command.error('error: give either --qemu or --tap');
  if (dhcpFrom !== undefined && dhcpServe === true)
    command.error('error: --dhcp-from and --dhcp-serve exclude each other');
  const vm = await connect({ carrier: flags.carrier, identity: flags.identity });
  const dhcp = dhcpFrom !== undefined ? { ask: dhcpFrom } : dhcpServe === true ? ({ serve: true } as const) : null;
  const link = new Link(vm, { peers: flags.peer, dhcp });
  await runUntilStopped(vm, async (fail) => {
    await link.open();
    if (tap !== undefined) {
      const onEnd = (error: Error | null): void => fail(error ?? new Error(`TAP device "${tap}" is gone`));
      link.attach(await attachTap({ device: tap, mac: flags.mac ?? null, mtu: flags.mtu ?? null }, link.send, onEnd));
      say(`${vm.name}: TAP device ${tap} linked to ${flags.peer.join(', ')}`);
      return () => link.close();
    }
    const onAttached = (attachment: Attachment): void => {
      link.attach(attachment);
      say(`${vm.name}: a VM is attached`);
    };
    const onDetached = (): void => {
      link.attach(null);
      say(`${vm.name}: the VM is gone; waiting for the next`);
    };
    const socket = await listenQemu(qemu ?? '', link.send, onAttached, onDetached);
    say(`${vm.name}: waiting for QEMU at ${qemu}, linked to ${flags.peer.join(', ')}`);
    return async () => {
      await socket.close();
      await link.close();
    };
  });
  const { sent, received, lost } = link.counters;
  const losses = [...lost].map(([reason, count]) => `${count} ${reason}`).join(', ');
  say(`frames: ${sent} sent, ${received} received${losses === '' ? '' : `; lost: ${losses}`}`);
}

/** Runs an agent from `start` to its stop; what `start` gives back undoes it. */
async function runUntilStopped(
  vm: Vm,
  start: (fail: (error: Error) => void) => Promise<() => Promise<void> | void>,
): Promise<void> {
  let end: (error: Error | null) => void = () => {};
  const ended = new Promise<Error | null>((resolve) => {
    end = resolve;
  });
  process.once('SIGTERM', () => end(null));
  process.once('SIGINT', () => end(null));
  vm.on('disconnected', ({ reason, isFinal }) => {
    if (isFinal) end(reason);
    else say(`the session was lost (${reason.code}); coming back`);
  });
  vm.on('reconnected', () => say('the session is back'));
  try {
    const stop = await start(end);
    const error = await ended;
    await stop();
    if (error !== null) throw error;
  } finally {
    await vm.close();
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function collect(value: string, earlier: readonly string[]): string[] {
  return [...earlier, value];
}

function parseMtu(text: string): number {
  const mtu = Number(text);
  if (!Number.isInteger(mtu) || mtu < 576 || mtu > 9_000) throw new InvalidArgumentError('expected 576 … 9000.');
  return mtu;
}
