/** A running Collector, and what it has parsed. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { temporaryDirectory } from '../../../support/temp.ts';

/** An answer of the part behind the Collector: away, full for a second, never, or away after it has taken the records. */
type Refusal = 'retry' | 'throttle' | 'permanent' | 'lost';

export interface CollectorOptions {
  readonly program: string;
  /** Default: a free one. */
  readonly port?: number;
  /** The file that it appends to; default: a new one. */
  readonly out?: string;
  /** PEM files; without them it speaks plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string };
  /** It asks for this bearer token. */
  readonly token?: string;
  /** How its first requests are answered. */
  readonly refuse?: readonly Refusal[];
  /** MiB of memory over which it refuses everything. */
  readonly memoryLimit?: number;
}

export interface Collector {
  readonly port: number;
  readonly out: string;
  /** Ends it in order, as its service manager would; `kill` in the middle of whatever it does. */
  stop(): Promise<void>;
  kill(): Promise<void>;
}

/** A record as the Collector parsed it, and the resource that it belongs to. */
export interface CollectedRecord {
  readonly resource: Readonly<Record<string, string>>;
  readonly scope: string;
  readonly timeUnixNano: string;
  readonly observedTimeUnixNano: string;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly eventName: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
}

const running = new Set<Collector>();

/** Ends those that a test has left, because it failed. */
export async function stopCollectors(): Promise<void> {
  for (const collector of running) await collector.kill();
}

/** The version that the program says, which is that of Debian's package. */
export function versionOf(program: string): string {
  return execFileSync(program, ['--version'], { encoding: 'utf8' }).trim();
}

export async function startCollector(options: CollectorOptions): Promise<Collector> {
  const directory = temporaryDirectory();
  const port = options.port ?? (await freePort());
  const out = options.out ?? join(directory, 'out.jsonl');
  const config = join(directory, 'config.yaml');
  // JSON is YAML.
  writeFileSync(config, JSON.stringify(configOf(options, port, out)));
  const child = spawn(options.program, ['--config', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'exit');
  let said = '';
  for await (const text of child.stderr.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    said += text;
    if (said.includes('Everything is ready')) break;
  }
  if (!said.includes('Everything is ready')) throw new Error(`the Collector did not start:\n${said}`);
  // It goes on to print what it gets: not read, it would wait for us.
  child.stderr.resume();
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    running.delete(collector);
    child.kill(signal);
    await ended;
  };
  const collector = { port, out, stop: () => end('SIGTERM'), kill: () => end('SIGKILL') };
  running.add(collector);
  return collector;
}

function configOf({ tls, token, refuse, memoryLimit }: CollectorOptions, port: number, out: string): object {
  const secured = tls && {
    cert_file: tls.cert,
    key_file: tls.key,
    ...(tls.clientCa === undefined ? {} : { client_ca_file: tls.clientCa }),
  };
  const http = {
    endpoint: `127.0.0.1:${port}`,
    ...(secured && { tls: secured }),
    ...(token === undefined ? {} : { auth: { authenticator: 'token' } }),
  };
  const hasLimit = memoryLimit !== undefined;
  return {
    receivers: { otlp: { protocols: { http } } },
    exporters: { lines: { path: out, refuse: refuse ?? [] }, debug: {} },
    ...(token === undefined ? {} : { extensions: { token: { token } } }),
    ...(hasLimit ? { processors: { memory_limiter: { check_interval: '100ms', limit_mib: memoryLimit } } } : {}),
    service: {
      ...(token === undefined ? {} : { extensions: ['token'] }),
      telemetry: { metrics: { level: 'none' } },
      pipelines: {
        logs: {
          receivers: ['otlp'],
          ...(hasLimit ? { processors: ['memory_limiter'] } : {}),
          exporters: ['lines', 'debug'],
        },
      },
    },
  };
}

/** Every record in the order of its arrival. A request that a kill cut off in the file was not answered, and is left out. */
export function collected(out: string): readonly CollectedRecord[] {
  const text = existsSync(out) ? readFileSync(out, 'utf8') : '';
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => recordsOf(JSON.parse(line)));
}

interface KeyValue {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: string };
}

interface Logs {
  readonly resourceLogs: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeLogs: readonly {
      readonly scope: { readonly name: string };
      readonly logRecords: readonly {
        readonly timeUnixNano: string;
        readonly observedTimeUnixNano: string;
        readonly severityNumber: number;
        readonly severityText: string;
        readonly eventName: string;
        readonly body: { readonly stringValue: string };
        readonly attributes: readonly KeyValue[];
      }[];
    }[];
  }[];
}

function recordsOf({ resourceLogs }: Logs): CollectedRecord[] {
  return resourceLogs.flatMap(({ resource, scopeLogs }) =>
    scopeLogs.flatMap(({ scope, logRecords }) =>
      logRecords.map(({ body, attributes, ...record }) => ({
        ...record,
        resource: valuesOf(resource.attributes),
        scope: scope.name,
        body: body.stringValue,
        attributes: valuesOf(attributes),
      })),
    ),
  );
}

function valuesOf(attributes: readonly KeyValue[]): Readonly<Record<string, string>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? String(value.intValue)]));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
