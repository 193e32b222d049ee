/** `argus keys`: makes authorities, keys and credentials, and shows the use of a directory of keys. */
import { Command, Option } from 'commander';
import {
  createAuthority,
  createIdentityKey,
  DEFAULT_TTL_SECONDS,
  describeKeyDirectory,
  type IdentityDescription,
  installCredential,
  issueToFiles,
  type KeyDirectoryDescription,
  openAuthority,
  parseRole,
  writeRequest,
} from '../../../keys/index.ts';
import { parseSeconds } from '../durations.ts';
import { printJson } from '../output.ts';
import { sealingFrom, type UnsealedOption, unsealedOption } from '../unsealed.ts';
import { who } from '../who.ts';
import { aeadCommand } from './keys/aead.ts';
import { announce, describeAnnouncements, type RegisterDeliveryOptions, withAnnouncement } from './keys/announce.ts';
import { approveCommand } from './keys/approve.ts';
import { authorityCommand } from './keys/authority.ts';
import { isoTime, print, quoted, roleOption } from './keys/format.ts';
import { auditCommand, listCommand } from './keys/list.ts';
import { migrateCommand, receiveCommand } from './keys/migrate.ts';
import { refusalAt } from './keys/refusal.ts';
import { registerCommand } from './keys/register.ts';
import { renewCommand } from './keys/renew.ts';
import { publishCommand, revokeCommand } from './keys/revoke.ts';
import { rotateCommand } from './keys/rotate.ts';
import { backupCommand, restoreCommand, sealCommand, unsealCommand } from './keys/sealed.ts';
import { joinCommand, splitCommand } from './keys/split.ts';

function initCommand(): Command {
  return new Command('init')
    .description('make a new authority: the key that says who is who')
    .argument('<dir>', 'directory for it, made with mode 0700')
    .addOption(unsealedOption())
    .addHelpText(
      'after',
      '\nExample:\n  ARGUS_KEY_PASSPHRASE_FILE=/root/argus.passphrase argus keys init /etc/argus/authority\n  argus keys init /etc/argus/authority --unsealed',
    )
    .action(async (dir: string, options: UnsealedOption) => {
      const { thumbprint } = await createAuthority(dir, sealingFrom(options), who());
      print(
        `authority ${thumbprint} made in ${dir}`,
        'Keep authority.jwk to yourself, with a copy in a safe place: who has it can be anybody.',
        `next, in each VM: argus keys enrol DIR --name NAME`,
      );
    });
}

function enrolCommand(): Command {
  return new Command('enrol')
    .description('make the key pair of a VM, a broker or a person, where it will be used')
    .argument('<dir>', 'directory for it, made with mode 0700')
    .requiredOption('--name <name>', 'the name it will go by, as in domains.yaml')
    .addOption(roleOption())
    .addOption(unsealedOption())
    .addHelpText(
      'after',
      '\nExample, in the VM:\n  argus keys enrol /etc/argus/identity --name chrome-vm --unsealed\n\nRun again it changes nothing and says the same.',
    )
    .action(async (dir: string, options: { name: string; role: string } & UnsealedOption) => {
      const enrolled = await createIdentityKey(dir, options.name, sealingFrom(options));
      const { requestFile } = await writeRequest(dir, options.name, parseRole(options.role));
      print(
        `${enrolled.created ? 'made' : 'kept'} the key of ${enrolled.name}: ${enrolled.thumbprint}`,
        `public key: ${enrolled.publicKeyFile}`,
        `request: ${requestFile}`,
        'next, copy the request to the host of the authority and there:',
        `  argus keys approve FILE --authority DIR --thumbprint ${enrolled.thumbprint}`,
        'then bring back the two files it writes and here:',
        `  argus keys install ${quoted(dir)} --credential FILE --authority FILE`,
      );
    });
}

interface IssueOptions extends RegisterDeliveryOptions {
  readonly public: string;
  readonly authority: string;
  readonly role: string;
  readonly ttl: number;
  readonly out: string;
}

function issueCommand(): Command {
  return withAnnouncement(new Command('issue'))
    .description('sign a credential for a public key that was brought to the authority')
    .argument('<name>', 'the name the credential is for')
    .requiredOption('--public <file>', 'key.pub.jwk of the holder')
    .requiredOption('--authority <dir>', 'directory of the authority')
    .addOption(roleOption())
    .addOption(
      new Option('--ttl <time>', 'how long it is valid: 45s, 30m, 12h, 90d')
        .argParser(parseSeconds)
        .default(DEFAULT_TTL_SECONDS, `${DEFAULT_TTL_SECONDS / 86_400}d`),
    )
    .option('--out <dir>', 'where the two files to hand back are written', '.')
    .addHelpText(
      'after',
      '\nExample:\n  argus keys issue chrome-vm --public ./chrome-vm.pub.jwk --authority /etc/argus/authority --out ./hand-back',
    )
    .action(async (name: string, options: IssueOptions) => {
      const authority = await openAuthority(options.authority, who());
      const { credential, credentialFile, authorityFile } = await issueToFiles(authority, {
        name,
        role: parseRole(options.role),
        ttlSeconds: options.ttl,
        publicKeyFile: options.public,
        out: options.out,
      });
      print(
        `issued to ${name} (${credential.role}), valid until ${isoTime(credential.expiresAt)}, id ${credential.jti}`,
        ...describeAnnouncements(await announce(authority, options), options.authority),
        `hand back: ${credentialFile} ${authorityFile}`,
        'next, where the key was made:',
        `  argus keys install DIR --credential ${quoted(`${name}.credential.jwt`)} --authority authority.pub.jwk`,
      );
    });
}

function installCommand(): Command {
  return new Command('install')
    .description('put the credential that came back beside its key')
    .argument('<dir>', 'directory that enrol made')
    .requiredOption('--credential <file>', 'NAME.credential.jwt from the authority')
    .option('--authority <file>', 'authority.pub.jwk from the authority; not needed for a renewal')
    .addHelpText(
      'after',
      '\nExample:\n  argus keys install /etc/argus/identity --credential chrome-vm.credential.jwt --authority authority.pub.jwk',
    )
    .action(async (dir: string, options: { credential: string; authority?: string }) => {
      const credential = await installCredential(dir, {
        credentialFile: options.credential,
        ...(options.authority === undefined ? {} : { authorityFile: options.authority }),
      });
      print(`${dir} is ${credential.name} (${credential.role}) until ${isoTime(credential.expiresAt)}`);
    });
}

function describeIdentity(identity: IdentityDescription): readonly string[] {
  const { credential } = identity;
  const held =
    credential === null
      ? ['credential  none']
      : [
          `role        ${credential.role}`,
          `issuer      ${credential.issuer}`,
          `credential  ${credential.jti}`,
          `valid       ${isoTime(credential.notBefore)} to ${isoTime(credential.expiresAt)}`,
        ];
  return [`identity    ${identity.name ?? '(no name)'}`, `key         ${identity.thumbprint}`, ...held];
}

function describe(shown: KeyDirectoryDescription): readonly string[] {
  const lines = shown.kind === 'authority' ? [`authority   ${shown.thumbprint}`] : describeIdentity(shown);
  return [
    ...lines,
    shown.problem === null ? 'usable      yes' : `usable      no: ${shown.problem.message} (${shown.problem.code})`,
  ];
}

/** A problem of the directory comes first: without it there is nothing that a broker could refuse. */
async function refusedAs(
  shown: KeyDirectoryDescription,
  control: string | undefined,
): Promise<KeyDirectoryDescription> {
  if (control === undefined || shown.kind === 'authority' || shown.credential === null || shown.problem !== null)
    return shown;
  const problem = await refusalAt(control, shown.credential, Date.now() / 1_000);
  return problem === null ? shown : { ...shown, problem };
}

function showCommand(): Command {
  return new Command('show')
    .description('show what a directory holds: name, role, key, validity, issuer; never a secret')
    .argument('<dir>', 'directory of an identity or of an authority')
    .option('--control <path>', 'control socket of a broker: also whether it would refuse the key')
    .option('--json', 'as one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  argus keys show /etc/argus/identity\n  argus keys show /etc/argus/identity --control /run/argus/control.sock\n\nExits with 1 when a program could not start with it, or the broker would refuse it.',
    )
    .action(async (dir: string, options: { json?: boolean; control?: string }) => {
      const shown = await refusedAs(await describeKeyDirectory(dir, Date.now()), options.control);
      if (options.json === true) printJson(shown);
      else print(...describe(shown));
      if (shown.problem !== null) process.exitCode = 1;
    });
}

export function keysCommand(): Command {
  return new Command('keys')
    .description('authorities, key pairs, credentials and their revocation')
    .addCommand(initCommand())
    .addCommand(enrolCommand())
    .addCommand(approveCommand())
    .addCommand(issueCommand())
    .addCommand(installCommand())
    .addCommand(renewCommand())
    .addCommand(authorityCommand())
    .addCommand(rotateCommand())
    .addCommand(showCommand())
    .addCommand(listCommand())
    .addCommand(auditCommand())
    .addCommand(revokeCommand())
    .addCommand(publishCommand())
    .addCommand(registerCommand())
    .addCommand(sealCommand())
    .addCommand(unsealCommand())
    .addCommand(backupCommand())
    .addCommand(restoreCommand())
    .addCommand(splitCommand())
    .addCommand(joinCommand())
    .addCommand(migrateCommand())
    .addCommand(receiveCommand())
    .addCommand(aeadCommand());
}
