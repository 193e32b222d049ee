/** Hosts that a test makes for itself, and how they look. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { addVm, HostError, initHost } from '../../clients/host/index.ts';
import { temporaryDirectory } from '../support/temp.ts';

export async function newHost(): Promise<string> {
  const directory = join(temporaryDirectory(), 'host');
  await initHost(directory, 'argus', 'unsealed');
  return directory;
}

/** A host with one VM. */
export async function hostWith(name: string): Promise<string> {
  const directory = await newHost();
  await addVm(directory, { name, labels: ['@app'] });
  return directory;
}

/** The code with which a host refuses; 'none' when it does not. */
export async function codeOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
  } catch (error) {
    assert.instance(error, HostError);
    return (error as HostError).code;
  }
  return 'none';
}

export const inventory = (directory: string): string => readFileSync(join(directory, 'policy/domains.yaml'), 'utf8');
