/**
 * The agent of a virtual machine: enrols on the first boot, keeps the one session that this domain has, and lends it to
 * the programs of the machine through a unix socket. It is started before there is a network, and needs none.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { CLONE_SAFE_SUITES, KeyError, loadIdentity } from '../../../keys/index.ts';
import { ArgusError, connect, type Vm } from '../../sdk/index.ts';
import type { AgentConfig } from './config.ts';
import { acceptEnrolment, enrolRequest, parseToken } from './enrol.ts';
import { exchangeLine } from './enrol-port.ts';
import { AgentError } from './errors.ts';
import { FIRST_SESSION_RETRY_MS } from './limits.ts';
import { requireFree, serveLocal } from './local-server.ts';
import { startParts } from './parts.ts';
import { Programs } from './share/index.ts';

/** A line for people; the agent has nothing to say to machines. */
export type Say = (line: string) => void;

export interface Agent {
  readonly vm: Vm;
  /**
   * The reason for the final end of the session, or of a part of the agent. Does not settle while a retry is possible.
   */
  readonly ended: Promise<Error>;
  close(): Promise<void>;
}

/** Resolves when the session is up and the socket is open; until then it tries again. `signal` gives up. */
export async function startAgent(config: AgentConfig, say: Say, signal: AbortSignal): Promise<Agent> {
  // Before there is a session: a second session of this domain would end that of the agent which runs already.
  await requireFree(config.socket);
  if (config.enrol !== null) await enrolOnce(config.identity, config.enrol, say, signal);
  const vm = await firstSession(config, say, signal);
  let end: (reason: Error) => void = () => {};
  const ended = new Promise<Error>((resolve) => {
    end = resolve;
  });
  vm.on('disconnected', ({ reason, isFinal }) => {
    say(`session lost: ${reason.message}${isFinal ? '' : '; coming back'}`);
    if (isFinal) end(reason);
  });
  vm.on('reconnected', () => say(`session with ${vm.brokerName} again, as ${vm.name}`));
  // An attempt that failed; the next one follows.
  vm.on('error', (error) => say(error.message));
  const programs = new Programs(vm);
  const stops: (() => Promise<void>)[] = [() => vm.close()];
  const close = async (): Promise<void> => {
    for (let stop = stops.pop(); stop !== undefined; stop = stops.pop()) await stop();
  };
  try {
    stops.push(await startParts(vm, config, { say, fail: end }));
    const local = await serveLocal(vm, programs, config.socket, Number.parseInt(config.socketMode, 8));
    stops.push(() => local.close());
  } catch (error) {
    await close();
    throw error;
  }
  say(`programs connect to ${config.socket}`);
  return { vm, ended, close };
}

/** Errors that waiting does not repair: the operator has to. */
const HOPELESS: readonly string[] = ['ERR_CLIENT_OPTION', 'ERR_CLIENT_CARRIER', 'ERR_CLIENT_VERSION'];

async function firstSession(config: AgentConfig, say: Say, signal: AbortSignal): Promise<Vm> {
  const { carrier, identity, broker, renewal } = config;
  const suites = config.cloneSafe ? { suites: CLONE_SAFE_SUITES } : {};
  let said = '';
  for (;;) {
    try {
      const vm = await connect({ carrier, identity, broker, renewal, signal, ...suites });
      say(`session with ${vm.brokerName}, as ${vm.name}`);
      vm.on('renewed', ({ expiresAt }) => say(`credential renewed, valid until ${dateOf(expiresAt)}`));
      vm.on('expiring', ({ expiresAt, reason }) =>
        say(`the credential ends on ${dateOf(expiresAt)}${reason === null ? '' : `: ${reason.message}`}`),
      );
      return vm;
    } catch (error) {
      const isHopeless = !(error instanceof ArgusError || error instanceof KeyError) || HOPELESS.includes(error.code);
      signal.throwIfAborted();
      if (isHopeless) throw error;
      // Once per reason: a guest may wait for its host all night.
      if (said !== error.message) say(`${error.message}; trying again`);
      said = error.message;
      await delay(FIRST_SESSION_RETRY_MS, undefined, { signal });
    }
  }
}

function dateOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

async function enrolOnce(
  directory: string,
  enrol: NonNullable<AgentConfig['enrol']>,
  say: Say,
  signal: AbortSignal,
): Promise<void> {
  try {
    await loadIdentity(directory);
    return;
  } catch (error) {
    if (!(error instanceof KeyError) || error.code !== 'ERR_KEY_FILE_MISSING') throw error;
  }
  let token: Uint8Array;
  try {
    token = parseToken(await readFile(enrol.token, 'utf8'));
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    throw new AgentError('ERR_AGENT_ENROL', `no credential yet, and no token in "${enrol.token}"`, { cause });
  }
  say(`no credential yet: enrolling as ${enrol.name}`);
  const request = await enrolRequest(directory, enrol.name, token, enrol.unsealed ? 'unsealed' : 'sealed');
  await acceptEnrolment(directory, await exchangeLine(enrol.port, request, signal), token);
  say(`enrolled as ${enrol.name}`);
}
