/**
 * Puts a policy in force at a running broker, whichever way that broker takes its policies.
 *
 *   source: applied    the six files go to the broker in one request, which compares the token and swaps
 *   source: watch      the files are written into the broker's directory, then the broker is told to load it
 *
 * In both cases the token is the hash of the policy that the admin has looked at: if another one is in force by then,
 * nothing is changed.
 */
import { BrokerError, type BrokerStatus, callControl } from '../../../../../broker/index.ts';
import {
  hashFiles,
  installPolicy,
  POLICY_FILE_NAMES,
  type PolicyFiles,
  readPolicyFiles,
} from '../../../../../policy/index.ts';
import { controlSocket } from '../../../sockets/control.ts';
import { who } from '../../../who.ts';

export interface PutRequest {
  readonly control?: string;
  readonly files: PolicyFiles;
  readonly token: string;
  readonly reason: string;
  readonly cause: 'apply' | 'rollback';
}

export interface PutAnswer {
  readonly ok: true;
  readonly revision: number;
  readonly changed: boolean;
  readonly policy: string;
  readonly recorded?: false;
  readonly archived?: false;
}

interface Refusal {
  readonly code?: string;
  readonly message?: string;
}

/** @throws BrokerError ERR_BROKER_TOKEN, or ERR_BROKER_CONTROL with what the broker refused the policy for */
export async function putInForce(request: PutRequest): Promise<PutAnswer> {
  const { policy } = await statusOf(request.control);
  const { files, token, reason, cause, control } = request;
  const attribution = { by: who(), reason, cause };
  if (policy.source === 'applied')
    return call(control, '/v1/policy/apply', { ...attribution, token, files: base64(files) });
  if (policy.source !== 'watch')
    throw new BrokerError(
      'ERR_BROKER_SOURCE',
      `this broker accepts only signed bundles (policy.source is ${policy.source}): argus policy bundle, sign, publish`,
    );
  requireToken(policy, token);
  const before = await readPolicyFiles(policy.directory);
  if (hashFiles(before) !== policy.hash) {
    const message = `"${policy.directory}" holds an edit that is not in force: look with argus policy check ${policy.directory}, or bring back what is in force with argus policy show ${policy.hash.slice(0, 12)} --out ${policy.directory}`;
    throw new BrokerError('ERR_BROKER_TOKEN', message);
  }
  await installPolicy(policy.directory, files);
  try {
    return await reload(control, policy.revision, attribution);
  } catch (error) {
    await installPolicy(policy.directory, before);
    throw error;
  }
}

/**
 * Has the broker read what was just written. Its own watch may have been faster: then there is nothing new, and the
 * revision tells that the change is in force.
 *
 * @param before the revision before it was written
 */
export async function reload(control: string | undefined, before: number, attribution: object): Promise<PutAnswer> {
  const answer = await call(control, '/v1/policy/reload', attribution);
  return { ...answer, changed: answer.changed || answer.revision > before };
}

export async function statusOf(control: string | undefined): Promise<BrokerStatus> {
  return (await callControl(controlSocket(control), 'GET', '/v1/status')).body as BrokerStatus;
}

/** The files in force, and their hash: the token of the edit that begins with them. */
export async function filesInForce(
  control: string | undefined,
): Promise<{ readonly hash: string; readonly files: PolicyFiles }> {
  const { body } = await callControl(controlSocket(control), 'GET', '/v1/policy/files');
  const { hash, files } = body as { hash: string; files: Readonly<Record<string, string>> };
  return { hash, files: fromBase64(files) };
}

/** The files of an answer of the broker. */
export function fromBase64(files: Readonly<Record<string, string>>): PolicyFiles {
  const bytes = POLICY_FILE_NAMES.map((name) => [name, Buffer.from(files[name] ?? '', 'base64')]);
  return Object.fromEntries(bytes) as unknown as PolicyFiles;
}

/** The broker says the same where policies are applied; here it cannot, because the files come first. */
function requireToken({ hash, revision }: BrokerStatus['policy'], token: string): void {
  if (hash.startsWith(token)) return;
  const message = `the token ${token.slice(0, 12)} is not that of the policy in force (revision ${revision}, ${hash.slice(0, 12)}): another admin changed it; look with argus policy show ${revision}`;
  throw new BrokerError('ERR_BROKER_TOKEN', message);
}

export function base64(files: PolicyFiles): Readonly<Record<string, string>> {
  return Object.fromEntries(POLICY_FILE_NAMES.map((name) => [name, Buffer.from(files[name]).toString('base64')]));
}

export async function call<T = PutAnswer>(control: string | undefined, path: string, body: object): Promise<T> {
  const { ok, body: answer } = await callControl(controlSocket(control), 'POST', path, body);
  if (ok) return answer as T;
  const { code, message } = answer as Refusal;
  if (code === 'ERR_BROKER_TOKEN' || code === 'ERR_BROKER_SOURCE') throw new BrokerError(code, message ?? '');
  throw new BrokerError('ERR_BROKER_CONTROL', `the policy was refused, the old one stays: ${message} (${code})`);
}
