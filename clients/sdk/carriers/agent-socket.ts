/**
 * Where the agent of this machine listens, for the carrier `agent:` without a path: ARGUS_AGENT, or `socket` of agent.yaml
 * in the working directory or in /etc/argus, or the usual place. The commands of `argus` look in the same places.
 */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { reasonOf } from '../../../broker/base/index.ts';
import type { SearchPlaces } from '../../../broker/config/index.ts';
import { ArgusError } from '../errors.ts';

const AGENT_CONFIG = 'agent.yaml';
/** Where an agent listens unless agent.yaml says otherwise. */
const DEFAULT_AGENT_SOCKET = '/run/argus/agent.sock';

/** @throws ArgusError ERR_CLIENT_CARRIER when there is an agent.yaml and it is not in order */
export async function findAgentSocket(places?: SearchPlaces): Promise<string> {
  const fromEnvironment = process.env.ARGUS_AGENT ?? '';
  if (fromEnvironment !== '') return fromEnvironment;
  // Loaded here: programs with other carriers start without the parser of YAML.
  const { findConfig, readYamlText } = await import('../../../broker/config/index.ts');
  const file = findConfig(AGENT_CONFIG, places);
  if (file === null) return DEFAULT_AGENT_SOCKET;
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    // The file is root's alone, and the agent lets this user in all the same.
    if (error instanceof Error && 'code' in error && error.code === 'EACCES') return DEFAULT_AGENT_SOCKET;
    throw new ArgusError('ERR_CLIENT_CARRIER', `carrier "agent:": cannot read "${file}": ${reasonOf(error)}`, {
      cause: error,
    });
  }
  const content = readYamlText(text);
  if (!content.ok) throw new ArgusError('ERR_CLIENT_CARRIER', `carrier "agent:": ${file}${content.problem}`);
  const socket = socketOf(content.value);
  return socket === null ? DEFAULT_AGENT_SOCKET : resolve(dirname(resolve(file)), socket);
}

/** `socket` of the file; what else is in it is checked by the agent. */
function socketOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || !('socket' in value)) return null;
  return typeof value.socket === 'string' ? value.socket : null;
}
