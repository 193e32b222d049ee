/** `argus cluster …`: brokers that share an authority, a policy and a NATS server. */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import Table from 'cli-table3';
import { Command, Option } from 'commander';
import { parseDocument, type YAMLMap, type YAMLSeq } from 'yaml';
import { parseHostPort } from '../../../../broker/base/index.ts';
import {
  BrokerError,
  type BrokerStatus,
  callControl,
  INSPECTORS,
  makeNkey,
  NatsServerDirectory,
  natsMembersOf,
} from '../../../../broker/index.ts';
import {
  type Authority,
  createAuthority,
  handOverRegister,
  issueIdentity,
  loadIdentity,
  openAuthority,
  type Role,
  type Sealing,
} from '../../../../keys/index.ts';
import { copyShippedPolicy, loadPolicy, makeBundle, type PolicyFiles, signBundle } from '../../../../policy/index.ts';
import { PLAIN, printJson } from '../../output.ts';
import { controlSocket } from '../../sockets/control.ts';
import { sealingFrom, type UnsealedOption, unsealedOption } from '../../unsealed.ts';
import { who } from '../../who.ts';
import { writeBundle } from '../policy/signed/bundle-path.ts';
import { lagInBucket, renderLag } from './cluster-bucket.ts';
import { type PolicyInForce, policyDifferences } from './policies-differ.ts';

/** Long enough for an evaluation; a real installation enrols each end where it runs, and renews. */
const TTL_SECONDS = 30 * 86_400;
/** Name and directory of the admin who publishes policies. */
const ADMIN = 'admin';

export function clusterCommand(): Command {
  return new Command('cluster')
    .description('several brokers at one NATS server')
    .addCommand(initCommand())
    .addCommand(statusCommand());
}

interface InitOptions extends UnsealedOption {
  readonly listen: string;
  readonly nats: string;
  readonly home: readonly string[];
  readonly bundles?: boolean;
  readonly json?: boolean;
}

function initCommand(): Command {
  return new Command('init')
    .description('make all that a first cluster needs: keys, policy, the server’s and every end’s configuration')
    .argument('<dir>', 'directory for it; what is there already is kept')
    .requiredOption('--home <broker=domains...>', 'which domains of the shipped policy are at home at which broker')
    .option('--listen <host:port>', 'where the NATS server listens', '127.0.0.1:4222')
    .option('--nats <host:port>', 'where brokers and domains reach it', '127.0.0.1:4222')
    .option('--bundles', 'brokers take signed policies from the server: an admin, and a first bundle to publish')
    .addOption(unsealedOption('all keys, and the TLS keys of the server in any case,'))
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  argus cluster init ./cluster --home one=audio-vm,chrome-vm two=net-vm,mail-vm --unsealed\n\nWith --bundles, when the server runs and before the brokers start:\n  argus policy publish ./cluster/first.bundle --nats nats://127.0.0.1:4222 --identity ./cluster/admin\n\nFor a first look: every key is made in one place here. "argus keys enrol" makes them where they belong.',
    )
    .action(async (directory: string, options: InitOptions) => {
      const root = resolve(directory);
      await initCluster(root, options);
      if (options.json === true) printJson({ directory: root });
      else process.stdout.write(`the cluster is ready in ${root}\n`);
    });
}

interface StatusOptions {
  readonly control?: readonly string[];
  readonly nats?: string;
  readonly identity?: string;
  readonly json?: boolean;
}

/** Not 1: a server that cannot be asked is no broker that lags. */
const EXIT_LAG = 3;

function statusCommand(): Command {
  return new Command('status')
    .description('show brokers side by side: policy revision, grants, sessions, clock offset, audit head')
    .addOption(
      new Option(
        '--control <path...>',
        'control sockets of the brokers of this host (default: as for "argus status")',
      ).env('ARGUS_CONTROL'),
    )
    .option('--nats <url>', 'show instead who has which signed bundle in force, from the bucket of this NATS server')
    .option('--identity <directory>', 'with --nats: your key and nkey, those of an admin of the server')
    .option('--json', 'print one JSON list; with --nats: one object')
    .addHelpText(
      'after',
      "\nEach broker tells of itself, and what it last heard of the others, at most 2 s ago. Clock: how far the other's is ahead, less\nthe time its word was under way. Exit code 1 when a control socket or the server does not answer, 3 when a\nbroker does not have the newest bundle in force.\n\nExamples:\n  argus cluster status --control /run/argus/one/control.sock /run/argus/two/control.sock\n  argus cluster status --nats nats://10.0.0.1:4222 --identity ~/.argus",
    )
    .action(async ({ control: given, nats, identity, json }: StatusOptions, command: Command) => {
      if (nats !== undefined || identity !== undefined) {
        if (nats === undefined || identity === undefined)
          return command.error('error: --nats and --identity go together', { exitCode: 2 });
        const lag = await lagInBucket(nats, identity);
        if (json === true) printJson(lag);
        else process.stdout.write(`${renderLag(lag)}\n`);
        if (!lag.isEven) process.exitCode = EXIT_LAG;
        return;
      }
      const control = given ?? [controlSocket(undefined)];
      const found = await Promise.all(control.map((path) => look(path)));
      if (json === true) printJson(found);
      else process.stdout.write(`${render(found)}\n`);
      if (found.some((one) => 'error' in one)) process.exitCode = 1;
    });
}

type Look = { readonly control: string } & ({ readonly status: BrokerStatus } | { readonly error: string });

async function look(control: string): Promise<Look> {
  try {
    const { body } = await callControl(control, 'GET', '/v1/status');
    return { control, status: body as BrokerStatus };
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    return { control, error: error.message };
  }
}

function render(found: readonly Look[]): string {
  const table = new Table({
    head: ['broker', 'policy', 'grants', 'sessions', 'clock', 'audit head', 'seen by'],
    style: PLAIN,
  });
  for (const one of found) {
    if ('error' in one) {
      table.push([one.control, { colSpan: 6, content: one.error }]);
      continue;
    }
    const { broker, policy, domains, audit, brokers } = one.status;
    const sessions = domains.filter(({ session }) => session !== null).length;
    const head = headText(audit.records, audit.head);
    table.push([broker, policyText(policy), policy.grants, sessions, '-', head, 'its control socket']);
    for (const { broker: other, session, report, clockOffsetMs } of brokers) {
      if (session === null || report === null) table.push([other, { colSpan: 5, content: 'not reached' }, broker]);
      else {
        const clock = `${Math.round(clockOffsetMs ?? 0)} ms`;
        const head = headText(report.auditRecords, report.auditHead);
        table.push([
          other,
          policyText({ revision: report.revision, hash: report.policy }),
          report.grants,
          report.sessions,
          clock,
          head,
          broker,
        ]);
      }
    }
  }
  return [table.toString(), ...policyDifferences(found.flatMap(policiesSeen))].join('\n');
}

/** Of the broker itself, and of the others that it hears of. */
function policiesSeen(one: Look): PolicyInForce[] {
  if ('error' in one) return [];
  const { broker, policy, brokers } = one.status;
  const others = brokers.flatMap(({ broker: other, session, report }) =>
    session === null || report === null ? [] : [{ broker: other, hash: report.policy }],
  );
  return [{ broker, hash: policy.hash }, ...others];
}

function policyText({ revision, hash }: { readonly revision: number; readonly hash: string }): string {
  return `${revision} (${hash.slice(0, 12)})`;
}

function headText(records: number, head: string): string {
  return `${records} ${head.slice(0, 12)}`;
}

async function initCluster(root: string, options: InitOptions): Promise<void> {
  const { listen, nats, home, bundles = false } = options;
  const sealing = sealingFrom(options);
  const homes = parseHomes(home);
  await mkdir(root, { recursive: true });
  const authorityDirectory = join(root, 'authority');
  const authority = existsSync(join(authorityDirectory, 'authority.jwk'))
    ? await openAuthority(authorityDirectory, who())
    : await createAuthority(authorityDirectory, sealing, who());
  const policyDirectory = join(root, 'policy');
  if (!existsSync(join(policyDirectory, 'domains.yaml'))) await copyShippedPolicy(policyDirectory);
  await declareHomes(join(policyDirectory, 'domains.yaml'), homes);
  const policy = await loadPolicy(policyDirectory, { revision: 1, inspectors: INSPECTORS });

  const brokers = [...new Set(homes.values())];
  const server = new NatsServerDirectory(join(root, 'nats'), sealing);
  const setup = {
    listen,
    hosts: [hostOf(nats), 'localhost', '127.0.0.1'],
    policy: policyDirectory,
    broker: brokers[0] ?? '',
    bundles,
  };
  const members = natsMembersOf(policy.domains.all, setup.broker);
  await server.write(setup, members, Date.now());
  const makers = { authority, sealing, server };
  const signer = bundles ? await makeAdmin(root, makers, policy.files) : null;
  for (const name of brokers) {
    const at = join(root, 'brokers', name);
    await server.enrol('brokers', name, await makeEnd(at, name, 'broker', makers));
    await writeFile(join(at, 'argus.yaml'), brokerYaml(policyDirectory, nats, signer));
  }
  for (const [name, broker] of homes) {
    const at = join(root, 'vms', name);
    await server.enrol('domains', name, await makeEnd(at, name, 'domain', makers));
    await writeFile(join(at, 'agent.yaml'), agentYaml(`nats://${nats}/${broker}`, broker));
  }
  await server.write(setup, members, Date.now());
  for (const name of brokers) await handOverRegister(authority, join(root, 'brokers', name, 'identity'));
}

/** What makes the keys of an end. */
interface Makers {
  readonly authority: Authority;
  readonly sealing: Sealing;
  readonly server: NatsServerDirectory;
}

/**
 * The admin of the cluster, and the first bundle, signed. A bundle that is there is kept, because the same version must
 * not have other files.
 *
 * @returns the thumbprint of the admin's key
 */
async function makeAdmin(root: string, { authority, sealing, server }: Makers, files: PolicyFiles): Promise<string> {
  const at = join(root, ADMIN);
  if (!existsSync(join(at, 'key.jwk')))
    await issueIdentity(authority, at, { name: ADMIN, role: 'admin', ttlSeconds: TTL_SECONDS }, sealing);
  await copyFile(server.caFile, join(at, 'nats-ca.pem'));
  await server.enrol('admins', ADMIN, (await makeNkey(at, sealing)).publicKey);
  const identity = await loadIdentity(at);
  const path = join(root, 'first.bundle');
  if (!existsSync(path)) {
    const issuedAt = Math.floor(Date.now() / 1_000);
    const made = makeBundle(files, { version: 1, issuedAt, expiresAt: issuedAt + TTL_SECONDS });
    await writeBundle(path, await signBundle(made, 'policy', identity));
  }
  return identity.thumbprint;
}

/** Identity, nkey and the server's CA of one end; its public nkey. */
async function makeEnd(at: string, name: string, role: Role, { authority, sealing, server }: Makers): Promise<string> {
  const identity = join(at, 'identity');
  await mkdir(at, { recursive: true });
  await issueIdentity(authority, identity, { name, role, ttlSeconds: TTL_SECONDS }, sealing);
  await copyFile(server.caFile, join(identity, 'nats-ca.pem'));
  return (await makeNkey(identity, sealing)).publicKey;
}

function parseHomes(texts: readonly string[]): ReadonlyMap<string, string> {
  const homes = new Map<string, string>();
  for (const text of texts) {
    const [broker = '', domains = ''] = text.split('=');
    for (const domain of domains.split(',')) {
      if (broker === '' || domain === '')
        throw new BrokerError('ERR_BROKER_CONFIG', `"${text}": expected BROKER=DOMAIN,DOMAIN…`);
      homes.set(domain, broker);
    }
  }
  return homes;
}

/** Sets `carrier: nats` and `home` in the inventory; its comments stay. */
async function declareHomes(file: string, homes: ReadonlyMap<string, string>): Promise<void> {
  const document = parseDocument(await readFile(file, 'utf8'));
  const missing = new Set(homes.keys());
  for (const entry of (document.get('domains') as YAMLSeq<YAMLMap>).items) {
    const name = String(entry.get('name'));
    const home = homes.get(name);
    if (home === undefined) continue;
    missing.delete(name);
    entry.set('carrier', 'nats');
    entry.set('home', home);
  }
  if (missing.size > 0) throw new BrokerError('ERR_BROKER_CONFIG', `"${file}" declares no ${[...missing].join(', ')}`);
  await writeFile(file, document.toString({ lineWidth: 0 }));
}

/** @param signer thumbprint of the key that signs bundles; null: the directory counts */
function brokerYaml(directory: string, nats: string, signer: string | null): string {
  const policy = signer === null ? directory : `{ directory: ${directory}, source: nats, keys: [${signer}] }`;
  return `identity: identity\npolicy: ${policy}\naudit: audit\nruntime: run\nnats: nats://${nats}\n`;
}

function agentYaml(carrier: string, broker: string): string {
  return `carrier: ${carrier}\nbroker: ${broker}\nidentity: identity\nsocket: agent.sock\n`;
}

function hostOf(address: string): string {
  return parseHostPort(address)?.host ?? '';
}
