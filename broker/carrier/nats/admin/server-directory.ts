/**
 * The directory of a NATS server: its configuration, certificates and users. The files are written completely, then a
 * running server loads them on SIGHUP. Users that are still enrolled keep their connections.
 *
 *   nats-server.conf  setup.json  users.json  ca.pem  ca-key.pem  server.pem  server-key.pem  nats-server.pid
 *   jetstream/ (only where policies travel over the server)
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { BlockList, isIP } from 'node:net';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { Sealing } from '../../../../keys/index.ts';
import { parseHostPort } from '../../../base/index.ts';
import { OUR_WORDS, problemOf } from '../../../config/index.ts';
import { NatsCarrierError } from '../errors.ts';
import { isSubjectName } from '../subjects.ts';
import { certificateFiles, ensureCertificates } from './certificates.ts';
import { makePrivateDirectory, parseJson, readPublic, writeWhole } from './files.ts';
import { adminUser, brokerUser, domainUser, renderServerConfig, type ServerUser } from './server-config.ts';
import { type NatsUsers, readUsers, type UserKind, withoutUser, withUser, writeUsers } from './users-file.ts';

const setupSchema = z.strictObject({
  listen: z.string().regex(/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):\d{1,5}$/, 'expected host:port, e.g. 127.0.0.1:4222'),
  /** Names and addresses by which clients reach the server. */
  hosts: z.array(z.string().regex(/^[A-Za-z0-9.:-]+$/, 'expected a host name or an address')).min(1),
  /** Absolute path of the policy whose inventory says which domains come over NATS. */
  policy: z.string().min(1),
  /** Home of the domains that do not name one. */
  broker: z.string().refine(isSubjectName, 'expected the name of a broker'),
  /** False: plain TCP, allowed only for loopback and private addresses. */
  tls: z.boolean().default(true),
  /** True: the server has JetStream, for the bucket that carries policies. */
  bundles: z.boolean().default(false),
});
export type NatsSetup = z.output<typeof setupSchema>;
type NatsSetupInput = z.input<typeof setupSchema>;

/** A domain that uses NATS, and its broker. */
export interface NatsMember {
  readonly name: string;
  readonly broker: string;
}

export interface Written {
  readonly users: number;
  /** Domains of the inventory that have no nkey yet, so they cannot connect. */
  readonly notEnrolled: readonly string[];
  /** Enrolled domains that are not in the inventory. They are omitted. */
  readonly notDeclared: readonly string[];
  /** A running server was notified. */
  readonly reloaded: boolean;
}

/** Loopback (RFC 1122, 4291), private (RFC 1918, 4193), link-local (RFC 3927, 4291). */
const PRIVATE = new BlockList();
for (const [net, prefix] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
] as const)
  PRIVATE.addSubnet(net, prefix, 'ipv4');
PRIVATE.addAddress('::1', 'ipv6');
PRIVATE.addSubnet('fc00::', 7, 'ipv6');
PRIVATE.addSubnet('fe80::', 10, 'ipv6');

export class NatsServerDirectory {
  readonly path: string;
  readonly configFile: string;
  readonly caFile: string;
  readonly #at: (name: string) => string;

  readonly #sealing: Sealing;

  /** @param sealing of TLS keys that are not there yet. nats-server reads them in the clear, so only `unsealed` makes them */
  constructor(path: string, sealing: Sealing) {
    this.#sealing = sealing;
    this.path = resolve(path);
    this.#at = (name) => join(this.path, name);
    this.configFile = this.#at('nats-server.conf');
    this.caFile = certificateFiles(this.path).ca;
  }

  /** The last written setup. @throws NatsCarrierError ERR_NATS_FILE */
  async setup(): Promise<NatsSetup> {
    const path = this.#at('setup.json');
    const hint = 'say where it shall listen: argus nats config DIR --listen HOST:PORT --policy DIR --broker NAME';
    return this.#checked(parseJson(await readPublic(path, hint)), path);
  }

  /** Writes all files again, and notifies a running server. @throws NatsCarrierError */
  async write(setup: NatsSetupInput, members: readonly NatsMember[], now: number): Promise<Written> {
    const chosen = this.#checked(setup, 'options');
    if (!chosen.tls) requirePrivate(chosen.listen);
    await makePrivateDirectory(this.path);
    await writeWhole(this.#at('setup.json'), `${JSON.stringify(chosen, null, 2)}\n`, 'public');
    if (chosen.tls) await ensureCertificates(this.path, chosen.hosts, now, this.#sealing);
    const users = await this.#users();
    const { cert, key } = certificateFiles(this.path);
    const served = serverUsers(users, members, chosen.bundles);
    const pidFile = this.#at('nats-server.pid');
    const text = renderServerConfig({
      listen: chosen.listen,
      tls: chosen.tls ? { cert, key } : null,
      pidFile,
      store: chosen.bundles ? this.#at('jetstream') : null,
      users: served,
    });
    await writeWhole(this.configFile, text, 'private');
    const declared = new Set(members.map(({ name }) => name));
    return {
      users: served.length,
      notEnrolled: [...declared].filter((name) => !Object.hasOwn(users.domains, name)),
      notDeclared: Object.keys(users.domains).filter((name) => !declared.has(name)),
      reloaded: await reloadServer(pidFile),
    };
  }

  async enrol(kind: UserKind, name: string, nkey: string): Promise<void> {
    await makePrivateDirectory(this.path);
    await writeUsers(this.#at('users.json'), await withUser(await this.#users(), kind, name, nkey));
  }

  async revoke(name: string): Promise<void> {
    await writeUsers(this.#at('users.json'), withoutUser(await this.#users(), name));
  }

  #users(): Promise<NatsUsers> {
    return readUsers(this.#at('users.json'));
  }

  #checked(setup: unknown, origin: string): NatsSetup {
    const parsed = setupSchema.safeParse(setup, OUR_WORDS);
    if (parsed.success) return parsed.data;
    throw new NatsCarrierError('ERR_NATS_FILE', `${origin}: ${parsed.error.issues.map(problemOf).join('; ')}`);
  }
}

/**
 * Without TLS an attacker on the network sees which ends communicate, and can end sessions. So private networks only.
 */
function requirePrivate(listen: string): void {
  const host = parseHostPort(listen)?.host ?? '';
  if (host === 'localhost' || (isIP(host) !== 0 && PRIVATE.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4'))) return;
  throw new NatsCarrierError(
    'ERR_NATS_TLS',
    `"${listen}" is neither loopback nor a private address: there the server must speak TLS`,
  );
}

function serverUsers(users: NatsUsers, members: readonly NatsMember[], hasBucket: boolean): ServerUser[] {
  const brokers = Object.keys(users.brokers);
  const others = (name: string): string[] => brokers.filter((other) => other !== name);
  return [
    ...Object.entries(users.brokers).map(([name, nkey]) => brokerUser(name, nkey, others(name), hasBucket)),
    // Without the bucket an admin has nothing to do at the server.
    ...(hasBucket ? Object.entries(users.admins).map(([name, nkey]) => adminUser(name, nkey)) : []),
    ...members.flatMap(({ name, broker }) => {
      const nkey = Object.hasOwn(users.domains, name) ? users.domains[name] : undefined;
      return nkey === undefined ? [] : [domainUser(broker, name, nkey)];
    }),
  ];
}

/** SIGHUP to the server that the pid file names; false when none runs. */
async function reloadServer(pidFile: string): Promise<boolean> {
  if (!existsSync(pidFile)) return false;
  const pid = Number((await readFile(pidFile, 'utf8')).trim());
  if (!Number.isInteger(pid) || pid <= 1) return false;
  // The pid file of a killed server stays, and another process may have the same number now.
  if (existsSync(`/proc/${pid}/comm`) && !(await readFile(`/proc/${pid}/comm`, 'utf8')).startsWith('nats-server'))
    return false;
  try {
    process.kill(pid, 'SIGHUP');
    return true;
  } catch {
    return false; // not running: it will read the file when it starts
  }
}
