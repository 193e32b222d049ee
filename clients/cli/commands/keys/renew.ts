/** `argus keys renew`: a new credential for a key that stays, on the host of the authority. */
import { Command, Option } from 'commander';
import {
  DEFAULT_TTL_SECONDS,
  describeKeyDirectory,
  issueIdentity,
  KeyError,
  openAuthority,
} from '../../../../keys/index.ts';
import { parseSeconds } from '../../durations.ts';
import { printJson } from '../../output.ts';
import { who } from '../../who.ts';
import { announce, describeAnnouncements, type RegisterDeliveryOptions, withAnnouncement } from './announce.ts';
import { isoTime, print } from './format.ts';

interface RenewOptions extends RegisterDeliveryOptions {
  readonly authority: string;
  readonly ttl: number;
  readonly json?: boolean;
}

export function renewCommand(): Command {
  return withAnnouncement(new Command('renew'))
    .description('renew the credential of an identity next to its authority; also one that has expired')
    .argument('<dir>', 'directory of the identity')
    .requiredOption('--authority <dir>', 'directory of the authority')
    .addOption(
      new Option('--ttl <time>', 'how long it is valid from now: 45s, 30m, 12h, 90d')
        .argParser(parseSeconds)
        .default(DEFAULT_TTL_SECONDS, `${DEFAULT_TTL_SECONDS / 86_400}d`),
    )
    .option('--json', 'as one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  argus keys renew /etc/argus/identity --authority /etc/argus/authority\n\nThe key and its generation stay. A domain uses the new credential with its next session, a broker when it starts again.\nWhere the authority is another host: argus keys approve, then argus keys install.',
    )
    .action(async (dir: string, options: RenewOptions) => {
      const shown = await describeKeyDirectory(dir, Date.now());
      const before = shown.kind === 'identity' ? shown.credential : null;
      if (before === null)
        throw new KeyError(
          'ERR_KEY_FILE_MISSING',
          `"${dir}" holds no credential to renew; argus keys issue makes the first one`,
        );
      const terms = { name: before.name, role: before.role, ttlSeconds: options.ttl };
      const authority = await openAuthority(options.authority, who());
      // The key is there; if it is not, none is made in the clear.
      const { credential } = await issueIdentity(authority, dir, terms, 'sealed');
      const { name, role, generation, expiresAt } = credential;
      const announcements = await announce(authority, options);
      if (options.json === true) printJson({ name, role, generation, expiresAt, announcements });
      else
        print(
          `renewed ${name} (${role}), generation ${generation}, valid until ${isoTime(expiresAt)}`,
          ...describeAnnouncements(announcements, options.authority),
        );
    });
}
