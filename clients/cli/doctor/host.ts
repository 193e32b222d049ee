/** The checks of a host: the problems that a start of the broker would find, and the status of a running broker. */
import { join } from 'node:path';
import {
  type BrokerOptions,
  type BrokerStatus,
  CONTROL_SOCKET,
  callControl,
  checkStart,
  INSPECTORS,
  readOptions,
  type StartCheck,
} from '../../../broker/index.ts';
import { loadIdentity } from '../../../keys/index.ts';
import { formatFinding, loadPolicy, PolicyError } from '../../../policy/index.ts';
import { type Diagnosis, expiry, good, problem, problemOf, warning } from './diagnosis.ts';

/** @param config path of argus.yaml */
export async function diagnoseHost(config: string, now = Date.now()): Promise<readonly Diagnosis[]> {
  let options: BrokerOptions;
  try {
    options = readOptions(config);
  } catch (error) {
    return [problemOf('host: configuration', error)];
  }
  const started = await checkStart(options);
  return [
    good('host: configuration', config),
    ...started.filter(({ subject }) => subject !== 'running' && subject !== 'policy').map(asDiagnosis),
    ...(await diagnosePolicy(options.policy.directory)),
    ...(await credential(options, now)),
    ...(await running(options)),
  ];
}

/** All findings, not only the first one. */
export async function diagnosePolicy(directory: string): Promise<readonly Diagnosis[]> {
  try {
    const { rows, domains } = await loadPolicy(directory, { revision: 1, inspectors: INSPECTORS });
    return [good('policy', `${directory}: ${rows} rows, ${domains.all.length} domains`)];
  } catch (error) {
    if (!(error instanceof PolicyError) || error.findings.length === 0) return [problemOf('policy', error)];
    return error.findings.map((finding) => problem('policy', error.code, formatFinding(finding)));
  }
}

function asDiagnosis({ subject, problem: found, detail }: StartCheck): Diagnosis {
  const check = `host: ${subject}`;
  return found === null ? good(check, detail) : problem(check, found.code, found.message);
}

async function credential({ identity }: BrokerOptions, now: number): Promise<readonly Diagnosis[]> {
  try {
    const { expiresAt } = (await loadIdentity(identity)).credential;
    return [expiry('host: credential', expiresAt, now / 1_000)];
  } catch {
    return []; // the check of the identity says it
  }
}

async function running({ runtime }: BrokerOptions): Promise<readonly Diagnosis[]> {
  const check = 'host: broker';
  let status: BrokerStatus;
  try {
    status = (await callControl(join(runtime, CONTROL_SOCKET), 'GET', '/v1/status')).body as BrokerStatus;
  } catch (error) {
    const found = problemOf(check, error);
    return [
      found.code === 'ERR_BROKER_NOT_RUNNING' ? warning(check, 'no broker runs here; argus broker starts one') : found,
    ];
  }
  const found: Diagnosis[] = [];
  const { refusal } = status.policy;
  if (refusal !== null)
    found.push(problem(check, refusal.code, `the policy on disk is not in force: ${refusal.message}`));
  if (!status.audit.healthy)
    found.push(
      problem(check, 'ERR_BROKER_AUDIT', 'the audit log cannot be written, so sends are stopped; look at its disk'),
    );
  if (status.keys.isStale)
    found.push(
      problem(check, 'ERR_KEY_REVOCATIONS', 'a newer revocation list exists; argus keys publish brings it here'),
    );
  if (status.keys.incidents.length > 0)
    found.push(warning(check, `${status.keys.incidents.length} incidents with keys; argus keys audit lists them`));
  return found.length > 0 ? found : [good(check, `"${status.broker}" runs, revision ${status.policy.revision}`)];
}
