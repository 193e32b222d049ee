/** The policy that comes with the program: where it stands, and a copy of it to begin with. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PolicyError } from '../read/index.ts';
import { MODEL_FILE, POLICY_FILE_NAMES } from './files.ts';

/** Found from the sources and from dist/ alike. */
function findShipped(): string {
  const here = new URL('../shipped/', import.meta.url);
  return fileURLToPath(existsSync(here) ? here : new URL('../../../policy/shipped/', import.meta.url));
}

export const SHIPPED_POLICY_DIRECTORY = findShipped();

/** Policies to begin with; `desktop` is the shipped one. */
export const POLICY_TEMPLATES = ['desktop', 'empty', 'qubes', 'ghaf', 'router'] as const;
export type PolicyTemplate = (typeof POLICY_TEMPLATES)[number];

/** The model is the same in all of them. */
function templateFile(template: PolicyTemplate, name: string): string {
  if (template === 'desktop' || name === MODEL_FILE) return join(SHIPPED_POLICY_DIRECTORY, name);
  return join(SHIPPED_POLICY_DIRECTORY, 'templates', template, name);
}

/**
 * Copies the shipped policy into a directory, which is created if need be. Nothing is overwritten: if one of the files is there,
 * none is written.
 *
 * @returns the paths written
 * @throws PolicyError ERR_POLICY_EXISTS, or ERR_POLICY_DIRECTORY when it cannot be written
 */
export async function copyShippedPolicy(directory: string, template: PolicyTemplate = 'desktop'): Promise<string[]> {
  const present = POLICY_FILE_NAMES.filter((name) => existsSync(join(directory, name)));
  if (present.length > 0) {
    throw new PolicyError(
      'ERR_POLICY_EXISTS',
      `"${directory}" already holds ${present.join(', ')}; nothing was written`,
    );
  }
  const written: string[] = [];
  try {
    await mkdir(directory, { recursive: true, mode: 0o755 });
    for (const name of POLICY_FILE_NAMES) {
      const path = join(directory, name);
      const content = await readFile(templateFile(template, name));
      // wx: a file that appeared since the look above is not ours to replace.
      await writeFile(path, content, { flag: 'wx', mode: 0o644 });
      written.push(path);
    }
  } catch (cause) {
    for (const path of written) await unlink(path).catch(() => undefined);
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new PolicyError(
      'ERR_POLICY_DIRECTORY',
      `the policy cannot be written to "${directory}": ${reason}`,
      [],
      cause,
    );
  }
  return written;
}
