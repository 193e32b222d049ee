/** Which option of `argus ring` helps against a refusal. The agent passes on Argo's word for it, and cannot know the options. */
import { AgentError } from '../../agents/guest/index.ts';

export type Remedies = Readonly<Record<string, string>>;

export const SEND_REMEDIES: Remedies = {
  EACCES: '"argus policy why" on the host says which row is missing',
  EAGAIN: 'a --deadline above 0 waits for room',
  ECONNREFUSED: 'nobody receives there: start "argus ring recv" first, in the other domain',
  EMSGSIZE: 'a smaller --size fits, or a larger --length at the receiver',
  EPERM: '--from is the port of a ring of this machine',
  ETIMEDOUT: 'a longer --deadline waits longer for room',
};

const RECV_REMEDIES: Remedies = {
  EEXIST: 'another program of this machine has a ring at this port',
  EINVAL: '--length is a multiple of 16 from 48 to 16777152',
  ENOMEM: 'a smaller --length may fit',
};

export function recvRemedies(isForAny: boolean): Remedies {
  const EACCES = isForAny
    ? 'policy lets few domains receive from every domain: name the sender with --from'
    : '"argus policy why" on the host says which row is missing';
  return { ...RECV_REMEDIES, EACCES };
}

/** Runs `work`; a refusal that it ends with says what to do. */
export async function withRemedies<T>(remedies: Remedies, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const remedy = error instanceof AgentError && error.refusal !== null ? remedies[error.refusal] : undefined;
    if (!(error instanceof AgentError) || remedy === undefined) throw error;
    throw new AgentError(error.code, `${error.message}; ${remedy}`, { cause: error });
  }
}
