/** `argus net …`: the agents that carry a VM's network through the broker. Each runs until SIGTERM or SIGINT. */
import { Command } from 'commander';
import {
  type NetworkConfig,
  parseNetworkConfig,
  readNetworkConfig,
  startNetworkEndpoint,
} from '../../agents/network/index.ts';
import { connect } from '../../sdk/index.ts';
import { untilInterrupted, whenInterrupted } from '../interrupt.ts';

interface CarrierFlags {
  readonly carrier: string;
  readonly identity: string;
}

export function netCommand(): Command {
  return new Command('net')
    .description('network between VMs: Ethernet links, DHCP, routes, TCP streams')
    .addCommand(linkCommand())
    .addCommand(dhcpCommand())
    .addCommand(routesCommand())
    .addCommand(connectCommand())
    .addCommand(listenCommand())
    .addCommand(allCommand());
}

function agentCommand(name: string): Command {
  return new Command(name)
    .requiredOption('--carrier <address>', 'where the broker listens for this domain: unix:/run/argus/NAME.sock')
    .requiredOption('--identity <directory>', 'identity of this domain (argus keys enrol)');
}

interface LinkFlags extends CarrierFlags {
  readonly peer: readonly string[];
  readonly qemu?: string;
  readonly qemuConnect?: string;
  readonly tap?: string;
  readonly persist?: true;
  readonly offload: boolean;
  readonly mac?: string;
  readonly mtu?: string;
  readonly dhcpFrom?: string;
  readonly dhcpServe?: true;
}

function linkCommand(): Command {
  return agentCommand('link')
    .description('carry Ethernet frames between a NIC and other domains, each frame decided by policy')
    .requiredOption('--peer <domain>', 'a domain at the other end; may be repeated', collect, [])
    .option('--qemu <path>', 'make this unix socket for QEMU: -netdev stream,server=off,addr.type=unix,addr.path=PATH')
    .option(
      '--qemu-connect <path>',
      'or connect to QEMU, again after each restart: -netdev stream,server=on,addr.type=unix,addr.path=PATH',
    )
    .option('--tap <device>', 'or use this TAP device, made if need be')
    .option('--mac <address>', 'with --tap: the address that the inventory gives this domain')
    .option('--persist', 'with --tap: the device stays after this program, with its addresses and routes')
    .option('--no-offload', 'with --tap: frames of one MTU, with their checksums, also where the other ends take more')
    .option('--mtu <bytes>', 'with --tap: its MTU, 576 to 9000')
    .option('--dhcp-from <domain>', 'DHCP requests go to this domain')
    .option('--dhcp-serve', 'a DHCP server, such as dnsmasq, is behind this link')
    .addHelpText(
      'after',
      '\nExamples:\n  argus net link --carrier unix:/run/argus/chrome-vm.sock --identity /etc/argus/chrome-vm --peer net-vm --dhcp-from net-vm --qemu /run/argus-net/chrome-vm.sock\n  argus net link --carrier … --identity … --peer chrome-vm --peer mail-vm --tap argus0 --mac 02:00:00:00:00:02\n\ndocs/network.md has the whole set-up for QEMU, microvm.nix and network namespaces',
    )
    .action(({ carrier, identity, peer, mtu, ...rest }: LinkFlags) =>
      run(
        parse({
          carrier,
          identity,
          link: { ...rest, peers: peer, ...(mtu === undefined ? {} : { mtu: Number(mtu) }) },
        }),
      ),
    );
}

interface DhcpFlags extends CarrierFlags {
  readonly config: string;
  readonly leases: string;
}

function dhcpCommand(): Command {
  return agentCommand('dhcp')
    .description('give out addresses to the domains that policy lets ask')
    .requiredOption('--config <file>', 'network, fixed addresses and pool (docs/network.md)')
    .requiredOption('--leases <file>', 'where leases are kept; made if need be')
    .addHelpText(
      'after',
      '\nExample:\n  argus net dhcp --carrier unix:/run/argus/net-vm.sock --identity /etc/argus/net-vm --config dhcp.yaml --leases /var/lib/argus/leases.json',
    )
    .action(({ carrier, identity, config, leases }: DhcpFlags) =>
      run(parse({ carrier, identity, dhcp: { config, leases } })),
    );
}

interface RoutesFlags extends CarrierFlags {
  readonly announceTo?: readonly string[];
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly internet?: true;
  readonly prefix?: readonly string[];
  readonly internal?: readonly string[];
  readonly device?: string;
  readonly from?: string;
  readonly accept?: readonly string[];
}

function routesCommand(): Command {
  return agentCommand('routes')
    .description('announce the routes of this router, or take those of another')
    .option('--announce-to <domain>', 'a router: announce to this domain; may be repeated', collect)
    .option('--ipv4 <address>', 'a router: its own address in the inventory')
    .option('--ipv6 <address>', 'a router: its own address in the inventory')
    .option('--internet', 'a router: announce a default route while there is one')
    .option('--prefix <prefix>', 'a router: announce routes that lie in this prefix; may be repeated', collect)
    .option(
      '--internal <prefix>',
      'a router: network of the VMs, which no uplink may overlap; may be repeated',
      collect,
    )
    .option('--device <name>', 'a router: where the VMs are; a guest: where routes lead out')
    .option('--from <domain>', 'a guest: take the routes of this domain')
    .option('--accept <prefix>', 'a guest: take only what lies in this prefix; may be repeated (default: all)', collect)
    .addHelpText(
      'after',
      '\nExamples:\n  argus net routes --carrier … --identity … --announce-to chrome-vm --ipv4 10.137.0.2 --internet --device argus0\n  argus net routes --carrier … --identity … --from net-vm --device eth0',
    )
    .action((flags: RoutesFlags, command: Command) => {
      const { carrier, identity, announceTo, from, accept, prefix, device, ...rest } = flags;
      if ((announceTo === undefined) === (from === undefined))
        command.error('error: give either --announce-to or --from');
      const part =
        announceTo === undefined
          ? { routes: { from, device, accept } }
          : { announce: { ...rest, to: announceTo, prefixes: prefix, device } };
      return run(parse({ carrier, identity, ...part }));
    });
}

interface ConnectFlags extends CarrierFlags {
  readonly local: string;
  readonly to: string;
  readonly replyPort: string;
  readonly timeout?: string;
}

function connectCommand(): Command {
  return agentCommand('connect')
    .description('carry TCP connections made here to another domain that runs "argus net listen"')
    .requiredOption('--local <host:port>', 'where programs of this VM connect to')
    .requiredOption('--to <domain:port>', 'the other domain and the Argo port of its listener')
    .requiredOption('--reply-port <port>', 'Argo port of this domain for the answers')
    .option('--timeout <ms>', 'how long a connection may take to be answered (default: 5000)')
    .addHelpText(
      'after',
      '\nExample:\n  argus net connect --carrier … --identity … --local 127.0.0.1:8080 --to net-vm:20080 --reply-port 20900',
    )
    .action(({ carrier, identity, local, to, replyPort, timeout }: ConnectFlags) => {
      const [domain = '', port = ''] = to.split(':');
      const part = { local, domain, port: Number(port), replyPort: Number(replyPort), ...timeoutOf(timeout) };
      return run(parse({ carrier, identity, connect: [part] }));
    });
}

interface ListenFlags extends CarrierFlags {
  readonly port: string;
  readonly to: string;
  readonly partner?: string;
  readonly timeout?: string;
}

function listenCommand(): Command {
  return agentCommand('listen')
    .description('carry streams of other domains to a TCP service of this one')
    .requiredOption('--port <port>', 'Argo port at which streams arrive')
    .requiredOption('--to <host:port>', 'the TCP service')
    .option('--partner <domain>', 'take streams of this domain only (default: every domain that policy allows)')
    .option('--timeout <ms>', 'how long the service may take to be reached (default: 5000)')
    .addHelpText('after', '\nExample:\n  argus net listen --carrier … --identity … --port 20080 --to 127.0.0.1:80')
    .action(({ carrier, identity, port, to, partner, timeout }: ListenFlags) =>
      run(parse({ carrier, identity, listen: [{ port: Number(port), to, partner, ...timeoutOf(timeout) }] })),
    );
}

function timeoutOf(text: string | undefined): { readonly timeoutMs?: number } {
  return text === undefined ? {} : { timeoutMs: Number(text) };
}

function allCommand(): Command {
  return new Command('agent')
    .description('all that one domain does on the network, in one process and session')
    .requiredOption('--config <file>', 'carrier, identity and parts: link, dhcp, routes, streams (docs/network.md)')
    .addHelpText('after', '\nExample:\n  argus net agent --config /etc/argus/network.yaml')
    .action(({ config }: { config: string }) => run(readNetworkConfig(config)));
}

function parse(input: unknown): NetworkConfig {
  return parseNetworkConfig(input, 'options');
}

function run(config: NetworkConfig): Promise<void> {
  return untilInterrupted((signal) => carry(config, signal));
}

async function carry(config: NetworkConfig, signal: AbortSignal): Promise<void> {
  let fail: (error: Error) => void = () => {};
  const failed = new Promise<Error>((resolve) => {
    fail = resolve;
  });
  const vm = await connect({ carrier: config.carrier, identity: config.identity, signal });
  vm.on('disconnected', ({ reason, isFinal }) => {
    if (isFinal) fail(reason);
    else say(`the session was lost (${reason.code}); coming back`);
  });
  vm.on('reconnected', () => say('the session is back'));
  try {
    const stop = await startNetworkEndpoint(vm, config, { say, fail });
    const error = await Promise.race([failed, whenInterrupted(signal)]);
    await stop();
    if (error instanceof Error) throw error;
  } finally {
    await vm.close();
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function collect(value: string, earlier: readonly string[] = []): string[] {
  return [...earlier, value];
}
