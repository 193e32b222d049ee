/** `argus keys approve`: shows the requests for a credential, and issues it to the key that a person has compared. */
import { Command, Option } from 'commander';
import {
  approveToFiles,
  DEFAULT_TTL_SECONDS,
  listHolders,
  openAuthority,
  readRequest,
} from '../../../../keys/index.ts';
import { parseSeconds } from '../../durations.ts';
import { printJson } from '../../output.ts';
import { who } from '../../who.ts';
import { announce, describeAnnouncements, type RegisterDeliveryOptions, withAnnouncement } from './announce.ts';
import { isoTime, print, quoted } from './format.ts';

interface ApproveOptions extends RegisterDeliveryOptions {
  readonly authority: string;
  readonly thumbprint?: string;
  readonly ttl: number;
  readonly out: string;
  readonly json?: boolean;
}

export function approveCommand(): Command {
  return withAnnouncement(new Command('approve'))
    .description('show a signed request, or issue what it asks for')
    .argument('<request>', 'request.jws of the holder, as argus keys enrol wrote it')
    .requiredOption('--authority <dir>', 'directory of the authority')
    .option('--thumbprint <thumbprint>', 'the key that the holder shows at its end; without it nothing is issued')
    .addOption(
      new Option('--ttl <time>', 'how long it is valid: 45s, 30m, 12h, 90d')
        .argParser(parseSeconds)
        .default(DEFAULT_TTL_SECONDS, `${DEFAULT_TTL_SECONDS / 86_400}d`),
    )
    .option('--out <dir>', 'where the two files to hand back are written', '.')
    .option('--json', 'as one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  argus keys approve ./request.jws --authority /etc/argus/authority\n\nWithout --thumbprint it only shows who asks, and which keys the holder has already.',
    )
    .action(async (file: string, options: ApproveOptions) => {
      const authority = await openAuthority(options.authority, who());
      const request = await readRequest(file);
      const { name, role, thumbprint, requestedAt } = request;
      const held = (await listHolders(authority, Date.now())).filter((key) => key.name === name && key.role === role);
      const others = held.filter((key) => key.thumbprint !== thumbprint && key.state !== 'revoked');
      if (options.thumbprint === undefined) {
        if (options.json === true) printJson({ name, role, thumbprint, requestedAt, retires: others });
        else
          print(
            `${role} ${name} asks for a credential for the key ${thumbprint} (${isoTime(requestedAt)} by its clock)`,
            ...others.map((key) => `approving it retires the key ${key.thumbprint} of generation ${key.generation}`),
            'nothing was issued; compare the thumbprint with what the holder shows, then:',
            `  argus keys approve ${quoted(file)} --authority ${quoted(options.authority)} --thumbprint ${thumbprint}`,
          );
        return;
      }
      const terms = { ttlSeconds: options.ttl, thumbprint: options.thumbprint, out: options.out };
      const { credential, credentialFile, authorityFile } = await approveToFiles(authority, request, terms);
      const announcements = await announce(authority, options);
      if (options.json === true) {
        printJson({ credential, credentialFile, authorityFile, retired: others, announcements });
        return;
      }
      print(
        `issued to ${name} (${role}), generation ${credential.generation}, valid until ${isoTime(credential.expiresAt)}`,
        ...others.map((key) => `retired the key ${key.thumbprint}; next: argus keys publish, so that brokers know it`),
        ...describeAnnouncements(announcements, options.authority),
        `hand back: ${credentialFile} ${authorityFile}`,
        'next, where the key was made:',
        `  argus keys install DIR --credential ${quoted(`${name}.credential.jwt`)} --authority authority.pub.jwk`,
      );
    });
}
