/** The interface for admins: status, reload and metrics over HTTP on a unix socket. */
export { callControl } from './client.ts';
export { KeyGate } from './gate.ts';
export { serveControl, serveMetrics } from './server.ts';
