/** The policy in force at a running broker with its grants, compiled here, and the status of that broker. */
import { BrokerError, type BrokerStatus, callControl, INSPECTORS } from '../../../../broker/index.ts';
import { compileFiles, type Grant, type PolicyRevision } from '../../../../policy/index.ts';
import { type ControlFlags, controlSocket } from '../../sockets/control.ts';
import { fromBase64 } from '../policy/change/in-force.ts';

/** The policy may change between two requests; it does not do so for ever. */
const MAX_ATTEMPTS = 5;

export interface Running {
  readonly policy: PolicyRevision;
  readonly status: BrokerStatus;
}

interface FilesAnswer {
  readonly hash: string;
  readonly revision: number;
  readonly grants: readonly Grant[];
  readonly permissive: readonly string[];
  readonly files: Readonly<Record<string, string>>;
}

/** @throws BrokerError when the broker does not answer, or when its policy changes all the time */
export async function readRunning({ control, timeout }: ControlFlags): Promise<Running> {
  const socket = controlSocket(control);
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const inForce = (await callControl(socket, 'GET', '/v1/policy/files', undefined, timeout)).body as FilesAnswer;
    const status = (await callControl(socket, 'GET', '/v1/status', undefined, timeout)).body as BrokerStatus;
    if (status.policy.revision !== inForce.revision) continue;
    const { revision, grants, permissive } = inForce;
    const options = { revision, inspectors: INSPECTORS, overlay: grants, permissive };
    return { policy: await compileFiles(status.policy.directory, fromBase64(inForce.files), options), status };
  }
  throw new BrokerError('ERR_BROKER_CONTROL', 'the policy in force changes all the time; try again');
}
