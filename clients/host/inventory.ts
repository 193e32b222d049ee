/** The inventory of a host: read with its configuration, and replaced only by one that the broker would accept. */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { reasonOf } from '../../broker/base/index.ts';
import { replaceFile } from '../../broker/files/index.ts';
import { INSPECTORS, readOptions } from '../../broker/index.ts';
import { formatFinding, loadPolicy, PolicyError } from '../../policy/index.ts';
import { HostError } from './errors.ts';
import { HOST_CONFIG } from './init.ts';

export const INVENTORY = 'domains.yaml';

export function readConfig(directory: string): ReturnType<typeof readOptions> {
  try {
    return readOptions(join(directory, HOST_CONFIG));
  } catch (cause) {
    const reason = reasonOf(cause);
    throw new HostError('ERR_HOST_CONFIG', `${reason}; "argus host init DIR" makes a host`, { cause });
  }
}

/** A new inventory that was checked and is not in force yet. */
export interface PreparedInventory {
  /** Puts it in force in one step. */
  replace(): Promise<void>;
  /** Removes what the check needed; after `replace` as well. */
  discard(): Promise<void>;
}

/** Loads a copy of the policy with the new inventory. @throws HostError ERR_HOST_INVENTORY, and nothing is left behind */
export async function prepareInventory(
  policyDirectory: string,
  file: string,
  text: string,
): Promise<PreparedInventory> {
  const copy = await mkdtemp(join(dirname(policyDirectory), '.policy-'));
  const discard = (): Promise<void> => rm(copy, { recursive: true, force: true });
  try {
    await cp(policyDirectory, copy, { recursive: true });
    await writeFile(join(copy, INVENTORY), text, { mode: 0o644 });
    await loadPolicy(copy, { revision: 1, inspectors: INSPECTORS });
  } catch (cause) {
    await discard();
    if (!(cause instanceof PolicyError)) throw cause;
    const findings = cause.findings.map(formatFinding).join('\n');
    throw new HostError(
      'ERR_HOST_INVENTORY',
      `the new inventory would be refused:\n${findings || cause.message}`,
      cause,
    );
  }
  return { replace: () => replaceFile(file, text, 0o644), discard };
}

/** Checks the new inventory, then replaces the file in one step. */
export async function replaceChecked(policyDirectory: string, file: string, text: string): Promise<void> {
  const prepared = await prepareInventory(policyDirectory, file, text);
  try {
    await prepared.replace();
  } finally {
    await prepared.discard();
  }
}
