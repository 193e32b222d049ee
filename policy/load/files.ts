/** The six files of a policy directory as bytes. */
import { createHash } from 'node:crypto';
import { ASSERTIONS_FILE, TESTS_FILE } from '../decide/index.ts';
import { DOMAINS_FILE, POLICY_FILE, SERVICES_FILE } from '../read/index.ts';

export const MODEL_FILE = 'model.conf';

/** The files of a policy directory, in the order in which they are read and hashed. */
export const POLICY_FILE_NAMES = [
  MODEL_FILE,
  DOMAINS_FILE,
  SERVICES_FILE,
  POLICY_FILE,
  ASSERTIONS_FILE,
  TESTS_FILE,
] as const;

/** Content of each file, as it is on disk. */
export type PolicyFiles = Readonly<Record<(typeof POLICY_FILE_NAMES)[number], Uint8Array>>;

/** Names and lengths are hashed too, so that bytes cannot move from one file to the next unnoticed. */
export function hashFiles(files: PolicyFiles): string {
  const hash = createHash('sha256');
  for (const name of POLICY_FILE_NAMES) hash.update(`${name} ${files[name].length}\n`).update(files[name]);
  return hash.digest('hex');
}
