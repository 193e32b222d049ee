/** `connect`: from options to a VM with a session that is up. */
import { reasonOf } from '../../broker/base/index.ts';
import { Channel } from '../../broker/channel/index.ts';
import {
  CLOCK_TOLERANCE_SECONDS,
  type Identity,
  installRenewal,
  isCredentialReplaced,
  loadIdentity,
} from '../../keys/index.ts';
import { AgentChannel } from './carriers/agent.ts';
import type { ClientCarrier, OpenCarrier } from './carriers/carrier.ts';
import { parseCarrier } from './carriers/carrier-spec.ts';
import { ClientSession, type SessionHandlers } from './engine/client-session.ts';
import { watchCredential } from './engine/credential-watch.ts';
import { type RenewalParts, watchExpiry } from './engine/renewal.ts';
import { SendBufferPool } from './engine/sending/send-buffer.ts';
import type { SessionChannel } from './engine/session-channel.ts';
import { ArgusError } from './errors.ts';
import { type ConnectOptions, type RenewalPlace, type ResolvedOptions, resolveOptions } from './options.ts';
import { NODE_PLATFORM, type Platform } from './platform.ts';
import { askForRenewal } from './streams/renewal-request.ts';
import { Vm } from './vm.ts';

/**
 * Connects this domain to its broker.
 *
 * @throws ArgusError ERR_CLIENT_… (options, carrier, no session); KeyError ERR_KEY_… when the identity directory is not
 * in order
 */
export async function connect(options: ConnectOptions): Promise<Vm> {
  const resolved = resolveOptions(options);
  return connectOver(parseCarrier(resolved.carrier), resolved, NODE_PLATFORM);
}

/** The same over any carrier and platform. */
export async function connectOver(open: OpenCarrier, options: ResolvedOptions, platform: Platform): Promise<Vm> {
  const pool = new SendBufferPool(options.queueBytes);
  const vm: Vm = new Vm(options, platform, pool, (handlers, signal) =>
    dial(open, options, platform, pool, handlers, signal, () => vm),
  );
  await vm.start();
  return vm;
}

async function dial(
  open: OpenCarrier,
  options: ResolvedOptions,
  platform: Platform,
  pool: SendBufferPool,
  handlers: SessionHandlers,
  signal: AbortSignal,
  vm: () => Vm,
): Promise<ClientSession> {
  // Read again for each session: the operator may have renewed the credential meanwhile.
  const identity = await identityOf(options.identity, platform);
  const { broker, silenceLimitMs, handshakeTimeoutMs } = options;
  const session = new ClientSession(handlers, platform, pool, {
    openChannel: identity === null ? () => new AgentChannel() : channelOf(identity, options, platform),
    broker,
    silenceLimitMs,
  });
  const attempt = new AbortController();
  const give = (reason: ArgusError): void => {
    attempt.abort(reason);
    session.abandon(reason);
  };
  const cancelTimeout = platform.schedule(handshakeTimeoutMs, () =>
    give(
      new ArgusError(
        'ERR_CLIENT_HANDSHAKE_TIMEOUT',
        `no session with "${options.carrier}" within ${handshakeTimeoutMs} ms; is a broker at the other end?`,
      ),
    ),
  );
  const abort = (): void =>
    give(new ArgusError('ERR_CLIENT_ABORTED', 'connecting was aborted by its signal', { cause: signal.reason }));
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    const directory = typeof options.identity === 'string' ? options.identity : null;
    const carrier = await open(session, attempt.signal, { domain: identity?.name ?? '', broker, directory }).catch(
      (error: unknown) => {
        throw error instanceof ArgusError ? error : unreachable(options.carrier, error);
      },
    );
    await session.greet(carrier);
    const { transcript } = session;
    if (identity !== null && directory !== null && transcript !== null)
      session.accompany(() => {
        const ends = [
          watched(session, transcript, { identity, directory }, platform),
          watchExpiry(renewalParts(vm(), directory, options.renewal, platform), platform),
        ];
        return () => {
          for (const end of ends) end();
        };
      });
    return session;
  } catch (error) {
    // Whatever failed first, an attempt that was ended failed because it was ended.
    throw attempt.signal.aborted ? attempt.signal.reason : error;
  } finally {
    cancelTimeout();
    signal.removeEventListener('abort', abort);
  }
}

function watched(
  session: ClientSession,
  transcript: string,
  { identity, directory }: { readonly identity: Identity; readonly directory: string },
  platform: Platform,
): () => void {
  const source = {
    isReplaced: (jwt: string) => isCredentialReplaced(directory, jwt),
    load: () => loadIdentity(directory, { now: platform.wallClock() }),
  };
  return watchCredential(session, transcript, identity.credentialJwt, source, platform);
}

function renewalParts(vm: Vm, directory: string, place: RenewalPlace | null, { wallClock }: Platform): RenewalParts {
  return {
    load: () => loadIdentity(directory, { now: wallClock() }),
    ask: place === null ? null : (identity) => askForRenewal(vm, place, identity),
    install: (jwt) => installRenewal(directory, jwt, wallClock()),
    renewed: (expiresAt) => vm.tell('renewed', { expiresAt }),
    expiring: (expiresAt, cause) =>
      vm.tell('expiring', {
        expiresAt,
        reason: cause === null || cause instanceof Error ? cause : new Error(String(cause)),
      }),
  };
}

/** Null: the agent of this machine has the identity. */
async function identityOf(identity: string | Identity | null, platform: Platform): Promise<Identity | null> {
  return typeof identity === 'string' ? loadIdentity(identity, { now: platform.wallClock() }) : identity;
}

function channelOf(
  identity: Identity,
  { suites, aead, broker }: ResolvedOptions,
  platform: Platform,
): (carrier: ClientCarrier) => SessionChannel {
  return (carrier) =>
    new Channel({
      role: 'domain',
      identity,
      suites,
      expected: broker,
      context: {
        aead,
        randomBytes: platform.randomBytes,
        ephemeral: platform.ephemeral,
        wallClock: platform.wallClock,
        clock: platform.now,
        clockToleranceSeconds: CLOCK_TOLERANCE_SECONDS,
      },
      resynchronises: carrier.tellsOfRestart === false,
      plaintext: 'owned',
    });
}

const AGENT_HINTS: ReadonlyMap<string, string> = new Map([
  [
    'ENOENT',
    'no agent runs on this machine, or its socket is elsewhere: start argus agent, or name the socket (agent:/path or ARGUS_AGENT)',
  ],
  ['ECONNREFUSED', 'the agent of this machine has ended: start argus agent'],
  ['EACCES', 'this user may not use the agent; "socketMode" of agent.yaml says which users may'],
]);

const HINTS: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'there is no such socket: is the broker running, and is this its path?'],
  ['ECONNREFUSED', 'nobody listens there: is the broker running?'],
  ['EACCES', 'this user may not use the socket: check its owner and mode'],
  ['ENOTFOUND', 'the host name is not known'],
]);

function unreachable(carrier: string, cause: unknown): ArgusError {
  const code = cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  const hints = carrier.startsWith('agent:') ? AGENT_HINTS : HINTS;
  const hint = hints.get(code) ?? reasonOf(cause);
  return new ArgusError('ERR_CLIENT_UNREACHABLE', `carrier "${carrier}": ${hint}`, { cause });
}
