/** A policy directory on disk: reads its files, and refuses those that another user could have put there. */
import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type Grant,
  type Inspectors,
  LOAD_SLICE_MS,
  MAX_CSV_BYTES,
  MAX_MODEL_BYTES,
  MAX_YAML_BYTES,
  toRevision,
} from '../contract/index.ts';
import { createPace, type Finding, type Pace, PolicyError, refuseFindings } from '../read/index.ts';
import { compilePolicy } from './compile.ts';
import { hashFiles, POLICY_FILE_NAMES, type PolicyFiles } from './files.ts';
import type { PolicyBuild } from './policy-source.ts';
import { directoryFault, followTrusted, foreignOwner, isWritableByOthers } from './trusted-path.ts';

export interface LoadOptions {
  /** Number of the policy if it comes into force: 1, 2, 3 … */
  readonly revision: number;
  /** Permissions that each inspector can name; services.yaml must agree. */
  readonly inspectors: Inspectors;
  /** Run-time grants: extra memberships in grantable labels. Default: none. */
  readonly overlay?: readonly Grant[];
  /** Domains whose denials are recorded and not enforced. Default: none. */
  readonly permissive?: readonly string[];
  /** Monotonic milliseconds; only decides how often the event loop gets a turn. Default: performance.now. */
  readonly now?: () => number;
}

/** A policy and where it came from. */
export interface PolicyRevision extends PolicyBuild {
  /** Absolute path. */
  readonly directory: string;
  /** The bytes that were compiled. */
  readonly files: PolicyFiles;
}

/**
 * Reads, checks and compiles a policy directory. Runs in slices of a few milliseconds, so a broker can do it while it serves.
 *
 * @throws PolicyError with every finding; ERR_POLICY_DIRECTORY when the directory itself cannot be used
 */
export async function loadPolicy(directory: string, options: LoadOptions): Promise<PolicyRevision> {
  return compileFiles(resolve(directory), await readPolicyFiles(directory), options);
}

/**
 * Reads a directory again; null when the files are the ones of `previous`, which is found out without compiling them.
 *
 * @throws PolicyError as `loadPolicy`
 */
export async function reloadPolicy(previous: PolicyRevision, options: LoadOptions): Promise<PolicyRevision | null> {
  const files = await readPolicyFiles(previous.directory);
  if (hashFiles(files) === previous.hash) return null;
  return compileFiles(previous.directory, files, options, previous);
}

/**
 * The same files under another overlay: a grant, a revocation, an expiry, or a domain that becomes permissive. It neither
 * looks at the disk nor waits, so a revocation is in force when this returns and the caller has swapped the reference.
 *
 * @throws PolicyError with every finding: an assertion, or a grant of what cannot be granted
 */
export function regrantPolicy(
  policy: PolicyRevision,
  revision: number,
  overlay: readonly Grant[],
  permissive: readonly string[] = policy.permissive,
): PolicyRevision {
  const { directory, files } = policy;
  return { ...policy.source.revise(toRevision(revision), overlay, permissive), directory, files };
}

/** The pace of a broker that serves meanwhile: the event loop turns after each slice. */
export function servingPace(now: () => number = () => performance.now()): Pace {
  return createPace(now, LOAD_SLICE_MS, () => nextTurn());
}

/**
 * Compiles files that were read already: from a directory, from the archive, or from an admin's request.
 *
 * @param directory where they came from, for status and messages
 * @throws PolicyError as `loadPolicy`
 */
export async function compileFiles(
  directory: string,
  files: PolicyFiles,
  options: LoadOptions,
  previous?: PolicyRevision,
): Promise<PolicyRevision> {
  const { revision, inspectors, overlay = [], permissive = [], now = () => performance.now() } = options;
  const pace = servingPace(now);
  const before = previous === undefined ? {} : { previous: { files: previous.files, build: previous } };
  try {
    const built = await compilePolicy(files, { revision, inspectors, overlay, permissive, pace, ...before });
    return { ...built, directory, files };
  } catch (error) {
    if (error instanceof PolicyError) error.policy = hashFiles(files);
    throw error;
  }
}

/** @throws PolicyError ERR_POLICY_DIRECTORY, or with one F-006 or F-008 finding per unusable file */
export async function readPolicyFiles(directory: string): Promise<PolicyFiles> {
  const real = await checkDirectory(directory);
  const findings: Finding[] = [];
  const contents = await Promise.all(POLICY_FILE_NAMES.map((name) => readOne(real, name, findings)));
  const order: readonly string[] = POLICY_FILE_NAMES;
  findings.sort((a, b) => order.indexOf(a.file) - order.indexOf(b.file));
  refuseFindings(findings);
  return Object.fromEntries(POLICY_FILE_NAMES.map((name, index) => [name, contents[index]])) as unknown as PolicyFiles;
}

/**
 * Reads another file of a policy directory, under the same rules.
 *
 * @throws PolicyError as `readPolicyFiles`
 */
export async function readPolicyFile(directory: string, name: string, maxBytes: number): Promise<Uint8Array> {
  const findings: Finding[] = [];
  const bytes = await readOne(await checkDirectory(directory), name, findings, maxBytes);
  refuseFindings(findings);
  return bytes;
}

/** Where the directory really is, after all links. */
async function checkDirectory(directory: string): Promise<string> {
  const unusable = (message: string, cause?: unknown): never => {
    throw new PolicyError('ERR_POLICY_DIRECTORY', message, [], cause);
  };
  const real = await followTrusted(resolve(directory)).catch((cause: unknown) => {
    if (cause instanceof Error && !('code' in cause))
      return unusable(`policy directory "${directory}": ${cause.message}`);
    const hint = `"argus policy init ${directory}" creates one`;
    return unusable(`policy directory "${directory}" cannot be read; ${hint}`, cause);
  });
  const stats = await stat(real).catch((cause: unknown) => unusable(`"${directory}" cannot be read`, cause));
  if (!stats.isDirectory()) return unusable(`"${directory}" is not a directory`);
  if (isWritableByOthers(stats)) {
    return unusable(`policy directory "${directory}" is writable by group or others; run: chmod go-w ${directory}`);
  }
  const owner = foreignOwner(stats);
  if (owner !== null) return unusable(`policy directory "${directory}" ${owner}`);
  return real;
}

async function readOne(
  directory: string,
  name: string,
  findings: Finding[],
  limit: number = limitOf(name),
): Promise<Uint8Array> {
  const written = resolve(directory, name);
  const refuse = (message: string, code: Finding['code'] = 'F-006'): Uint8Array => {
    findings.push({ file: name, line: 0, column: 0, code, message });
    return new Uint8Array();
  };
  const path = await followTrusted(written).catch((error: unknown) => error);
  if (typeof path !== 'string') return refuse(openingFailure(path));
  if (path !== written) {
    const fault = directoryFault(await stat(dirname(path)));
    if (fault !== null) return refuse(`the symbolic link leads to ${path}: ${fault}`);
  }
  // O_NOFOLLOW: a link that was put here since the look above is not followed. O_NONBLOCK: a FIFO must not hang us.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (error: unknown) => error,
  );
  if (!isFileHandle(file)) return refuse(openingFailure(file));
  try {
    const stats = await file.stat();
    if (!stats.isFile()) return refuse('not a regular file');
    if (isWritableByOthers(stats)) return refuse(`writable by group or others; run: chmod go-w ${path}`);
    const owner = foreignOwner(stats);
    if (owner !== null) return refuse(owner);
    if (stats.size > limit) return refuse(`${stats.size} bytes; at most ${limit} are read`, 'F-008');
    // One byte more than was there a moment ago: a file that grows while it is read is not read to the end of memory.
    const buffer = Buffer.alloc(stats.size + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length);
      length += bytesRead;
      if (bytesRead === 0 || length === buffer.length) break;
    }
    return length === stats.size ? buffer.subarray(0, length) : refuse('the file changed while it was read; try again');
  } catch (error) {
    return refuse(openingFailure(error));
  } finally {
    await file.close();
  }
}

function limitOf(name: string): number {
  if (name.endsWith('.csv')) return MAX_CSV_BYTES;
  return name.endsWith('.yaml') ? MAX_YAML_BYTES : MAX_MODEL_BYTES;
}

function isFileHandle(value: unknown): value is Awaited<ReturnType<typeof open>> {
  return typeof value === 'object' && value !== null && 'fd' in value;
}

function openingFailure(error: unknown): string {
  if (error instanceof Error && !('code' in error)) return error.message;
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  if (code === 'ELOOP') return 'the file was replaced by a symbolic link while it was read; try again';
  return code === 'ENOENT' ? 'the file is missing' : `cannot be read: ${code}`;
}
