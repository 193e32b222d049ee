/** `argus nats …`: the keys and the configuration of the NATS server that domains and brokers meet at. */
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { parseHostPort } from '../../../broker/base/index.ts';
import {
  makeNkey,
  NatsServerDirectory,
  type NatsSetup,
  SERVER_ENVIRONMENT,
  type Written,
} from '../../../broker/index.ts';
import { didYouMean } from '../../../policy/index.ts';
import { printJson } from '../output.ts';
import { sealingFrom, type UnsealedOption, unsealedOption } from '../unsealed.ts';
import { removeUser, rewriteServer } from './nats-server.ts';

interface JsonFlag {
  readonly json?: boolean;
}

export function natsCommand(): Command {
  return new Command('nats')
    .description('set up a NATS server for domains that come over one')
    .addCommand(keyCommand())
    .addCommand(configCommand())
    .addCommand(enrolCommand())
    .addCommand(revokeCommand());
}

function keyCommand(): Command {
  return new Command('key')
    .description('make the nkey of a VM or broker, where it will be used, and show its public half')
    .argument('<dir>', 'directory of its identity')
    .addHelpText(
      'after',
      '\nExample, in the VM:\n  argus nats key /etc/argus/identity --unsealed\n\nThe seed never leaves it.',
    )
    .addOption(unsealedOption('the seed'))
    .option('--json', 'print one JSON object')
    .action(async (directory: string, options: JsonFlag & UnsealedOption) => {
      const { publicKey } = await makeNkey(directory, sealingFrom(options));
      if (options.json === true) printJson({ publicKey });
      else process.stdout.write(`${publicKey}\n`);
    });
}

interface ConfigOptions extends UnsealedOption {
  readonly listen?: string;
  readonly host?: readonly string[];
  readonly policy?: string;
  readonly broker?: string;
  readonly tls?: boolean;
  readonly bundles?: boolean;
  readonly json?: boolean;
}

function configCommand(): Command {
  return new Command('config')
    .description('write nats-server.conf from the inventory; a running server is told to read it')
    .argument('<dir>', 'directory of the server: configuration, certificates, users')
    .option('--listen <host:port>', 'where the server listens: loopback or a private address')
    .option('--host <name...>', 'names and addresses that clients reach it by (default: the one it listens on)')
    .option('--policy <dir>', 'policy directory; its domains.yaml says whose carrier is "nats"')
    .option('--broker <name>', 'home of the domains that name none')
    .option('--tls', 'TLS between the server and its clients (what it begins with)')
    .option('--no-tls', 'plain TCP, on loopback or a private address: records are sealed all the same')
    .option('--bundles', 'JetStream on the server, for the bucket that carries signed policies')
    .option('--no-bundles', 'no JetStream (what it begins with)')
    .option('--unsealed', 'make TLS keys that lie on the disk in the clear; nats-server reads no others')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  argus nats config /etc/argus/nats --listen 127.0.0.1:4222 --policy /etc/argus/policy --broker host --unsealed\n\nWhat is not given stays as it was.',
    )
    .action(async (path: string, options: ConfigOptions) => {
      const directory = new NatsServerDirectory(path, sealingFrom(options));
      await refresh(directory, await merged(directory, options), options);
    });
}

const KIND_OF = { domain: 'domains', broker: 'brokers', admin: 'admins' } as const;

function enrolCommand(): Command {
  return new Command('enrol')
    .description('let a VM, a broker or an admin in: its public nkey, as "argus nats key" has shown it')
    .argument('<dir>', 'directory of the server')
    .argument('<name>', 'its name in domains.yaml, the broker’s, or the admin’s')
    .argument('<nkey>', 'U…')
    .addOption(new Option('--role <role>', 'what it is').choices(['domain', 'broker', 'admin']).default('domain'))
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  argus nats enrol /etc/argus/nats chrome-vm UA…')
    .action(async (path: string, name: string, nkey: string, flags: JsonFlag & { role: keyof typeof KIND_OF }) => {
      const { role } = flags;
      const directory = new NatsServerDirectory(path, 'sealed');
      const setup = await directory.setup();
      await directory.enrol(KIND_OF[role], name, nkey);
      await refresh(directory, setup, flags);
    });
}

function revokeCommand(): Command {
  return new Command('revoke')
    .description('shut a VM or broker out: its connections end, those of others do not')
    .argument('<dir>', 'directory of the server')
    .argument('<name>', 'as it was enrolled')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  argus nats revoke /etc/argus/nats chrome-vm')
    .action(async (path: string, name: string, flags: JsonFlag) => {
      const directory = new NatsServerDirectory(path, 'sealed');
      const setup = await directory.setup();
      print(directory, setup, await removeUser(path, name), flags);
    });
}

/** Merges the given options into those of the last run. */
async function merged(directory: NatsServerDirectory, options: ConfigOptions): Promise<NatsSetup> {
  const { listen, policy, broker } = options;
  const isWhole = listen !== undefined && policy !== undefined && broker !== undefined;
  const before = isWhole ? null : await directory.setup();
  const at = listen ?? before?.listen ?? '';
  return {
    listen: at,
    hosts: [...(options.host ?? (listen === undefined ? before?.hosts : undefined) ?? hostsOf(at))],
    policy: policy === undefined ? (before?.policy ?? '') : resolve(policy),
    broker: broker ?? before?.broker ?? '',
    tls: options.tls ?? before?.tls ?? true,
    bundles: options.bundles ?? before?.bundles ?? false,
  };
}

function hostsOf(listen: string): readonly string[] {
  const host = parseHostPort(listen)?.host ?? '';
  const isLoopback = host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
  return isLoopback ? [...new Set([host, 'localhost'])] : [host];
}

async function refresh(directory: NatsServerDirectory, setup: NatsSetup, flags: JsonFlag): Promise<void> {
  print(directory, setup, await rewriteServer(directory, setup), flags);
}

function print(directory: NatsServerDirectory, setup: NatsSetup, written: Written, { json }: JsonFlag): void {
  if (json === true) printJson({ config: directory.configFile, listen: setup.listen, ...written });
  else process.stdout.write(`${describe(directory, setup, written)}\n`);
}

/** A name that was mistyped stands next to the one that is still missing. */
function undeclared({ notDeclared, notEnrolled }: Written): string {
  return notDeclared.map((name) => `${name}${didYouMean(name, notEnrolled)}`).join('; ');
}

function describe(directory: NatsServerDirectory, setup: NatsSetup, written: Written): string {
  const lines = [`wrote ${directory.configFile}: ${written.users} users, listening on ${setup.listen}`];
  if (written.notEnrolled.length > 0)
    lines.push(`not enrolled, so not let in: ${written.notEnrolled.join(', ')} (argus nats enrol)`);
  if (written.notDeclared.length > 0)
    lines.push(`enrolled, but domains.yaml has no such domain with "carrier: nats": ${undeclared(written)}`);
  lines.push(
    written.reloaded
      ? 'the running server was told to read it'
      : `start it: ${ENVIRONMENT} nats-server -c ${directory.configFile}; ${needed(directory, setup)}`,
  );
  return lines.join('\n');
}

/** As a shell takes it. */
const ENVIRONMENT = Object.entries(SERVER_ENVIRONMENT)
  .map(([name, value]) => `${name}=${value}`)
  .join(' ');

function needed({ caFile }: NatsServerDirectory, { tls }: NatsSetup): string {
  return tls
    ? `domains and brokers need ${caFile} as nats-ca.pem`
    : 'its address ends in ?tls=off for domains and brokers';
}
