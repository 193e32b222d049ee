/** Real receivers of a stream: Debian's rsyslog over TLS, nats-server with JetStream, an HTTP server for OTLP. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureCertificates } from '../../../broker/carrier/nats/admin/certificates.ts';
import { findBinary } from '../../support/needs.ts';
import { temporaryDirectory } from '../../support/temp.ts';

const POLL_MS = 20;
/** The one that has Debian's modules, whichever other is in the PATH. */
const DEBIAN_PYTHON = '/usr/bin/python3';
const HERE = fileURLToPath(new URL('.', import.meta.url));

export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const running: (() => Promise<void>)[] = [];

/** Stops all receivers that a test has left, because it failed. Never throws. */
export async function stopReceivers(): Promise<void> {
  for (const stop of running.splice(0)) await stop().catch(() => undefined);
}

let made: Certificates | null = null;

/** For 127.0.0.1, by a CA of their own. Making them takes longer than most tests, so all share them. */
export async function certificates(): Promise<Certificates> {
  if (made !== null) return made;
  const directory = temporaryDirectory();
  await ensureCertificates(directory, ['127.0.0.1'], Date.now(), 'unsealed');
  const at = (name: string): string => join(directory, name);
  made = { ca: at('ca.pem'), cert: at('server.pem'), key: at('server-key.pem') };
  return made;
}

export interface Rsyslog {
  readonly port: number;
  /** Stops it. @returns what it has written down, a message in each line */
  stop(): Promise<readonly string[]>;
}

export async function startRsyslog(): Promise<Rsyslog> {
  const directory = temporaryDirectory();
  const { ca, cert, key } = await certificates();
  const [portFile, out, config] = ['port', 'out', 'conf'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(
    config,
    `global(workDirectory="${directory}" maxMessageSize="256k" defaultNetstreamDriverCAFile="${ca}"
  defaultNetstreamDriverCertFile="${cert}" defaultNetstreamDriverKeyFile="${key}")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
template(name="all" type="string" string="%pri% %timereported:::date-rfc3339% %hostname% %app-name% %msgid% %structured-data% %msg%\\n")
ruleset(name="in") { action(type="omfile" file="${out}" template="all") }
input(type="imtcp" address="127.0.0.1" port="0" listenPortFileName="${portFile}" ruleset="in")
`,
  );
  const program = findBinary('rsyslogd') ?? 'rsyslogd';
  const server = spawn(program, ['-n', '-C', '-f', config, '-i', join(directory, 'pid')], { stdio: 'ignore' });
  const ended = once(server, 'exit');
  running.push(async () => void server.kill('SIGKILL'));
  while (!existsSync(portFile) || readFileSync(portFile, 'utf8') === '') {
    if (server.exitCode !== null) throw new Error(`rsyslogd ended with ${server.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return {
    port: Number(readFileSync(portFile, 'utf8')),
    stop: async () => {
      // It writes down what it has taken before it ends.
      server.kill('SIGTERM');
      await ended;
      return readFileSync(out, 'utf8').trimEnd().split('\n');
    },
  };
}

export interface JetStreamServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** @param user public nkey of the only user */
export async function startJetStream(user: string): Promise<JetStreamServer> {
  const directory = temporaryDirectory();
  const { cert, key } = await certificates();
  const config = join(directory, 'nats.conf');
  writeFileSync(
    config,
    `listen: "127.0.0.1:-1"
jetstream { store_dir: "${directory}", max_mem: 16MB, max_file: 64MB }
tls { cert_file: "${cert}", key_file: "${key}" }
authorization { users: [{ nkey: ${user} }] }
`,
  );
  const server = spawn(findBinary('nats-server') ?? 'nats-server', ['-c', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(server, 'exit');
  running.push(async () => void server.kill('SIGKILL'));
  let said = '';
  for await (const text of server.stderr.setEncoding('utf8')) {
    said += text;
    if (said.includes('Server is ready')) break;
  }
  const [, port] = /Listening for client connections on 127\.0\.0\.1:(\d+)/.exec(said) ?? [];
  if (port === undefined) throw new Error(`nats-server did not start: ${said}`);
  server.stderr.destroy();
  return {
    port: Number(port),
    stop: async () => {
      server.kill('SIGKILL');
      await ended;
    },
  };
}

export interface OtlpServer {
  readonly port: number;
  /** Requests in the order of their arrival. */
  readonly requests: { readonly headers: IncomingMessage['headers']; readonly path: string; readonly body: string }[];
  /** What it answers from now on. */
  answer: { status: number; headers?: Record<string, string>; body?: string };
  stop(): Promise<void>;
}

export async function startOtlp(): Promise<OtlpServer> {
  const { cert, key } = await certificates();
  const requests: OtlpServer['requests'] = [];
  const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      requests.push({ headers: request.headers, path: request.url ?? '', body: Buffer.concat(pieces).toString() });
      const { status, headers, body = '{}' } = made.answer;
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  running.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  const made: OtlpServer = {
    port: (server.address() as AddressInfo).port,
    requests,
    answer: { status: 200 },
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return made;
}

/** The bodies of the log records of a request, as OpenTelemetry's own definitions read it. Throws on an unknown field. */
export function otlpBodies(request: string): readonly string[] {
  const modules = join(temporaryDirectory(), 'modules');
  mkdirSync(modules);
  const definitions = join(HERE, 'proto');
  const files = ['common/v1/common', 'resource/v1/resource', 'logs/v1/logs', 'collector/logs/v1/logs_service'];
  const paths = files.map((file) => `opentelemetry/proto/${file}.proto`);
  execFileSync('protoc', [`-I${definitions}`, `--python_out=${modules}`, ...paths]);
  return JSON.parse(
    execFileSync(DEBIAN_PYTHON, [join(HERE, 'otlp-parse.py'), modules], { input: request, encoding: 'utf8' }),
  );
}
