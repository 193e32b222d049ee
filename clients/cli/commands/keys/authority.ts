/** `argus keys authority`: renews the credentials of domains that ask for it, as a domain of its own. */
import { Command, InvalidArgumentError, Option } from 'commander';
import {
  type Authority,
  installRenewal,
  loadIdentity,
  openAuthority,
  renewCredential,
} from '../../../../keys/index.ts';
import { tryToAnnounce } from '../../../host/index.ts';
import { connect } from '../../../sdk/index.ts';
import { untilInterrupted, whenInterrupted } from '../../interrupt.ts';
import { collect, isoTime, print } from './format.ts';
import { RenewalDesk } from './renewal-desk.ts';

/** Room for the requests of some hundred domains that start together. */
const RING_BYTES = 1024 * 1024;
const DEFAULT_PORT = 17;

interface AuthorityOptions {
  readonly control?: readonly string[];
  readonly identity: string;
  readonly carrier: string;
  readonly port: number;
  readonly broker?: string;
  readonly json?: boolean;
}

export function authorityCommand(): Command {
  return new Command('authority')
    .description('renew the credentials of domains that ask for it, until SIGTERM or SIGINT')
    .argument('<dir>', 'directory of the authority')
    .requiredOption('--identity <dir>', 'directory of the identity of the domain that this service is')
    .requiredOption(
      '--carrier <carrier>',
      'where the broker listens for that domain, e.g. unix:/run/argus/authority-vm.sock',
    )
    .option('--broker <name>', 'the broker must prove this name')
    .addOption(
      new Option('--port <port>', 'port at which domains ask')
        .argParser(parsePort)
        .default(DEFAULT_PORT, String(DEFAULT_PORT)),
    )
    .option(
      '--control <path>',
      'control socket of a broker whose audit log gets each renewal; may be repeated',
      collect,
    )
    .option('--json', 'a JSON object for each renewal and refusal')
    .addHelpText(
      'after',
      '\nExample:\n  argus keys authority /etc/argus/authority --identity /etc/argus/authority-vm --carrier unix:/run/argus/authority-vm.sock\n\nThe policy decides who may ask, and each question is in the audit log. docs/keys.md shows the rows.',
    )
    .action((dir: string, options: AuthorityOptions) => untilInterrupted((signal) => renewals(dir, options, signal)));
}

async function renewals(dir: string, options: AuthorityOptions, signal: AbortSignal): Promise<void> {
  const authority = await openAuthority(dir, 'argus keys authority');
  const desk = new RenewalDesk(authority, Date.now);
  const { carrier, identity, broker = null, port } = options;
  const vm = await connect({ carrier, identity, broker, signal });
  const ring = await vm.registerRing({ port, partner: 'any', length: RING_BYTES });
  const answered = vm.answer(ring, async ({ source, payload }) => {
    const { reply, said } = await desk.answer(source.name, payload);
    print(options.json === true ? JSON.stringify(said) : lineOf(said));
    for (const control of options.control ?? []) void tryToAnnounce(authority, control);
    return reply;
  });
  vm.on('expiring', () => void renewOwn(authority, identity).catch((error: unknown) => print(String(error))));
  print(
    options.json === true
      ? JSON.stringify({ event: 'ready', domain: vm.name, port })
      : `${vm.name} renews credentials at port ${port}`,
  );
  await Promise.race([answered, whenInterrupted(signal)]);
  await vm.close();
}

/** The service is a domain as well, and nobody else renews its credential. */
async function renewOwn(authority: Authority, directory: string): Promise<void> {
  const { name, credentialJwt, publicJwk } = await loadIdentity(directory);
  const result = await renewCredential(authority, { name, credentialJwt, publicJwk });
  if (result.ok) await installRenewal(directory, result.credentialJwt);
}

function lineOf(said: Awaited<ReturnType<RenewalDesk['answer']>>['said']): string {
  return said.expiresAt === null
    ? `not renewed: ${said.domain} (${said.reason})`
    : `renewed ${said.domain}, valid until ${isoTime(said.expiresAt)}`;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d{1,10}$/.test(text) && port > 0 && port <= 0xffff_ffff) return port;
  throw new InvalidArgumentError(`"${text}" is no port: 1 … 4294967295`);
}
