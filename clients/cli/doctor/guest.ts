/** The checks of a guest: its configuration, its credential, the way to the broker, the agent that runs, its TAP device. */
import { access, constants, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { KeyError, loadIdentity } from '../../../keys/index.ts';
import { type AgentConfig, readConfig } from '../../agents/guest/index.ts';
import { type Diagnosis, expiry, good, problem, problemOf, warning } from './diagnosis.ts';
import { diagnoseTap } from './tap.ts';

/** @param file path of agent.yaml */
export async function diagnoseGuest(file: string, now = Date.now()): Promise<readonly Diagnosis[]> {
  let config: AgentConfig;
  try {
    config = readConfig(file);
  } catch (error) {
    return [problemOf('guest: configuration', error)];
  }
  return [
    good('guest: configuration', file),
    await identity(config, now),
    await carrier(config.carrier),
    await agent(config.socket),
    ...(await diagnoseTap(config.network)),
  ];
}

async function identity({ identity: directory, enrol }: AgentConfig, now: number): Promise<Diagnosis> {
  const check = 'guest: credential';
  try {
    return expiry(check, (await loadIdentity(directory)).credential.expiresAt, now / 1_000);
  } catch (error) {
    if (!(error instanceof KeyError) || error.code !== 'ERR_KEY_FILE_MISSING' || enrol === null)
      return problemOf(check, error);
  }
  const hasToken = await access(enrol.token, constants.R_OK).then(
    () => true,
    () => false,
  );
  return hasToken
    ? good(check, `none yet; the agent enrols as "${enrol.name}" when it starts`)
    : problem(
        check,
        'ERR_AGENT_ENROL',
        `no credential yet, and no token in "${enrol.token}"; argus vm enrol on the host prints one`,
      );
}

/** A carrier that is a file has to be there; a network address is tried by the agent alone. */
async function carrier(address: string): Promise<Diagnosis> {
  const check = 'guest: carrier';
  const [, kind = '', path = ''] = /^(serial|unix):(.+)$/.exec(address) ?? [];
  if (kind === '') return good(check, `${address} (not tried)`);
  const stats = await stat(path).catch(() => null);
  if (stats === null)
    return problem(
      check,
      'ERR_CLIENT_UNREACHABLE',
      kind === 'serial'
        ? `there is no "${path}": the machine has no such port (argus vm command on the host prints it)`
        : `there is no socket "${path}": is the broker running?`,
    );
  const isRight = kind === 'serial' ? stats.isCharacterDevice() : stats.isSocket();
  if (!isRight)
    return problem(check, 'ERR_CLIENT_CARRIER', `"${path}" is not a ${kind === 'serial' ? 'serial port' : 'socket'}`);
  const mayUse = await access(path, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  return mayUse ? good(check, address) : problem(check, 'ERR_CLIENT_UNREACHABLE', `this user may not use "${path}"`);
}

function agent(socket: string): Promise<Diagnosis> {
  const check = 'guest: agent';
  return new Promise((resolve) => {
    const probe = connect(socket);
    probe.once('connect', () => {
      probe.destroy();
      resolve(good(check, `programs connect to ${socket}`));
    });
    probe.once('error', ({ code }: NodeJS.ErrnoException) =>
      resolve(
        code === 'EACCES'
          ? problem(check, 'ERR_AGENT_ACCESS', `this user may not use "${socket}"; "socketMode" says which users may`)
          : warning(check, 'no agent runs here; argus agent starts one'),
      ),
    );
  });
}
