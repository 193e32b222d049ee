/**
 * Removes a virtual machine from a host: `addVm` backwards, and its keys are revoked.
 *
 * The order makes a run that was cut short safe to repeat: the keys are revoked before the row goes, and the directory with
 * the private key goes last.
 */
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isMap, isSeq, parseDocument } from 'yaml';
import { CONTROL_SOCKET, callControl, INSPECTORS, type readOptions } from '../../broker/index.ts';
import { type Authority, KeyError, loadIdentity, openAuthority, RevocationStore } from '../../keys/index.ts';
import { didYouMean, loadPolicy } from '../../policy/index.ts';
import { announceAtHost } from './announce.ts';
import { HostError } from './errors.ts';
import { INVENTORY, prepareInventory, readConfig } from './inventory.ts';

export interface RemovedVm {
  /** Serial of the revocation list that names its keys; null when no credential was ever issued to it. */
  readonly serial: number | null;
  /** Where the list is in force: a broker that runs, or the files of one that does not. */
  readonly broker: 'running' | 'stopped' | null;
  /** Sessions that ended at once. */
  readonly ended: number;
}

export interface RemovalTerms {
  /** Why, for the register and the list. */
  readonly reason: string;
  /** Who removes it, for the register of the authority. */
  readonly by?: string | null;
  /** The row stays, as `addVm` left the row of a listed machine. */
  readonly isListed?: boolean;
}

/**
 * @param directory made by `initHost`
 * @throws HostError ERR_HOST_VM_UNKNOWN; ERR_HOST_INVENTORY while the policy still names the machine; ERR_HOST_BROKER when the
 * running broker did not take the list; KeyError
 */
export async function removeVm(
  directory: string,
  name: string,
  { reason, by = null, isListed = false }: RemovalTerms,
): Promise<RemovedVm> {
  const options = readConfig(directory);
  const home = join(directory, 'vms', name);
  const policyDirectory = options.policy.directory;
  const policy = await loadPolicy(policyDirectory, { revision: 1, inspectors: INSPECTORS });
  const isDeclared = policy.domains.byName(name) !== undefined;
  const isKept = /^[a-z0-9][a-z0-9-]{0,62}$/.test(name) && (await isDirectory(home));
  if (!isDeclared && !isKept) {
    const names = policy.domains.all.map((each) => each.name);
    throw new HostError(
      'ERR_HOST_VM_UNKNOWN',
      `no virtual machine "${name}" on this host${didYouMean(name, names)}; there are ${names.join(', ')}`,
    );
  }
  const file = join(policyDirectory, INVENTORY);
  // Checked before anything is revoked: a policy that still names the machine refuses the whole removal.
  const inventory =
    isDeclared && !isListed
      ? await prepareInventory(policyDirectory, file, withoutDomain(await readFile(file, 'utf8'), name))
      : null;
  try {
    const authority = await openAuthority(join(directory, 'authority'), by);
    const revoked = await revokeKeys(authority, name, reason);
    await inventory?.replace();
    const told = revoked === null ? { broker: null, ended: 0 } : await tellBroker(options, revoked.jws);
    await announceAtHost(authority, options);
    await rm(home, { recursive: true, force: true });
    return { serial: revoked?.serial ?? null, ...told };
  } finally {
    await inventory?.discard();
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );
}

/** Keeps the comments and the order of the file. */
function withoutDomain(text: string, name: string): string {
  const document = parseDocument(text);
  const domains = document.get('domains');
  if (!isSeq(domains)) throw new HostError('ERR_HOST_INVENTORY', `${INVENTORY} has no list "domains"`);
  domains.items = domains.items.filter((row) => !isMap(row) || row.get('name') !== name);
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

/** @returns null when the authority never issued to it: a row that was written by hand */
async function revokeKeys(
  authority: Authority,
  name: string,
  reason: string,
): Promise<{ readonly serial: number; readonly jws: string } | null> {
  try {
    const { serial } = await authority.revoke({ target: { role: 'domain', name }, reason, until: null });
    const { jws } = await authority.revocations();
    return jws === null ? null : { serial, jws };
  } catch (error) {
    if (error instanceof KeyError && error.code === 'ERR_KEY_NAME') return null;
    throw error;
  }
}

/** A broker that does not run finds the list in its own directory when it starts. */
async function tellBroker(
  { runtime, identity }: ReturnType<typeof readOptions>,
  jws: string,
): Promise<Pick<RemovedVm, 'broker' | 'ended'>> {
  try {
    const control = join(runtime, CONTROL_SOCKET);
    const { ok, body } = await callControl(control, 'POST', '/v1/keys/revocations', { list: jws });
    const { ended = 0, message = '' } = body as { readonly ended?: number; readonly message?: string };
    if (!ok) throw new HostError('ERR_HOST_BROKER', `the broker refused the revocation list: ${message}`);
    return { broker: 'running', ended };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_BROKER_NOT_RUNNING')) throw error;
  }
  const { authority, credential } = await loadIdentity(identity);
  const result = await (await RevocationStore.open(identity, authority, credential)).install(jws);
  if (!result.ok) throw new HostError('ERR_HOST_BROKER', `the broker’s directory refused the list: ${result.message}`);
  await result.written;
  return { broker: 'stopped', ended: 0 };
}
