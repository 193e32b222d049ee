/**
 * Where the index of a log is: in the cache directory of the user, never in the log's own directory, which only the
 * broker writes. An edge.
 */
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, realpathSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { AuditQuestionError } from '../errors.ts';

const PRIVATE_DIRECTORY = 0o700;
const GROUP_AND_OTHERS = 0o077;
/** Hex digits of the hash of the log's path. */
const NAME_DIGITS = 32;
/** What DuckDB writes next to its file while it changes it. */
const SUFFIXES = ['', '.wal'] as const;

export function indexFile(directory: string, env: NodeJS.ProcessEnv = process.env): string {
  const cache = env.XDG_CACHE_HOME;
  const base = cache !== undefined && isAbsolute(cache) ? cache : join(homedir(), '.cache');
  const log = existsSync(directory) ? realpathSync(directory) : resolve(directory);
  const name = createHash('sha256').update(log).digest('hex').slice(0, NAME_DIGITS);
  return join(base, 'argus', 'audit-index', `${name}.duckdb`);
}

/** Makes the directory of the index (0700). @throws AuditQuestionError */
export function prepareIndexDirectory(file: string): void {
  mkdirSync(join(file, '..'), { recursive: true, mode: PRIVATE_DIRECTORY });
  mustBePrivate(join(file, '..'));
}

/** False: there is none. @throws AuditQuestionError */
export function hasIndex(file: string): boolean {
  if (!existsSync(file)) return false;
  mustBePrivate(join(file, '..'));
  return true;
}

/** True: there was one. */
export function removeIndex(file: string): boolean {
  const isThere = existsSync(file);
  for (const suffix of SUFFIXES) rmSync(`${file}${suffix}`, { force: true });
  return isThere;
}

/** Another user who writes this directory would choose the answers to an auditor's questions. */
function mustBePrivate(path: string): void {
  const stat = lstatSync(path);
  if (stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & GROUP_AND_OTHERS) === 0) return;
  throw new AuditQuestionError(
    'ERR_AUDIT_INDEX',
    `"${path}" must be a directory of yours with mode 0700: the answers to your questions come from it`,
  );
}
