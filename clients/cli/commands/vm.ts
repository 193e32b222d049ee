/** `argus vm`: attaches the virtual machines of the inventory to the broker, and enrols them on their first boot. */
import { copyFile, readFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { INSPECTORS, readOptions } from '../../../broker/index.ts';
import { DEFAULT_TTL_SECONDS, openAuthority } from '../../../keys/index.ts';
import { didYouMean, loadPolicy } from '../../../policy/index.ts';
import { MAX_NET_QUEUE_PAIRS } from '../../devices/index.ts';
import { addVm } from '../../host/index.ts';
import {
  type AttachableDomain,
  agentFile,
  attachmentOf,
  DEVICE_KINDS,
  defaultHypervisor,
  deviceFragment,
  fragment,
  guestRecipe,
  HYPERVISORS,
  openEnrolment,
  VmError,
} from '../../vm/index.ts';
import { untilInterrupted, whenInterrupted } from '../interrupt.ts';
import { printJson } from '../output.ts';
import { who } from '../who.ts';
import { announce, describeAnnouncements, type RegisterDeliveryOptions, withAnnouncement } from './keys/announce.ts';
import { removeCommand } from './vm/remove.ts';

interface AddOptions {
  readonly host: string;
  readonly label: readonly string[];
  readonly domid?: number;
  readonly carrier?: string;
  readonly listed?: boolean;
  readonly json?: boolean;
}

function addCommand(): Command {
  return new Command('add')
    .description('add a virtual machine to a host made by "argus host init": its inventory row, key and credential')
    .argument('<name>', 'lower-case letters, digits and "-"')
    .option('--host <directory>', 'directory of the host', '.')
    .option('--label <label>', 'a label declared in domains.yaml; may be repeated', collect, [])
    .option('--domid <number>', 'its number; the lowest free one from 100 on by default', parseDomid)
    .option('--carrier <carrier>', 'as in domains.yaml, e.g. "serial" for QEMU; by default a process on this host')
    .option(
      '--listed',
      'the inventory lists it already, as a template does: make only its key, credential and agent.yaml',
    )
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  argus vm add files-vm --label @app --host my-host\n  argus vm add work --listed --host my-host',
    )
    .action(async (name: string, { host, label, domid, carrier, listed, json }: AddOptions) => {
      const added = await addVm(host, {
        by: who(),
        name,
        labels: label,
        ...(domid === undefined ? {} : { domid }),
        ...(carrier === undefined ? {} : { carrier }),
        ...(listed === undefined ? {} : { isListed: listed }),
      });
      const { policy, runtime } = readOptions(`${host}/argus.yaml`);
      const { source, directory } = policy;
      const machine = machineOf({ name, ...added }, runtime);
      // The policy that is in force has the row of a listed machine already.
      const needsApply = source === 'applied' && listed !== true;
      const needsBundle = (source === 'signed' || source === 'nats') && listed !== true;
      if (json === true)
        printJson({ name, ...added, hypervisor: null, fragment: null, ...machine, needsApply, needsBundle });
      else
        process.stdout.write(
          [
            `added ${name} (domid ${added.domid})`,
            `  identity  ${added.identity}`,
            ...(added.socket === null ? [] : [`  socket    ${added.socket}`]),
            `  its agent argus agent --config ${added.agentConfig}`,
            ...(machine === null
              ? [withoutMachine(added.carrier, `${directory}/domains.yaml`)]
              : [
                  `its hypervisor, in the words of ${machine.hypervisor} (others: argus vm command ${name} --for NAME --config ${host}/argus.yaml):`,
                  machine.fragment.trimEnd(),
                ]),
            ...(needsApply
              ? [
                  `policies are applied here (policy.source): ${name} can connect after  argus policy apply ${directory} --token HASH`,
                  '  HASH: of the policy in force, as "argus policy log -n 1" shows it',
                ]
              : []),
            ...(needsBundle
              ? [
                  `this broker accepts only signed bundles: ${name} can connect after  argus policy bundle ${directory}, sign and publish`,
                ]
              : []),
            '',
          ].join('\n'),
        );
    });
}

/** What attaches it; null for a domain that is a process, or comes over NATS. */
function machineOf(
  domain: AttachableDomain,
  runtime: string,
): { readonly hypervisor: string; readonly fragment: string } | null {
  if (!/^(serial|vsock)/.test(domain.carrier ?? '')) return null;
  const attachment = attachmentOf(domain, runtime);
  const hypervisor = defaultHypervisor(attachment);
  return { hypervisor, fragment: fragment(hypervisor, attachment) };
}

function withoutMachine(carrier: string | null, inventory: string): string {
  return carrier === 'nats'
    ? 'its hypervisor needs no device for it: it comes over NATS'
    : `its hypervisor: none, its row says a process on this host; for a machine write "carrier: serial" there (${inventory}), then: argus vm command`;
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function parseDomid(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new InvalidArgumentError('expected 0 … 32751.');
  return Number(text);
}

const DEFAULT_CONFIG = '/etc/argus/argus.yaml';

function commandCommand(): Command {
  return new Command('command')
    .description('print what attaches a domain of the inventory to the broker, for its hypervisor')
    .argument('<domain>', 'its name in domains.yaml')
    .addOption(new Option('--for <hypervisor>', 'whose words to use').choices([...HYPERVISORS]))
    .option('--config <file>', 'argus.yaml of the broker', DEFAULT_CONFIG)
    .addOption(
      new Option('--device <kind>', 'instead: what attaches this device of "argus device"').choices([...DEVICE_KINDS]),
    )
    .option('--socket <path>', 'with --device: where the device is served (default: /run/argus/vm/DOMAIN/DEVICE)')
    .option('--memory <MiB>', 'with --device: memory of the machine', '1024')
    .option('--queues <pairs>', 'with --device net: pairs of queues, one for each processor of the machine', '1')
    .option('--json', 'print one JSON object: the fragment, and what else to do')
    .addHelpText(
      'after',
      '\nExamples:\n  argus vm command chrome-vm --for libvirt\n  argus vm command chrome-vm --device vsock --memory 2048',
    )
    .action(async (name: string, flags: CommandFlags) => {
      const { for: hypervisor, config, device, memory } = flags;
      const { runtime, policy: source } = readOptions(config);
      const { directory } = source;
      const policy = await loadPolicy(directory, { revision: 1, inspectors: INSPECTORS });
      const domain = policy.domains.byName(name);
      if (domain === undefined) {
        const names = policy.domains.all.map((each) => each.name);
        throw new VmError(
          'ERR_VM_DOMAIN',
          `no domain "${name}" in ${directory}/domains.yaml${didYouMean(name, names)}; there are ${names.join(', ')}`,
        );
      }
      if (device !== undefined) {
        const socket = flags.socket ?? `/run/argus/vm/${name}/${device}`;
        const words = hypervisor ?? 'qemu';
        const { mac } = domain;
        if (device === 'net' && mac === null)
          throw new VmError(
            'ERR_VM_DOMAIN',
            `"${name}" has no "mac" in ${directory}/domains.yaml; a network card needs one`,
          );
        const queuePairs = pairsOfQueues(flags.queues, device);
        const text = deviceFragment(words, {
          ...{ domain: name, kind: device, mac, socket, queuePairs },
          memoryMib: mebibytes(memory),
        });
        const more = device === 'net' ? ` --link DOMAIN …${queuePairs > 1 ? ` --queues ${queuePairs}` : ''}` : '';
        const first = `start first, as the user of the VMM: argus device --domain ${name} --${device} ${socket}${more}`;
        printFragment(flags, { domain: name, hypervisor: words, fragment: text, notes: [first] });
        return;
      }
      const attachment = attachmentOf(domain, runtime);
      const words = hypervisor ?? defaultHypervisor(attachment);
      const notes = [
        ...(domain.vmm === null ? [] : [`run its VMM as the user ${domain.vmm}`]),
        ...(attachment.kind === 'vsock'
          ? [
              `in the guest, next to the agent (carrier unix:/run/argus/broker.sock):\n  ${guestRecipe(attachment).trimEnd()}`,
            ]
          : []),
      ];
      printFragment(flags, { domain: name, hypervisor: words, fragment: fragment(words, attachment), notes });
    });
}

interface Fragment {
  readonly domain: string;
  readonly hypervisor: string;
  readonly fragment: string;
  /** The user's task next to the fragment. */
  readonly notes: readonly string[];
}

function printFragment({ json }: CommandFlags, made: Fragment): void {
  if (json === true) {
    printJson(made);
    return;
  }
  process.stdout.write(made.fragment);
  for (const note of made.notes) process.stderr.write(`${note}\n`);
}

interface CommandFlags {
  readonly for?: string;
  readonly config: string;
  readonly device?: string;
  readonly socket?: string;
  readonly memory: string;
  readonly queues: string;
  readonly json?: boolean;
}

/** @throws VmError ERR_VM_CARRIER */
function mebibytes(text: string): number {
  const number = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (number < 1) throw new VmError('ERR_VM_CARRIER', `--memory "${text}": expected MiB, such as 1024`);
  return number;
}

function pairsOfQueues(text: string, device: string): number {
  const number = /^\d{1,2}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > MAX_NET_QUEUE_PAIRS)
    throw new VmError('ERR_VM_CARRIER', `--queues "${text}": expected 1 to ${MAX_NET_QUEUE_PAIRS} pairs`);
  if (number > 1 && device !== 'net') throw new VmError('ERR_VM_CARRIER', '--queues is for --device net');
  return number;
}

interface EnrolOptions extends RegisterDeliveryOptions {
  readonly authority: string;
  readonly socket: string;
  readonly vmm?: string;
}

function enrolCommand(): Command {
  return withAnnouncement(new Command('enrol'))
    .description('print a one-time token and give the guest that proves it a credential')
    .argument('<domain>', 'its name in domains.yaml')
    .requiredOption('--authority <dir>', 'directory of the authority')
    .requiredOption('--socket <path>', 'where the guest’s port argus.enrol leads to')
    .option('--vmm <user>', 'name or uid of the user that runs the guest’s VMM: the socket is to be its own')
    .addHelpText(
      'after',
      '\nExample:\n  argus vm enrol chrome-vm --authority /etc/argus/authority --socket /run/argus/chrome-vm.enrol',
    )
    .action((name: string, options: EnrolOptions) => untilInterrupted((signal) => enrol(name, options, signal)));
}

async function enrol(name: string, options: EnrolOptions, signal: AbortSignal): Promise<void> {
  const { authority: directory, socket, vmm } = options;
  const authority = await openAuthority(directory, who());
  const user = vmm === undefined ? {} : { vmm: /^\d+$/.test(vmm) ? Number(vmm) : vmm };
  const enrolment = await openEnrolment(authority, { name, socket, ttlSeconds: DEFAULT_TTL_SECONDS, ...user });
  process.stdout.write(`${enrolment.token}\n`);
  process.stderr.write(`give this token to ${name} only; waiting at ${socket}\n`);
  const enrolled = await Promise.race([enrolment.done, whenInterrupted(signal)]);
  await enrolment.close();
  if (!enrolled) throw new VmError('ERR_VM_DOMAIN', `nobody proved the token of "${name}"; start again`);
  process.stderr.write(`enrolled ${name}: ${enrolled.thumbprint}\n`);
  const announcements = await announce(authority, options);
  process.stderr.write(`${describeAnnouncements(announcements, directory).join('\n')}\n`);
}

function agentCommand(): Command {
  return new Command('agent')
    .description('write the agent of a virtual machine, one file that needs nothing but Node, for a guest’s image')
    .argument('<file>', 'where to; "-" = standard output')
    .addHelpText('after', '\nExample:\n  argus vm agent image/usr/lib/argus/argus.mjs')
    .action(async (file: string) => {
      if (file === '-') process.stdout.write(await readFile(agentFile()));
      else await copyFile(agentFile(), file);
    });
}

export function vmCommand(): Command {
  return new Command('vm')
    .description('virtual machines: what attaches them, their first credential, and their agent')
    .addCommand(addCommand())
    .addCommand(removeCommand())
    .addCommand(commandCommand())
    .addCommand(enrolCommand())
    .addCommand(agentCommand());
}
