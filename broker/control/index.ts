/** The admin's door: status, reload and metrics over HTTP on a unix socket. */
export { callControl } from './client.ts';
export { type ControlServer, serveControl, serveMetrics } from './server.ts';
