/**
 * The control API: HTTP with JSON on a unix socket that only the broker's own user may open, and on a second, shared
 * one for users that prove a key. `curl --unix-socket` can be a client of the first. `routes.ts` lists the operations.
 */
import { chmod, chown, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AuditLog } from '../audit/index.ts';
import { type Clock, reasonOf } from '../base/index.ts';
import { removeStaleSocket } from '../carrier/index.ts';
import { makePrivately } from '../files/index.ts';
import {
  BrokerError,
  CONTROL_HEADERS_MS,
  CONTROL_IDLE_MS,
  CONTROL_REQUEST_MS,
  CONTROL_SWEEP_MS,
  MAX_CONTROL_CONNECTIONS,
  MAX_METRICS_CONNECTIONS,
  MAX_SHARED_CONNECTIONS,
} from '../process/index.ts';
import type { BrokerStatus, Grants, KeyRegister, KeyWatch, Metrics, Modes, Reviews } from '../service/index.ts';
import { type AdminContext, administer, describeCaller, describeHolder } from './admin-requests.ts';
import { answerAudit } from './audit-requests.ts';
import { callerProcess } from './caller-process.ts';
import type { GateResult, KeyGate } from './gate.ts';
import { answerGrants } from './grant-requests.ts';
import { answerRegister, answerRevocations } from './key-requests.ts';
import { answerModes } from './mode-requests.ts';
import { answerPolicy, type PolicyTarget } from './policy-requests.ts';
import { CHALLENGE_PATH } from './proof.ts';
import { Refusals } from './refusals.ts';
import type { ControlAnswer, ControlRequest } from './request-body.ts';
import { type ControlRoute, ROUTES } from './routes.ts';
import { openSocketList } from './socket-list.ts';

/** A connection without a complete request must not hold a file descriptor of the broker for long. */
const WAITS = Object.freeze({
  headersTimeout: CONTROL_HEADERS_MS,
  requestTimeout: CONTROL_REQUEST_MS,
  keepAliveTimeout: CONTROL_IDLE_MS,
  connectionsCheckingInterval: CONTROL_SWEEP_MS,
});

export interface ControlTarget {
  status(): BrokerStatus;
  readonly policy: PolicyTarget;
  readonly grants: Grants;
  readonly modes: Modes;
  readonly keys: KeyWatch;
  readonly register: KeyRegister;
  readonly reviews: Reviews;
  readonly metrics: Metrics;
  readonly audit: Pick<AuditLog, 'record'>;
  readonly gate: Pick<KeyGate, 'challenge' | 'admit'>;
  readonly clock: Pick<Clock, 'after'>;
}

/** One socket of the control API, and what its file and its users need. */
export interface ControlSocket {
  readonly path: string;
  /** Each request needs a key. */
  readonly needsKey: boolean;
  /** Null: only the broker's own user may open it. A gid: that group may, too. */
  readonly gid: number | null;
}

export interface ControlServer {
  readonly address: string;
  close(): Promise<void>;
}

export async function serveControl(
  { path, needsKey, gid }: ControlSocket,
  target: ControlTarget,
): Promise<ControlServer> {
  const sockets = openSocketList();
  const callerOf = ({ socket }: IncomingMessage) => callerProcess(socket, sockets);
  const refusals = new Refusals(target.audit, target.clock);
  const server = createServer(WAITS, handler({ ...target, callerOf, refusals, needsKey }));
  server.maxConnections = gid === null ? MAX_CONTROL_CONNECTIONS : MAX_SHARED_CONNECTIONS;
  server.once('close', () => sockets.close());
  try {
    await removeStaleSocket(path);
    await listening(server, path, () => makePrivately(() => server.listen(path)));
    if (gid !== null) await giveToGroup(path, gid);
  } catch (error) {
    sockets.close();
    server.close();
    throw error;
  }
  const close = async (): Promise<void> => {
    await closed(server);
    refusals.close();
  };
  return { address: `unix:${path}`, close };
}

/** @throws BrokerError ERR_BROKER_LISTEN */
async function giveToGroup(path: string, gid: number): Promise<void> {
  try {
    await chown(path, (await stat(path)).uid, gid);
    await chmod(path, 0o660);
  } catch (cause) {
    const message = `cannot give "${path}" to group ${gid}: ${reasonOf(cause)}; the broker's user must be a member of it`;
    throw new BrokerError('ERR_BROKER_LISTEN', message, { cause });
  }
}

/** Metrics alone, for a scraper that cannot reach the control socket. */
export async function serveMetrics(host: string, port: number, metrics: Metrics): Promise<ControlServer> {
  const server = createServer(WAITS, (request, response) => {
    if (request.method === 'GET' && request.url === '/metrics') void sendMetrics(response, metrics);
    else sendJson(response, 404, { code: 'ERR_CONTROL_NOT_FOUND', message: 'only GET /metrics is here' });
  });
  server.maxConnections = MAX_METRICS_CONNECTIONS;
  await listening(server, `${host}:${port}`, () => server.listen(port, host));
  const bound = server.address();
  const actual = bound !== null && typeof bound === 'object' ? bound.port : port;
  return {
    address: `http://${host.includes(':') ? `[${host}]` : host}:${actual}/metrics`,
    close: () => closed(server),
  };
}

interface Handling extends ControlTarget, AdminContext {
  readonly needsKey: boolean;
  readonly refusals: Refusals;
}

function handler(target: Handling): RequestListener {
  return (request, response) => {
    if (request.method === 'GET' && request.url === CHALLENGE_PATH) {
      sendJson(response, 200, { challenge: target.gate.challenge(request.socket) });
      return;
    }
    const operation = `${request.method} ${request.url}`;
    const route = ROUTES.get(operation);
    if (route === undefined)
      sendJson(response, 404, { code: 'ERR_CONTROL_NOT_FOUND', message: `no such operation: ${operation}` });
    else void answer(request, response, route, target);
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  route: ControlRoute,
  target: Handling,
): Promise<void> {
  const admitted = await target.gate.admit(request, route, target.needsKey);
  if (!admitted.ok) {
    await refuse(request, route, admitted, target);
    const { code, message } = admitted;
    sendJson(response, code === 'ERR_CONTROL_ROLE' ? 403 : 401, { ok: false, code, message });
    return;
  }
  const { holder, digest } = admitted;
  const asked: ControlRequest = { url: request.url, body: request, digest };
  if (route.isChange) {
    const name = route.name;
    const { code, body } = await administer(request, { name, holder, answer: () => change(asked, target) }, target);
    sendJson(response, code, body);
  } else if (request.url === '/metrics') await sendMetrics(response, target.metrics);
  else {
    const { code, body } = await look(asked, target);
    sendJson(response, code, body);
  }
}

/** The record names the caller as the kernel knows it, as with requests that passed. */
async function refuse(
  request: IncomingMessage,
  { name }: ControlRoute,
  { code, message, holder }: Extract<GateResult, { ok: false }>,
  { refusals, callerOf }: Handling,
): Promise<void> {
  const caller = await callerOf(request);
  const detail = { request: name, message, ...describeHolder(holder), ...describeCaller(caller) };
  refusals.add([code, name, message, holder?.name, caller?.uid].join(' '), { code, detail });
}

function look(request: ControlRequest, target: ControlTarget): ControlAnswer | Promise<ControlAnswer> {
  switch (request.url) {
    case '/v1/status':
      return { code: 200, body: target.status() };
    case '/v1/grants':
      return { code: 200, body: { grants: target.grants.list() } };
    case '/v1/modes':
      return { code: 200, body: target.modes.describe() };
    case '/v1/keys':
      return { code: 200, body: target.keys.describe() };
    case '/v1/keys/register':
      return { code: 200, body: { known: target.register.known } };
    default:
      return answerPolicy(request, target.policy);
  }
}

function change(
  request: ControlRequest,
  { policy, grants, modes, keys, register, reviews }: ControlTarget,
): Promise<ControlAnswer> {
  if (request.url?.startsWith('/v1/audit/') === true) return answerAudit(request, reviews);
  if (request.url?.startsWith('/v1/policy/') === true) return answerPolicy(request, policy);
  if (request.url === '/v1/modes') return answerModes(request, modes);
  if (request.url === '/v1/keys/register') return answerRegister(request, register);
  return request.url?.startsWith('/v1/keys/') === true
    ? answerRevocations(request, keys)
    : answerGrants(request, grants);
}

async function sendMetrics(response: ServerResponse, metrics: Metrics): Promise<void> {
  try {
    const { contentType, text } = await metrics();
    response.writeHead(200, { 'content-type': contentType }).end(text);
  } catch (error) {
    sendJson(response, 500, { code: 'ERR_CONTROL_METRICS', message: `there are no metrics: ${reasonOf(error)}` });
  }
}

function sendJson(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}

function listening(server: Server, where: string, start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    // Never removed: a later failed accept must not be an uncaught exception.
    server.on('error', (cause: NodeJS.ErrnoException) => {
      const hint = reasonOf(cause);
      reject(new BrokerError('ERR_BROKER_LISTEN', `cannot listen on ${where}: ${hint}`, { cause }));
    });
    server.once('listening', resolve);
    start();
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
