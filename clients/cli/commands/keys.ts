/** `argus keys`: makes authorities, keys and credentials, and shows what a directory of keys is good for. */
import { randomBytes } from 'node:crypto';
import { Command, InvalidArgumentError, Option } from 'commander';
import {
  AEAD_KEY_BYTES,
  AEAD_NONCE_BYTES,
  AEAD_TAG_BYTES,
  type Aead,
  aeadSelfTest,
  allAeads,
  chooseAead,
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
  ROLES,
} from '../../../keys/index.ts';
import { printJson } from '../output.ts';

/** Seconds per unit of `--ttl`. */
const TTL_UNITS: ReadonlyMap<string, number> = new Map([
  ['s', 1],
  ['m', 60],
  ['h', 3600],
  ['d', 86_400],
]);
/** A lone small message, 10 ms of audio and a full record; long enough for a first impression. */
const SPEED_LENGTHS = [64, 1764, 65_536] as const;
const SPEED_BUDGET_MS = 30;
/** The best of many short batches counts: other programs disturb the rest. */
const SPEED_BATCH = 16;
const RECORD_HEADER_BYTES = 24;

function print(...lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

function parseTtl(text: string): number {
  const [, count, unit] = /^([1-9][0-9]{0,8})([smhd])$/.exec(text) ?? [];
  const seconds = TTL_UNITS.get(unit ?? '');
  if (count === undefined || seconds === undefined)
    throw new InvalidArgumentError('expected a number and a unit, as in 90d, 12h, 30m or 45s.');
  return Number(count) * seconds;
}

/** In single quotes where a shell would read more into it. */
function quoted(argument: string): string {
  return /^[A-Za-z0-9_./:@%+=-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}

function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

function roleOption(): Option {
  return new Option('--role <role>', 'what the holder is').choices(ROLES).default('domain');
}

function initCommand(): Command {
  return new Command('init')
    .description('make a new authority: the key that says who is who')
    .argument('<dir>', 'directory for it, made with mode 0700')
    .addHelpText('after', '\nExample:\n  argus keys init /etc/argus/authority')
    .action(async (dir: string) => {
      const { thumbprint } = await createAuthority(dir);
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
    .addHelpText(
      'after',
      '\nExample, in the VM:\n  argus keys enrol /etc/argus/identity --name chrome-vm\n\nRun again it changes nothing and says the same.',
    )
    .action(async (dir: string, options: { name: string; role: string }) => {
      const enrolled = await createIdentityKey(dir, options.name);
      const role = options.role === 'domain' ? '' : ` --role ${options.role}`;
      print(
        `${enrolled.created ? 'made' : 'kept'} the key of ${enrolled.name}: ${enrolled.thumbprint}`,
        `public key: ${enrolled.publicKeyFile}`,
        'next, copy that file to the host of the authority and there:',
        `  argus keys issue ${enrolled.name} --public FILE --authority DIR${role}`,
        'then bring back the two files it writes and here:',
        `  argus keys install ${quoted(dir)} --credential FILE --authority FILE`,
      );
    });
}

interface IssueOptions {
  readonly public: string;
  readonly authority: string;
  readonly role: string;
  readonly ttl: number;
  readonly out: string;
}

function issueCommand(): Command {
  return new Command('issue')
    .description('sign a credential for a public key that was brought to the authority')
    .argument('<name>', 'the name the credential is for')
    .requiredOption('--public <file>', 'key.pub.jwk of the holder')
    .requiredOption('--authority <dir>', 'directory of the authority')
    .addOption(roleOption())
    .addOption(
      new Option('--ttl <time>', 'how long it is valid: 45s, 30m, 12h, 90d')
        .argParser(parseTtl)
        .default(DEFAULT_TTL_SECONDS, `${DEFAULT_TTL_SECONDS / 86_400}d`),
    )
    .option('--out <dir>', 'where the two files to hand back are written', '.')
    .addHelpText(
      'after',
      '\nExample:\n  argus keys issue chrome-vm --public ./chrome-vm.pub.jwk --authority /etc/argus/authority --out ./hand-back',
    )
    .action(async (name: string, options: IssueOptions) => {
      const authority = await openAuthority(options.authority);
      const { credential, credentialFile, authorityFile } = await issueToFiles(authority, {
        name,
        role: parseRole(options.role),
        ttlSeconds: options.ttl,
        publicKeyFile: options.public,
        out: options.out,
      });
      print(
        `issued to ${name} (${credential.role}), valid until ${isoTime(credential.expiresAt)}, id ${credential.jti}`,
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

function showCommand(): Command {
  return new Command('show')
    .description('show what a directory holds: name, role, key, validity, issuer; never a secret')
    .argument('<dir>', 'directory of an identity or of an authority')
    .option('--json', 'as one JSON object')
    .addHelpText('after', '\nExample:\n  argus keys show /etc/argus/identity')
    .action(async (dir: string, options: { json?: boolean }) => {
      const shown = await describeKeyDirectory(dir, Date.now());
      if (options.json === true) printJson(shown);
      else print(...describe(shown));
    });
}

/** What a program does: seal records of this length, each in the same memory. A first impression, not a benchmark. */
function sealMicroseconds(aead: Aead, length: number): number {
  const key = aead.importKey(randomBytes(AEAD_KEY_BYTES));
  const nonce = new Uint8Array(AEAD_NONCE_BYTES);
  const aad = new Uint8Array(RECORD_HEADER_BYTES);
  const memory = new Uint8Array(length + AEAD_TAG_BYTES);
  const start = performance.now();
  let best = Number.POSITIVE_INFINITY;
  do {
    const before = performance.now();
    // The key is thrown away afterwards: the nonce that repeats here protects nothing.
    for (let record = 0; record < SPEED_BATCH; record += 1) aead.sealInPlace(key, nonce, aad, memory, 0, length);
    best = Math.min(best, (performance.now() - before) / SPEED_BATCH);
  } while (performance.now() - start < SPEED_BUDGET_MS);
  key.free();
  return Math.round(best * 100_000) / 100;
}

function aeadCommand(): Command {
  return new Command('aead')
    .description('show the ciphers, which provider is used and why, and whether all agree on this machine')
    .option('--json', 'as one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  argus keys aead\n\nThe option "aead" of a broker (argus.yaml) or of connect() names another provider.',
    )
    .action((options: { json?: boolean }) => {
      aeadSelfTest();
      const { provider, reason } = chooseAead();
      const suites = allAeads().map((aead) => ({
        suite: aead.suite,
        provider: aead.provider,
        used: aead.provider === provider,
        sealMicroseconds: SPEED_LENGTHS.map((length) => sealMicroseconds(aead, length)),
      }));
      if (options.json === true) {
        printJson({ selfTest: 'passed', provider, reason, lengths: SPEED_LENGTHS, suites });
        return;
      }
      print(
        `suite    provider  used  ${SPEED_LENGTHS.map((length) => `${length} B`.padStart(11)).join('')}`,
        ...suites.map(
          (each) =>
            `${each.suite.padEnd(9)}${each.provider.padEnd(10)}${(each.used ? 'yes' : '-').padEnd(6)}${each.sealMicroseconds.map((time) => `${time} µs`.padStart(11)).join('')}`,
        ),
        ...(reason === null ? [] : [`in-place does not load here: ${reason}`]),
        'self-test passed: all providers give the published vectors and open what the others sealed',
      );
    });
}

export function keysCommand(): Command {
  return new Command('keys')
    .description('authorities, key pairs and credentials')
    .addCommand(initCommand())
    .addCommand(enrolCommand())
    .addCommand(issueCommand())
    .addCommand(installCommand())
    .addCommand(showCommand())
    .addCommand(aeadCommand());
}
