/**
 * Adds a virtual machine to a host: a row in the inventory, an identity, and the agent's configuration.
 *
 * The new inventory is loaded with the rest of the policy before it replaces the old one, so a running broker never sees a
 * row that it would refuse.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSeq, parseDocument } from 'yaml';
import { reasonOf } from '../../broker/base/index.ts';
import { carrierPlace, INSPECTORS } from '../../broker/index.ts';
import {
  type Authority,
  DEFAULT_TTL_SECONDS,
  issueIdentity,
  openAuthority,
  type Sealing,
  sealingOfAuthority,
} from '../../keys/index.ts';
import { type Domain, didYouMean, loadPolicy, type PolicyRevision } from '../../policy/index.ts';
import { announceAtHost, type BrokerPlaces } from './announce.ts';
import { HostError } from './errors.ts';
import { INVENTORY, readConfig, replaceChecked } from './inventory.ts';

export interface NewVm {
  readonly name: string;
  /** Declared labels, `@app`. */
  readonly labels: readonly string[];
  /** 0 … 32751; absent = the lowest free one from 100 on. */
  readonly domid?: number;
  /** As in domains.yaml: absent = a process on this host, `serial` = QEMU, … */
  readonly carrier?: string;
  /** The inventory lists the machine already, as a template does: its row stays as it is. */
  readonly isListed?: boolean;
  /** Who adds it, for the register of the authority. */
  readonly by?: string;
}

export interface AddedVm {
  readonly domid: number;
  /** Directory with its key and credential. */
  readonly identity: string;
  /** Configuration for `argus agent`. */
  readonly agentConfig: string;
  /** Path of the socket between the broker and the VM or its VMM; null over NATS. */
  readonly socket: string | null;
  /** As its row says; null: a process on this host. */
  readonly carrier: string | null;
  readonly vmm: string | number | null;
}

/** Lower domids are left to the service VMs of the shipped policy. */
const FIRST_DOMID = 100;
const MAX_DOMID = 32_751;
const SERIAL_PORT = 'serial:/dev/virtio-ports/argus.0';

/**
 * @param directory made by `initHost`
 * @throws HostError
 */
export async function addVm(directory: string, vm: NewVm): Promise<AddedVm> {
  const options = readConfig(directory);
  const { policy: source, runtime } = options;
  const policyDirectory = source.directory;
  const policy = await loadPolicy(policyDirectory, { revision: 1, inspectors: INSPECTORS });
  const home = join(directory, 'vms', vm.name);
  const issuer = await issuerOf(directory, vm.by ?? null, options);
  if (vm.isListed === true) {
    const row = requireListed(policy, vm);
    requireNoKeys(home, vm.name);
    const socket = socketOf(runtime, row);
    const { domid, carrier, vmm } = row;
    return { domid, socket, carrier, vmm, ...(await makeFiles(home, issuer, row, socket)) };
  }
  const domid = vm.domid ?? freeDomid(policy);
  requireNew(policy, vm, domid);
  requireNoKeys(home, vm.name);
  const row = { name: vm.name, carrier: vm.carrier ?? null, vmm: null };
  const socket = socketOf(runtime, row);
  const file = join(policyDirectory, INVENTORY);
  const text = withDomain(await readFile(file, 'utf8'), { ...vm, domid });
  await replaceChecked(policyDirectory, file, text);
  return { domid, socket, carrier: row.carrier, vmm: row.vmm, ...(await makeFiles(home, issuer, row, socket)) };
}

/** Keys are never replaced here, so the machine must not have any. */
function requireNoKeys(home: string, name: string): void {
  if (!existsSync(home)) return;
  throw new HostError('ERR_HOST_VM_EXISTS', `"${name}" has keys on this host already, in ${home}`);
}

/** Who signs, and how a new key lies on the disk: as the authority of this host does. */
interface Issuer {
  readonly authority: Authority;
  readonly sealing: Sealing;
  readonly broker: BrokerPlaces;
}

/** Opened before anything is changed: a passphrase that is missing or wrong leaves no row behind. @throws KeyError */
async function issuerOf(host: string, by: string | null, broker: BrokerPlaces): Promise<Issuer> {
  const directory = join(host, 'authority');
  return { authority: await openAuthority(directory, by), sealing: await sealingOfAuthority(directory), broker };
}

/** Makes the key, the credential and the agent's configuration. */
async function makeFiles(
  home: string,
  { authority, sealing, broker }: Issuer,
  { name, carrier }: Pick<Domain, 'name' | 'carrier'>,
  socket: string | null,
): Promise<Pick<AddedVm, 'identity' | 'agentConfig'>> {
  const identity = join(home, 'identity');
  const agentConfig = join(home, 'agent.yaml');
  await mkdir(home, { mode: 0o700 });
  await issueIdentity(authority, identity, { name, role: 'domain', ttlSeconds: DEFAULT_TTL_SECONDS }, sealing);
  await writeFile(
    agentConfig,
    agentYaml(carrier === null || carrier.startsWith('unix:') ? `unix:${socket}` : SERIAL_PORT),
  );
  await announceAtHost(authority, broker);
  return { identity, agentConfig };
}

/** The row of a machine that the inventory lists. What the row says cannot be given again. */
function requireListed(policy: PolicyRevision, { name, labels, domid, carrier }: NewVm): Domain {
  const row = policy.domains.byName(name);
  if (row === undefined) {
    const names = policy.domains.all.map((each) => each.name);
    throw new HostError(
      'ERR_HOST_VM_UNKNOWN',
      `${INVENTORY} does not list "${name}"${didYouMean(name, names)}; it lists ${names.join(', ')}`,
    );
  }
  if (labels.length > 0 || domid !== undefined || carrier !== undefined)
    throw new HostError(
      'ERR_HOST_VM_EXISTS',
      `labels, domid and carrier of "${name}" stand in ${INVENTORY}; change these there`,
    );
  return row;
}

function freeDomid(policy: PolicyRevision): number {
  const used = new Set<number>(policy.domains.all.map(({ domid }) => domid));
  for (let domid = FIRST_DOMID; domid <= MAX_DOMID; domid++) if (!used.has(domid)) return domid;
  throw new HostError('ERR_HOST_VM_DOMID', 'every domid is used; remove a domain from domains.yaml first');
}

function requireNew(policy: PolicyRevision, { name, labels }: NewVm, domid: number): void {
  if (policy.domains.byName(name) !== undefined)
    throw new HostError(
      'ERR_HOST_VM_EXISTS',
      `"${name}" is already in the inventory; choose another name, or take the row as it is (--listed)`,
    );
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(name))
    throw new HostError('ERR_HOST_VM_NAME', `"${name}": a name has lower-case letters, digits and "-", at most 63`);
  const owner = policy.domains.all.find((domain) => domain.domid === domid);
  if (owner !== undefined || !Number.isInteger(domid) || domid < 0 || domid > MAX_DOMID)
    throw new HostError(
      'ERR_HOST_VM_DOMID',
      owner === undefined ? `domid ${domid}: expected 0 … ${MAX_DOMID}` : `domid ${domid} belongs to "${owner.name}"`,
    );
  for (const label of labels) {
    if (policy.labels.has(label)) continue;
    const known = [...policy.labels.keys()];
    throw new HostError(
      'ERR_HOST_VM_LABEL',
      `label "${label}" is not declared in ${INVENTORY}${didYouMean(label, known)}; there are ${known.join(', ')}`,
    );
  }
}

function socketOf(runtime: string, { name, carrier, vmm }: Pick<Domain, 'name' | 'carrier' | 'vmm'>): string | null {
  if (carrier === 'nats') return null;
  try {
    return carrierPlace(runtime, { name, carrier, vmm }).path;
  } catch (cause) {
    throw new HostError('ERR_HOST_VM_CARRIER', reasonOf(cause), { cause });
  }
}

function agentYaml(carrier: string): string {
  return `# For "argus agent --config" in this VM; every key is explained in docs/agent.md. Paths are relative to this file.
# The carrier of a VM without a virtio-serial port (vsock, NATS) is in docs/hosts.md.
carrier: ${carrier}
identity: identity
socket: agent.sock
`;
}

/** Keeps the comments and the order of the file. */
function withDomain(text: string, { name, domid, labels, carrier }: NewVm & { readonly domid: number }): string {
  const document = parseDocument(text);
  const domains = document.get('domains');
  if (!isSeq(domains)) throw new HostError('ERR_HOST_INVENTORY', `${INVENTORY} has no list "domains"`);
  const row = document.createNode({
    name,
    domid,
    ...(labels.length === 0 ? {} : { labels: [...labels] }),
    ...(carrier === undefined ? {} : { carrier }),
  });
  const list = row.get('labels', true);
  if (isSeq(list)) list.flow = true;
  domains.add(row);
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}
