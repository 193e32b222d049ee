/**
 * The control API: HTTP with JSON on a unix socket that only the broker's own user may open. `curl --unix-socket` can
 * be a client. GET /v1/status, POST /v1/policy/{reload,apply,stage}, GET /v1/policy/files, GET and POST /v1/grants,
 * POST /v1/grants/revoke, GET and POST /v1/modes, GET /v1/keys, POST /v1/keys/revocations, GET /metrics.
 */
import { chmod } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AuditLog } from '../audit/index.ts';
import { reasonOf } from '../base/index.ts';
import { removeStaleSocket } from '../carrier/index.ts';
import {
  BrokerError,
  CONTROL_HEADERS_MS,
  CONTROL_IDLE_MS,
  CONTROL_REQUEST_MS,
  CONTROL_SWEEP_MS,
  MAX_CONTROL_CONNECTIONS,
  MAX_METRICS_CONNECTIONS,
} from '../process/index.ts';
import type { BrokerStatus, Grants, KeyWatch, Metrics, Modes } from '../service/index.ts';
import { type AdminContext, administer } from './admin-requests.ts';
import { callerProcess } from './caller-process.ts';
import { answerGrants } from './grant-requests.ts';
import { answerRevocations } from './key-requests.ts';
import { answerModes } from './mode-requests.ts';
import { answerPolicy, type PolicyTarget } from './policy-requests.ts';
import type { ControlAnswer } from './request-body.ts';
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
  readonly metrics: Metrics;
  readonly audit: Pick<AuditLog, 'record'>;
}

export interface ControlServer {
  readonly address: string;
  close(): Promise<void>;
}

export async function serveControl(path: string, target: ControlTarget): Promise<ControlServer> {
  const sockets = openSocketList();
  const callerOf = ({ socket }: IncomingMessage) => callerProcess(socket, sockets);
  const server = createServer(WAITS, handler({ ...target, callerOf }));
  server.maxConnections = MAX_CONTROL_CONNECTIONS;
  server.once('close', () => sockets.close());
  try {
    await removeStaleSocket(path);
    await listening(server, path, () => server.listen(path));
    await chmod(path, 0o600);
  } catch (error) {
    sockets.close();
    throw error;
  }
  return { address: `unix:${path}`, close: () => closed(server) };
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

/** Requests that change something, each with its name in the audit log. */
const ADMIN_ROUTES: ReadonlyMap<string, string> = new Map([
  ['POST /v1/policy/reload', 'policy.reload'],
  ['POST /v1/policy/apply', 'policy.apply'],
  ['POST /v1/policy/stage', 'policy.stage'],
  ['POST /v1/grants', 'grants.add'],
  ['POST /v1/grants/revoke', 'grants.revoke'],
  ['POST /v1/modes', 'modes.set'],
  ['POST /v1/keys/revocations', 'keys.revoke'],
]);

function handler(target: ControlTarget & AdminContext): RequestListener {
  return (request, response) => {
    const route = `${request.method} ${request.url}`;
    const name = ADMIN_ROUTES.get(route);
    if (name !== undefined) {
      const answer = (): Promise<ControlAnswer> => change(request, target);
      void administer(request, { name, answer }, target).then(({ code, body }) => sendJson(response, code, body));
    } else if (route === 'GET /v1/status') sendJson(response, 200, target.status());
    else if (route === 'GET /metrics') void sendMetrics(response, target.metrics);
    else if (route === 'GET /v1/policy/files') {
      void answerPolicy(request, target.policy).then(({ code, body }) => sendJson(response, code, body));
    } else if (route === 'GET /v1/grants') sendJson(response, 200, { grants: target.grants.list() });
    else if (route === 'GET /v1/modes') sendJson(response, 200, target.modes.describe());
    else if (route === 'GET /v1/keys') sendJson(response, 200, target.keys.describe());
    else sendJson(response, 404, { code: 'ERR_CONTROL_NOT_FOUND', message: `no such operation: ${route}` });
  };
}

function change(request: IncomingMessage, { policy, grants, modes, keys }: ControlTarget): Promise<ControlAnswer> {
  if (request.url?.startsWith('/v1/policy/') === true) return answerPolicy(request, policy);
  if (request.url === '/v1/modes') return answerModes(request, modes);
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
