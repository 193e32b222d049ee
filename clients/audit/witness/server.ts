/**
 * A witness over HTTP: `POST /add-checkpoint` (c2sp.org/tlog-witness), `GET /witnessed`, the notes that it has cosigned,
 * and `GET /credential`, its credential if it has one. Logs sign what they send and the witness signs what it answers, so the line needs no trust. Requests are
 * bounded in size, time and number.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MAX_WITNESS_REQUEST_BYTES, type Witness } from '../../../broker/audit/index.ts';

/** A broker asks once a minute. */
const MAX_CONNECTIONS = 256;
const REQUEST_MS = 10_000;

export interface WitnessServer {
  readonly url: string;
  close(): Promise<void>;
}

/** The credential of a witness that belongs to the key hierarchy. */
export interface WitnessHolder {
  /** Takes over a renewed credential or a rotated key. Called before each answer; never rejects. */
  refresh(): Promise<void>;
  /** Its credential and public key, as JSON. */
  readonly text: string;
}

/**
 * @param onError called with the host's errors, e.g. a full disk; the caller is answered with 500
 * @param holder null: the witness has a key of its own, and no credential
 */
export async function serveWitness(
  witness: Witness,
  { host, port }: { readonly host: string; readonly port: number },
  onError: (error: unknown) => void,
  holder: WitnessHolder | null = null,
): Promise<WitnessServer> {
  const server = createServer({ requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS }, (request, response) => {
    answer({ witness, holder }, request, response).catch((error: unknown) => {
      onError(error);
      send(response, 500, 'text/plain', 'the witness cannot write to its disk\n');
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const { port: chosen } = server.address() as AddressInfo;
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${chosen}`, close: () => closed(server) };
}

async function answer(
  { witness, holder }: { readonly witness: Witness; readonly holder: WitnessHolder | null },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  await holder?.refresh();
  if (holder !== null && request.url === '/credential' && request.method === 'GET') {
    send(response, 200, 'application/json', holder.text);
    return;
  }
  if (request.url === '/witnessed' && request.method === 'GET') {
    send(response, 200, 'text/plain; charset=utf-8', witness.notes);
    return;
  }
  if (request.url !== '/add-checkpoint') return send(response, 404, 'text/plain', 'not found\n');
  if (request.method !== 'POST') return send(response, 405, 'text/plain', 'POST only\n');
  const text = await bodyOf(request);
  if (text === null) return send(response, 413, 'text/plain', 'too long\n');
  const { status, body } = await witness.add(text);
  send(response, status, status === 409 ? 'text/x.tlog.size' : 'text/plain; charset=utf-8', body);
}

/** Null: longer than any request of a log. */
async function bodyOf(request: IncomingMessage): Promise<string | null> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Uint8Array>) {
    bytes += piece.length;
    if (bytes > MAX_WITNESS_REQUEST_BYTES) return null;
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  if (response.headersSent) return;
  response.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff' }).end(body);
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
