/** `argus keys revoke` and `argus keys publish`: keys that count no more, and the brokers that must know. */
import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { type Authority, KeyError, openAuthority, parseRole, readExtractFile } from '../../../../keys/index.ts';
import { announceRegister, sendExtracts } from '../../../host/index.ts';
import { printJson } from '../../output.ts';
import { who } from '../../who.ts';
import { removeUser } from '../nats-server.ts';
import { type Delivery, deliver, deliverBoth, describeDeliveries } from './deliver.ts';
import { collect, isoTime, parseTime, print, roleOption } from './format.ts';

interface RevokeOptions {
  readonly authority: string;
  readonly role: string;
  readonly reason: string;
  readonly until?: number;
  readonly control?: readonly string[];
  readonly nats?: string;
  readonly json?: boolean;
}

/** RFC 7638: 32 bytes in base64url. No name is as long and has capitals or underscores by chance; a name has none. */
function isThumbprint(text: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(text) && /[A-Z_]/.test(text);
}

export function revokeCommand(): Command {
  return new Command('revoke')
    .description('revoke all keys of a holder, or one key; open sessions with them end at once')
    .argument('<name|thumbprint>', 'a name (all its keys up to now) or the thumbprint of one key')
    .requiredOption('--authority <dir>', 'directory of the authority')
    .requiredOption('--reason <text>', 'why, for the register and the list')
    .addOption(roleOption())
    .option('--until <time>', 'the revocation ends then: 2027-01-31 or 2027-01-31T18:00Z (UTC)', parseTime)
    .option('--nats <dir>', 'directory of a NATS server: the holder’s user there goes as well')
    .option('--control <path>', 'control socket of a broker that gets the list at once; may be repeated', collect)
    .option('--json', 'as one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  argus keys revoke laptop-vm --authority /etc/argus/authority --reason "laptop stolen" --control /run/argus/control.sock\n  argus keys revoke laptop-vm --authority /etc/argus/authority --reason "laptop mislaid" --until 2027-01-31\n\nA new key for the holder, in a new directory, is accepted again: argus keys enrol, issue, install.\nAfter --nats it needs a new nkey too, also after the time of --until: argus nats key, argus nats enrol.',
    )
    .action(async (subject: string, options: RevokeOptions) => {
      const authority = await openAuthority(options.authority, who());
      const role = parseRole(options.role);
      const target = isThumbprint(subject) ? { thumbprint: subject } : { role, name: subject };
      const until = options.until ?? null;
      const list = await authority.revoke({ target, reason: options.reason, until });
      const { jws } = await authority.revocations();
      const user = await nameOf(authority, target);
      const [nats, deliveries] = await allOf(
        options.nats === undefined ? Promise.resolve(null) : shutOut(options.nats, user),
        deliverBoth(authority, jws, options.control ?? []),
      );
      if (options.json === true) {
        printJson({ subject, serial: list.serial, until, nats, deliveries });
        return;
      }
      print(
        `revoked ${subject}${until === null ? '' : ` until ${isoTime(until)}`}; list ${list.serial} has ${list.entries.length} entries`,
        ...(nats === null ? [] : [describeUser(nats)]),
        ...describeDeliveries(deliveries, options.authority),
      );
    });
}

/** Waits for both, also when one fails: a broker that is away must not keep the NATS user alive, and the reverse. */
async function allOf<A, B>(left: Promise<A>, right: Promise<B>): Promise<readonly [A, B]> {
  await Promise.allSettled([left, right]);
  return Promise.all([left, right]);
}

type Target = Parameters<Authority['revoke']>[0]['target'];

/** Under which name the holder is known to a NATS server. */
async function nameOf(authority: Authority, target: Target): Promise<string> {
  if ('name' in target) return target.name;
  return (await authority.issued()).find(({ thumbprint }) => thumbprint === target.thumbprint)?.name ?? '';
}

interface UserRemoval {
  readonly directory: string;
  readonly user: string;
  /** False: it had no user there. */
  readonly isRemoved: boolean;
  /** A running server was told. */
  readonly reloaded: boolean;
}

/** The list is signed already: a holder without a user there is no reason to stop before the brokers have it. */
async function shutOut(directory: string, user: string): Promise<UserRemoval> {
  try {
    const { reloaded } = await removeUser(directory, user);
    return { directory, user, isRemoved: true, reloaded };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_NATS_USER')
      return { directory, user, isRemoved: false, reloaded: false };
    throw error;
  }
}

function describeUser({ directory, user, isRemoved, reloaded }: UserRemoval): string {
  if (!isRemoved) return `${user} has no user at the NATS server of ${directory}`;
  return `removed the user ${user} of the NATS server of ${directory}${reloaded ? ', which was told' : ', which does not run'}`;
}

interface PublishOptions {
  readonly authority?: string;
  readonly list?: string;
  readonly register?: string;
  readonly control: readonly string[];
  readonly json?: boolean;
}

export function publishCommand(): Command {
  return new Command('publish')
    .description('give brokers the revocation list, and what was issued and revoked for their audit logs')
    .option('--authority <dir>', 'directory of the authority, on the same host')
    .option('--list <file>', 'or revocations.jws, as it was brought from there')
    .option('--register <file>', 'or what argus keys register wrote there')
    .requiredOption('--control <path>', 'control socket of a broker; may be repeated', collect)
    .option('--json', 'as one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  argus keys publish --authority /etc/argus/authority --control /run/argus/control.sock\n  argus keys publish --list ./revocations.jws --control /run/argus/control.sock\n  argus keys publish --register ./register.jws --control /run/argus/control.sock',
    )
    .action(async (options: PublishOptions) => {
      const { authority, list, register, control } = options;
      if ([authority, list, register].filter((given) => given !== undefined).length !== 1)
        throw new KeyError('ERR_KEY_REVOCATIONS', 'give --authority DIR, or --list FILE, or --register FILE');
      const deliveries = list === undefined ? [] : await deliver(await readFile(list, 'utf8'), control);
      const published = authority === undefined ? null : await publishAll(authority, control);
      const recorded = register === undefined ? (published?.recorded ?? 0) : await recordAll(register, control);
      const all = [...deliveries, ...(published?.deliveries ?? [])];
      if (options.json === true) printJson({ deliveries: all, recorded });
      else
        print(
          ...describeDeliveries(all, null),
          ...(list === undefined ? [`new in the audit logs: ${recorded} entries`] : []),
        );
    });
}

interface Published {
  readonly deliveries: readonly Delivery[];
  readonly recorded: number;
}

async function publishAll(directory: string, controls: readonly string[]): Promise<Published> {
  const authority = await openAuthority(directory);
  const { jws } = await authority.revocations();
  const deliveries = jws === null ? [] : await deliver(jws, controls);
  let recorded = 0;
  for (const control of controls) recorded += await announceRegister(authority, control);
  return { deliveries, recorded };
}

async function recordAll(file: string, controls: readonly string[]): Promise<number> {
  const extracts = await readExtractFile(file);
  let recorded = 0;
  for (const control of controls) recorded += await sendExtracts(extracts, control);
  return recorded;
}
