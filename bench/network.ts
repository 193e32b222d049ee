/**
 * The network agents next to the ways without them: a plain veth pair and socat over a unix socket, in one run.
 *
 *     node --import tsx bench/network.ts [seconds] [--rounds N] [--arms veth,socat,socats,relay,link,frames,jumbo,stream]
 *         [--json]
 *
 * The arms take turns, round by round, and the figures are medians over the rounds: a machine that is busy for a while is
 * busy for every arm.
 *
 * Needs root, iproute2, iperf3, iputils-ping and socat. Two namespaces per arm; iperf3 measures throughput in the direction
 * of a download (net-vm to chrome-vm), `ping` the round trip where there is an IP path, and a TCP program the round trip of
 * a 64-byte request, which is there in every arm. Broker and agents run compiled; each is a process of its own.
 */
import { execFileSync } from 'node:child_process';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createNamespace, type Namespace } from '../test/support/network/namespace.ts';
import { type Site, startSite } from '../test/support/network/site.ts';
import { programFile } from '../test/support/program.ts';
import { runCompiled } from './compiled.ts';

runCompiled(import.meta.url);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '1' },
    arms: { type: 'string', default: 'veth,socat,socats,relay,link,frames,jumbo,stream' },
  },
});
const SECONDS = Number(positionals[0] ?? 4);
const ROUNDS = Number(values.rounds);
const CHROME = '10.137.1.1';
const NET = '10.137.0.2';
const MACS = { chrome: '02:00:00:00:01:01', net: '02:00:00:00:00:02' };
const IPERF_PORT = 5201;
const ECHO_PORT = 5300;
const ROUND_TRIPS = 2_000;
/** Pause before each ping and each paced request, ms, so that every process on the way has gone to sleep. */
const PACE_MS = 5;
const PACED_ROUND_TRIPS = 300;

const PINGS = 300;
/** Between the first pings and the others, 1 ms apart: V8 compiles code that has often run, which takes a few thousand calls. */
const WARM_PINGS = 4_000;

function spread(times: readonly number[]): { readonly p50: number; readonly p99: number } {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}

interface Path {
  readonly chrome: Namespace;
  readonly net: Namespace;
  /** Where a program in `chrome` reaches iperf3 and the echo server. */
  readonly host: string;
  readonly iperfPort: number;
  readonly echoPort: number;
  readonly hasIp: boolean;
}

interface Result {
  readonly arm: string;
  readonly mbitPerSecond: number;
  /** Of processes that have just started, and of warm ones. */
  readonly firstMs: { readonly p50: number; readonly p99: number } | null;
  readonly pingMs: { readonly p50: number; readonly p99: number } | null;
  readonly tcpMs: { readonly p50: number; readonly p99: number };
  readonly pacedMs: { readonly p50: number; readonly p99: number };
}

const ECHO_SERVER = `require('net').createServer((s) => { s.setNoDelay(true); s.pipe(s); }).listen(${ECHO_PORT}, '0.0.0.0')`;
const ECHO_CLIENT = `
const [host, port, count, pace] = process.argv.slice(1);
const socket = require('net').connect({ host, port: Number(port) });
socket.setNoDelay(true);
const times = []; let begun = 0n; let got = 0;
const ask = () => { begun = process.hrtime.bigint(); got = 0; socket.write(Buffer.alloc(64)); };
socket.on('data', (part) => {
  got += part.length;
  if (got < 64) return;
  times.push(Number(process.hrtime.bigint() - begun) / 1e6);
  if (times.length < Number(count) + 100) return pace === '0' ? ask() : setTimeout(ask, Number(pace));
  times.splice(0, 100); times.sort((a, b) => a - b);
  console.log(JSON.stringify({ p50: times[times.length >> 1], p99: times[Math.floor(times.length * 0.99)] }));
  socket.destroy();
});
socket.on('connect', ask);
`;

async function measure(arm: string, path: Path): Promise<Result> {
  const { chrome, net, host, iperfPort, echoPort, hasIp } = path;
  const servers = [net.start('iperf3', '-s', '-p', String(IPERF_PORT)), net.start(process.execPath, '-e', ECHO_SERVER)];
  await new Promise((resolve) => setTimeout(resolve, 700));
  try {
    const ping = async (count: number, seconds = PACE_MS / 1_000) => {
      const text = await chrome.run('ping', '-c', String(count), '-i', String(seconds), NET);
      return spread([...text.matchAll(/time=([\d.]+)/g)].map(([, each]) => Number(each)));
    };
    const firstMs = hasIp ? await ping(PINGS) : null;
    if (hasIp) await ping(WARM_PINGS, 0.001);
    const pingMs = hasIp ? await ping(PINGS) : null;
    const echo = async (count: number, pace: number) =>
      JSON.parse(
        await chrome.run(process.execPath, '-e', ECHO_CLIENT, host, String(echoPort), String(count), String(pace)),
      );
    const tcpMs = await echo(ROUND_TRIPS, 0);
    const pacedMs = await echo(PACED_ROUND_TRIPS, PACE_MS);
    const text = await chrome.run(
      'iperf3',
      '-J',
      '-R',
      '-c',
      host,
      '-p',
      String(iperfPort),
      '-t',
      String(SECONDS),
      '-O',
      '1',
    );
    const bits = JSON.parse(text).end.sum_received.bits_per_second as number;
    return {
      arm,
      mbitPerSecond: bits / 1e6,
      firstMs,
      pingMs,
      tcpMs,
      pacedMs,
    };
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

async function veth(): Promise<Result> {
  const [chrome, net] = [createNamespace('bench'), createNamespace('bench')];
  execFileSync('ip', [
    '-n',
    chrome.name,
    'link',
    'add',
    'eth0',
    'type',
    'veth',
    'peer',
    'name',
    'eth0',
    'netns',
    net.name,
  ]);
  for (const [namespace, address] of [
    [chrome, CHROME],
    [net, NET],
  ] as const) {
    await namespace.run('ip', 'addr', 'add', `${address}/16`, 'dev', 'eth0');
    await namespace.run('ip', 'link', 'set', 'eth0', 'up');
  }
  return measure('veth pair', { chrome, net, host: NET, iperfPort: IPERF_PORT, echoPort: ECHO_PORT, hasIp: true });
}

async function socat(folder: string): Promise<Result> {
  const [chrome, net] = [createNamespace('bench'), createNamespace('bench')];
  const started = [IPERF_PORT, ECHO_PORT].flatMap((port) => {
    const path = join(folder, `socat-${port}.sock`);
    return [
      net.start('socat', '-b65536', `UNIX-LISTEN:${path},fork`, `TCP:127.0.0.1:${port},nodelay`),
      chrome.start('socat', '-b65536', `TCP-LISTEN:${port},fork,nodelay`, `UNIX-CONNECT:${path}`),
    ];
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  const result = await measure('socat over unix sockets', {
    chrome,
    net,
    host: '127.0.0.1',
    iperfPort: IPERF_PORT,
    echoPort: ECHO_PORT,
    hasIp: false,
  });
  await Promise.all(started.map((one) => one.stop()));
  return result;
}

/** Two TAP devices with three programs between them, as a link has: `end` joins a device to a socket, `middle` two sockets. */
async function row(
  arm: string,
  middle: readonly [string, ...string[]],
  ends: readonly (readonly [string, ...string[]])[],
): Promise<Result> {
  const [chrome, net] = [createNamespace('bench'), createNamespace('bench')];
  const settle = () => new Promise((resolve) => setTimeout(resolve, 300));
  const started = [chrome.start(...middle)];
  await settle();
  for (const [index, [namespace, address]] of [[chrome, CHROME] as const, [net, NET] as const].entries()) {
    const end = ends[index];
    if (end !== undefined) started.push(namespace.start(...end));
    await settle();
    await namespace.run('ip', 'addr', 'add', `${address}/16`, 'dev', 'eth0');
    await namespace.run('ip', 'link', 'set', 'eth0', 'up');
  }
  const result = await measure(arm, overIp(chrome, net));
  await Promise.all(started.map((one) => one.stop()));
  return result;
}

/** Two namespaces with an address each on the way between them. */
function overIp(chrome: Namespace, net: Namespace): Parameters<typeof measure>[1] {
  return { chrome, net, host: NET, iperfPort: IPERF_PORT, echoPort: ECHO_PORT, hasIp: true };
}

function relay(folder: string): Promise<Result> {
  const program = programFile('bench/roles/pass-on.ts');
  const path = join(folder, 'relay.sock');
  const end = [process.execPath, program, 'end', path, 'eth0'] as const;
  return row('three Node processes that pass packets on', [process.execPath, program, 'relay', path], [end, end]);
}

function socats(folder: string): Promise<Result> {
  const paths = ['a', 'b'].map((name) => join(folder, `socats-${name}.sock`));
  const [first = '', second = ''] = paths;
  const ends = paths.map(
    (path) => ['socat', '-b65536', 'TUN,tun-type=tap,tun-name=eth0,iff-no-pi', `UNIX-CONNECT:${path}`] as const,
  );
  return row('three socat', ['socat', '-b65536', `UNIX-LISTEN:${first}`, `UNIX-LISTEN:${second}`], ends);
}

async function link(site: Site, mtu: number, isOffloading: boolean): Promise<Result> {
  const [chrome, net] = [createNamespace('bench'), createNamespace('bench')];
  const start = (domain: string, peer: string, mac: string, namespace: Namespace) =>
    site.agent(
      domain,
      [
        'link',
        '--peer',
        peer,
        '--tap',
        'eth0',
        '--mac',
        mac,
        '--mtu',
        String(mtu),
        ...(isOffloading ? [] : ['--no-offload']),
      ],
      {
        namespace: namespace.name,
        ready: /linked/,
      },
    );
  const agents = await Promise.all([
    start('chrome-vm', 'net-vm', MACS.chrome, chrome),
    start('net-vm', 'chrome-vm', MACS.net, net),
  ]);
  await chrome.run('ip', 'addr', 'add', `${CHROME}/16`, 'dev', 'eth0');
  await net.run('ip', 'addr', 'add', `${NET}/16`, 'dev', 'eth0');
  const result = await measure(`argus net link, MTU ${mtu}${isOffloading ? ', segments' : ''}`, overIp(chrome, net));
  await Promise.all(agents.map((agent) => agent.stop()));
  for (const agent of agents) process.stderr.write(agent.output().replace(/^/gm, '  '));
  return result;
}

async function stream(site: Site): Promise<Result> {
  const [chrome, net] = [createNamespace('bench'), createNamespace('bench')];
  const { writeFile } = await import('node:fs/promises');
  const at = (name: string): string => join(site.folder, name);
  const config = (domain: string, parts: object) =>
    writeFile(
      at(`${domain}.yaml`),
      JSON.stringify({ carrier: site.carrierOf(domain), identity: site.identityOf(domain), ...parts }),
    );
  const ports = [IPERF_PORT, ECHO_PORT];
  await config('net-vm', { listen: ports.map((port) => ({ port: 15_000 + port, to: `127.0.0.1:${port}` })) });
  await config('chrome-vm', {
    connect: ports.map((port) => ({
      local: `127.0.0.1:${port}`,
      domain: 'net-vm',
      port: 15_000 + port,
      replyPort: 15_500 + port,
    })),
  });
  const agents = [
    await site.agent('net-vm', ['agent', '--config', at('net-vm.yaml')], {
      namespace: net.name,
      ready: /15\d*300|20300/,
    }),
  ];
  agents.push(
    await site.agent('chrome-vm', ['agent', '--config', at('chrome-vm.yaml')], {
      namespace: chrome.name,
      ready: new RegExp(`:${ECHO_PORT} go to`),
    }),
  );
  const result = await measure('argus net connect and listen', {
    chrome,
    net,
    host: '127.0.0.1',
    iperfPort: IPERF_PORT,
    echoPort: ECHO_PORT,
    hasIp: false,
  });
  await Promise.all(agents.map((agent) => agent.stop()));
  for (const agent of agents) process.stderr.write(agent.output().replace(/^/gm, '  '));
  return result;
}

const ROWS = 'p, @app, @net, stream, send, allow\np, @net, @app, stream, send, allow\n';
const site = await startSite({ 'policy.csv': (text) => text + ROWS });
const ARMS: ReadonlyMap<string, () => Promise<Result>> = new Map([
  ['veth', () => veth()],
  ['socat', () => socat(site.folder)],
  ['socats', () => socats(site.folder)],
  ['relay', () => relay(site.folder)],
  ['link', () => link(site, 1500, true)],
  ['frames', () => link(site, 1500, false)],
  ['jumbo', () => link(site, 9000, false)],
  ['stream', () => stream(site)],
]);
const chosen = values.arms.split(',').map((name) => {
  const arm = ARMS.get(name);
  if (arm === undefined) throw new Error(`"${name}" is not one of ${[...ARMS.keys()].join(', ')}`);
  return arm;
});
const rounds: Result[][] = [];
const load = [loadavg()[0] ?? 0];
for (let round = 0; round < ROUNDS; round++) {
  const results: Result[] = [];
  for (const arm of chosen) results.push(await arm());
  rounds.push(results);
  load.push(loadavg()[0] ?? 0);
}
await site.close();

/** The median of each figure over the rounds. */
const middle = (figures: readonly number[]): number => spread(figures).p50;
const results: readonly Result[] = (rounds[0] ?? []).map(({ arm }, index) => {
  const of = rounds.flatMap((round) => round[index] ?? []);
  const both = (figures: readonly { readonly p50: number; readonly p99: number }[]) => ({
    p50: middle(figures.map(({ p50 }) => p50)),
    p99: middle(figures.map(({ p99 }) => p99)),
  });
  const pings = of.flatMap(({ pingMs }) => pingMs ?? []);
  const firsts = of.flatMap(({ firstMs }) => firstMs ?? []);
  return {
    arm,
    mbitPerSecond: middle(of.map((each) => each.mbitPerSecond)),
    firstMs: firsts.length === 0 ? null : both(firsts),
    pingMs: pings.length === 0 ? null : both(pings),
    tcpMs: both(of.map(({ tcpMs }) => tcpMs)),
    pacedMs: both(of.map(({ pacedMs }) => pacedMs)),
  };
});
if (values.json) process.stdout.write(`${JSON.stringify({ load, rounds, results }, null, 2)}\n`);
else printTable();

function printTable(): void {
  const heads = [
    'arm',
    'TCP, Mbit/s',
    'first pings, ms: median',
    '99 %',
    'ping, ms: median',
    '99 %',
    'TCP round trip, ms: median',
    '99 %',
  ];
  const row = (cells: readonly string[]) => process.stdout.write(`| ${cells.join(' | ')} |\n`);
  row([...heads, 'with pauses: median', '99 %']);
  process.stdout.write(`${'|---'.repeat(heads.length + 2)}|\n`);
  for (const { arm, mbitPerSecond, firstMs, pingMs, tcpMs, pacedMs } of results) {
    const times = [firstMs, pingMs, tcpMs, pacedMs].flatMap((each) =>
      each === null ? ['', ''] : [each.p50.toFixed(3), each.p99.toFixed(3)],
    );
    row([arm, mbitPerSecond.toFixed(0), ...times]);
  }
  process.stdout.write(`\nload: ${load.map((each) => each.toFixed(1)).join(', ')}\n`);
}
