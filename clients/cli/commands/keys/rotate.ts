/** `argus keys rotate`: a new key in the place of the old one, with an overlap in which both count. */
import { Command, Option } from 'commander';
import {
  DEFAULT_TTL_SECONDS,
  describeKeyDirectory,
  KeyError,
  openAuthority,
  rotateAuthority,
  rotateIdentity,
} from '../../../../keys/index.ts';
import { parseSeconds } from '../../durations.ts';
import { printJson } from '../../output.ts';
import { who } from '../../who.ts';
import { type Delivery, deliverBoth, describeDeliveries } from './deliver.ts';
import { collect, isoTime, print, quoted } from './format.ts';

/** Programs look for a new credential twice a minute. An hour leaves room for those that were stopped meanwhile. */
const HOLDER_OVERLAP_SECONDS = 3_600;

interface RotateOptions {
  readonly authority?: string;
  readonly ttl: number;
  readonly overlap?: number;
  readonly control?: readonly string[];
  readonly json?: boolean;
}

interface Rotated {
  readonly kind: 'authority' | 'identity';
  readonly thumbprint: string;
  readonly retired: string;
  readonly until: number;
  readonly next: string;
}

export function rotateCommand(): Command {
  return new Command('rotate')
    .description('give an authority, a broker, a domain or a person a new key; the old one counts for a while')
    .argument('<dir>', 'directory of the authority or of the identity')
    .option('--authority <dir>', 'directory of the authority, where an identity is rotated')
    .addOption(
      new Option('--ttl <time>', 'how long the new credential of an identity is valid: 12h, 90d')
        .argParser(parseSeconds)
        .default(DEFAULT_TTL_SECONDS, `${DEFAULT_TTL_SECONDS / 86_400}d`),
    )
    .option('--overlap <time>', 'how long the old key counts: 1h for an identity, 90d for an authority', parseSeconds)
    .option('--control <path>', 'control socket of a broker that gets the list at once; may be repeated', collect)
    .option('--json', 'as one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  argus keys rotate /etc/argus/identity --authority /etc/argus/authority --control /run/argus/control.sock\n  argus keys rotate /etc/argus/authority --overlap 90d\n\nOf an identity: running programs take the new key over in their sessions. Nothing is sent again, and nothing is lost.\nOf an authority: holders change over with their next renewal. The overlap must be longer than their credentials last.',
    )
    .action(async (dir: string, options: RotateOptions) => {
      const { kind } = await describeKeyDirectory(dir, Date.now());
      const rotated = kind === 'authority' ? await ofAuthority(dir, options) : await ofIdentity(dir, options);
      const authority = await openAuthority(kind === 'authority' ? dir : (options.authority ?? ''));
      const { jws } = await authority.revocations();
      const deliveries = await deliverBoth(authority, jws, options.control ?? []);
      report(rotated, deliveries, options);
    });
}

async function ofAuthority(dir: string, { authority, overlap = DEFAULT_TTL_SECONDS }: RotateOptions): Promise<Rotated> {
  if (authority !== undefined)
    throw new KeyError('ERR_KEY_ROLE', `"${dir}" is an authority: it is rotated without --authority`);
  const { authority: next, retired, until } = await rotateAuthority(dir, { overlapSeconds: overlap, by: who() });
  const { thumbprint } = next;
  return {
    kind: 'authority',
    thumbprint,
    retired,
    until,
    next: 'renew the credentials until then, the brokers first: argus keys renew, or approve and install',
  };
}

async function ofIdentity(dir: string, { authority, ttl, overlap }: RotateOptions): Promise<Rotated> {
  if (authority === undefined)
    throw new KeyError('ERR_KEY_FILE_MISSING', `name the authority of "${dir}": --authority DIR`);
  const terms = { ttlSeconds: ttl, overlapSeconds: overlap ?? HOLDER_OVERLAP_SECONDS };
  const { credential, retired, until } = await rotateIdentity(await openAuthority(authority, who()), dir, terms);
  const { name, role, generation, thumbprint, expiresAt } = credential;
  const next = `${name} (${role}) has generation ${generation}, valid until ${isoTime(expiresAt)}; running programs take it over within half a minute`;
  return { kind: 'identity', thumbprint, retired, until, next };
}

function report(rotated: Rotated, deliveries: readonly Delivery[], { json, control, authority }: RotateOptions): void {
  const { kind, thumbprint, retired, until, next } = rotated;
  if (json === true) {
    printJson({ kind, thumbprint, retired, until, deliveries });
    return;
  }
  print(
    `rotated: the new key is ${thumbprint}`,
    `the old key ${retired} counts until ${isoTime(until)}`,
    next,
    ...describeDeliveries(deliveries, control === undefined ? quoted(authority ?? 'DIR') : null),
  );
}
