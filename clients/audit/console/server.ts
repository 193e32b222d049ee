/** The console's process: serves the page and the answers, on loopback; it writes nothing but an auditor's cases. An edge. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { VerifierKey } from '../../../broker/audit/index.ts';
import type { Inspectors, PolicyRevision } from '../../../policy/index.ts';
import { AuditQuestionError } from '../errors.ts';
import { PolicyArchive } from '../policy/index.ts';
import { AuditStore } from '../store/index.ts';
import { ConsoleApi } from './api.ts';
import { Guard, SECURITY_HEADERS } from './guard.ts';
import { type CaseDesk, ConsoleCases } from './views/cases.ts';
import { PolicyState } from './views/policy.ts';
import type { Witnesses } from './witnesses.ts';

export interface ConsoleOptions {
  /** The audit directory. */
  readonly directory: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly keys: readonly VerifierKey[];
  /** Those of the broker that wrote the log: its policies are compiled with them. */
  readonly inspectors: Inspectors;
  /** A policy that is not in force: the Policy view shows what it would change. */
  readonly candidate?: PolicyRevision;
  /** Asked at each verification. Default: none. */
  readonly witnesses?: Witnesses;
  /** The auditor at this console, and the folder of the auditor's cases. Default: the console makes no cases. */
  readonly desk?: CaseDesk;
  /** Where the built page is. Default: where `npm run build` puts it. */
  readonly page?: string;
  /** Milliseconds between two looks at the log, and between two live events. Default: half a second. */
  readonly paceMs?: number;
}

export interface AuditConsole {
  /** With the token, which serves once. */
  readonly url: string;
  /** Resolves when a browser has opened the address. */
  readonly visited: Promise<void>;
  close(): Promise<void>;
}

/** Next to the compiled program; sources have what `npm run build` made of them. */
const HERE = new URL('./page/', import.meta.url);
const BUILT_PAGE = fileURLToPath(
  existsSync(new URL('app.js', HERE)) ? HERE : new URL('../../../dist/clients/audit/console/page/', import.meta.url),
);

/** Nothing else is ever read from the page's directory. */
const FILES: ReadonlyMap<string, readonly [file: string, type: string]> = new Map([
  ['/', ['index.html', 'text/html; charset=utf-8']],
  ['/app.js', ['app.js', 'text/javascript; charset=utf-8']],
  ['/app.css', ['app.css', 'text/css; charset=utf-8']],
]);

/** Resolves once it listens; the log is read afterwards, and the page shows how far. */
export async function openConsole(options: ConsoleOptions): Promise<AuditConsole> {
  const page = options.page ?? BUILT_PAGE;
  if (!existsSync(join(page, 'app.js')))
    throw new AuditQuestionError('ERR_AUDIT_PAGE', `the console's page is not in "${page}"; run: npm run build`);
  const { directory, keys, witnesses = null, paceMs } = options;
  const store = new AuditStore(directory, paceMs);
  const archive = new PolicyArchive(directory, options.inspectors);
  const policy = new PolicyState(store, archive, options.candidate ?? null);
  const cases = new ConsoleCases(directory, keys, options.desk ?? null);
  const parts = { directory, store, policy, cases, keys, witnesses };
  const api = new ConsoleApi(paceMs === undefined ? parts : { ...parts, liveMs: paceMs });
  const server = createServer();
  const port = await listen(server, options.port);
  const guard = new Guard([`127.0.0.1:${port}`, `localhost:${port}`]);
  let onVisit = (): void => undefined;
  const visited = new Promise<void>((resolve) => {
    onVisit = resolve;
  });
  const handler = new Handler(guard, api, page, onVisit);
  server.on('request', (request, response) => void handler.answer(request, response));
  store.start();
  return {
    url: `http://127.0.0.1:${port}/?token=${guard.token}`,
    visited,
    close: async () => {
      store.close();
      api.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

class Handler {
  readonly #guard: Guard;
  readonly #api: ConsoleApi;
  readonly #page: string;
  readonly #onVisit: () => void;

  constructor(guard: Guard, api: ConsoleApi, page: string, onVisit: () => void) {
    this.#guard = guard;
    this.#api = api;
    this.#page = page;
    this.#onVisit = onVisit;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    try {
      await this.#route(request, response);
    } catch {
      // Which of our files or records could not be read is not for the page.
      if (!response.headersSent) response.writeHead(500);
      response.end();
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://console');
    const admission = this.#guard.admit(request.headers, url.pathname === '/' ? url.searchParams.get('token') : null);
    if (admission === 'welcomed') {
      this.#onVisit();
      response.writeHead(303, { Location: this.#guard.landing, 'Set-Cookie': this.#guard.setCookie }).end();
      return;
    }
    if (admission === 'refused') {
      const text =
        'This address serves the one browser that opened the printed URL. Start "argus console" again for another.\n';
      response.writeHead(403, { 'Content-Type': 'text/plain; charset=utf-8' }).end(text);
      return;
    }
    if (request.method === 'POST' && url.pathname === '/api/cases') {
      if (!this.#guard.mayWrite(request.headers)) response.writeHead(403, { Connection: 'close' }).end();
      else await this.#api.makeCase(request, response);
      return;
    }
    if (request.method !== 'GET') {
      response.writeHead(405, { Allow: 'GET' }).end();
      return;
    }
    if (url.pathname.startsWith('/api/')) await this.#api.answer(url, request, response);
    else await this.#file(url.pathname, response);
  }

  async #file(path: string, response: ServerResponse): Promise<void> {
    if (path === '/favicon.ico') {
      // Browsers ask for it unbidden; the page has none.
      response.writeHead(204).end();
      return;
    }
    const [file, type] = FILES.get(path) ?? [];
    if (file === undefined || type === undefined) {
      response.writeHead(404).end();
      return;
    }
    const bytes = await readFile(join(this.#page, file));
    response.writeHead(200, { 'Content-Type': type }).end(bytes);
  }
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
