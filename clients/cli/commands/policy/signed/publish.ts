/**
 * `argus policy publish`: a signed bundle comes into force at a running broker, or goes into the bucket of a NATS server,
 * where all brokers take it from.
 */
import { join } from 'node:path';
import { Command } from 'commander';
import { BrokerError, BUNDLE_FILE, publishBundle } from '../../../../../broker/index.ts';
import { type Bundle, hashFiles, PolicyError } from '../../../../../policy/index.ts';
import { printJson } from '../../../output.ts';
import { withAdminBucket } from '../../../sockets/admin-bucket.ts';
import { controlOption } from '../../../sockets/control.ts';
import { who } from '../../../who.ts';
import { print } from '../change/apply.ts';
import { type PutAnswer, reload, statusOf } from '../change/in-force.ts';
import { readBundle, writeBundle } from './bundle-path.ts';

interface PublishOptions {
  readonly control?: string;
  readonly nats?: string;
  readonly identity?: string;
  readonly reason: string;
  readonly json?: true;
}

export function publishCommand(): Command {
  return new Command('publish')
    .description('put a signed bundle in force at a running broker that accepts only signed bundles')
    .argument('<bundle>', 'the bundle')
    .option('--reason <text>', 'why, for the archive and the audit log', '')
    .addOption(controlOption())
    .option('--nats <url>', 'write it into the bucket of this NATS server, for all brokers with "source: nats"')
    .option('--identity <directory>', 'with --nats: your key and nkey, those of an admin of the server')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nIf the broker refuses the bundle, the one before stays in force and in its place.\n\nExamples:\n  argus policy publish ./next.bundle --reason "mail-vm stays silent"\n  argus policy publish ./next.bundle --nats nats://10.0.0.1:4222 --identity ~/.argus',
    )
    .action(async (path: string, options: PublishOptions, command: Command) => {
      const bundle = await readBundle(path);
      const { nats, identity } = options;
      if (nats !== undefined || identity !== undefined) {
        if (nats === undefined || identity === undefined)
          return command.error('error: --nats and --identity go together', { exitCode: 2 });
        if (options.reason !== '')
          return command.error('error: --reason goes to one broker; a bundle in the bucket has none', { exitCode: 2 });
        return intoBucket(path, bundle, nats, identity, options.json === true);
      }
      const { policy } = await statusOf(options.control);
      if (policy.source === 'nats')
        throw new BrokerError(
          'ERR_BROKER_SOURCE',
          'this broker takes its bundles from a NATS server: argus policy publish BUNDLE --nats URL --identity DIR',
        );
      if (policy.source !== 'signed')
        throw new BrokerError(
          'ERR_BROKER_SOURCE',
          `this broker does not take bundles (policy.source is ${policy.source}): use argus policy apply`,
        );
      print(await install(join(policy.directory, BUNDLE_FILE), bundle, policy.revision, options), options);
    });
}

async function intoBucket(
  path: string,
  bundle: Bundle,
  nats: string,
  identity: string,
  asJson: boolean,
): Promise<void> {
  if (bundle.signatures.policy === null)
    throw new PolicyError(
      'ERR_POLICY_BUNDLE_SIGNER',
      `"${path}" is not signed: argus policy sign ${path} --identity DIR`,
    );
  const mono = (): number => performance.now();
  const head = await withAdminBucket(nats, identity, (bucket) => publishBundle(bucket, bundle, mono));
  const policy = hashFiles(bundle.files);
  if (asJson) printJson({ version: head.version, policy, bytes: head.bytes });
  else
    process.stdout.write(
      `version ${head.version} is in the bucket, policy ${policy.slice(0, 12)}; who has it in force: argus cluster status --nats ${nats} --identity ${identity}\n`,
    );
}

async function install(
  place: string,
  bundle: Bundle,
  revision: number,
  { control, reason }: PublishOptions,
): Promise<PutAnswer> {
  const before = await readBundle(place).catch(() => null);
  await writeBundle(place, bundle);
  try {
    return await reload(control, revision, { by: who(), reason, cause: 'apply' });
  } catch (error) {
    if (before !== null) await writeBundle(place, before);
    throw error;
  }
}
