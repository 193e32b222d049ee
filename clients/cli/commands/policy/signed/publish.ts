/** `argus policy publish`: a signed bundle comes into force at a running broker. */
import { join } from 'node:path';
import { Command } from 'commander';
import { BrokerError, BUNDLE_FILE } from '../../../../../broker/index.ts';
import type { Bundle } from '../../../../../policy/index.ts';
import { controlOption } from '../../../sockets/control.ts';
import { who } from '../../../who.ts';
import { print } from '../change/apply.ts';
import { call, type PutAnswer, statusOf } from '../change/in-force.ts';
import { readBundle, writeBundle } from './bundle-path.ts';

interface PublishOptions {
  readonly control?: string;
  readonly reason: string;
  readonly json?: true;
}

export function publishCommand(): Command {
  return new Command('publish')
    .description('put a signed bundle in force at a running broker that accepts only signed bundles')
    .argument('<bundle>', 'the bundle')
    .option('--reason <text>', 'why, for the archive and the audit log', '')
    .addOption(controlOption())
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nIf the broker refuses the bundle, the one before stays in force and in its place.\n\nExample:\n  argus policy publish ./next.bundle --reason "mail-vm stays silent"',
    )
    .action(async (path: string, options: PublishOptions) => {
      const bundle = await readBundle(path);
      const { policy } = await statusOf(options.control);
      if (policy.source !== 'signed')
        throw new BrokerError(
          'ERR_BROKER_SOURCE',
          `this broker does not take bundles (policy.source is ${policy.source}): use argus policy apply`,
        );
      print(await install(join(policy.directory, BUNDLE_FILE), bundle, options), options);
    });
}

async function install(place: string, bundle: Bundle, { control, reason }: PublishOptions): Promise<PutAnswer> {
  const before = await readBundle(place).catch(() => null);
  await writeBundle(place, bundle);
  try {
    return await call(control, '/v1/policy/reload', { by: who(), reason, cause: 'apply' });
  } catch (error) {
    if (before !== null) await writeBundle(place, before);
    throw error;
  }
}
