/**
 * How long two brokers at one NATS server need to notice and to recover, each process killed in turn.
 *
 *     npm run build && node --import tsx bench/failover.ts [rounds] [--json]
 *
 * Domain `sender` is at home at broker one and sends to `receiver`, at home at broker two, every few milliseconds, each
 * send with a deadline of its own; a second ring at broker one shows that local traffic goes on. "noticed" is from the
 * kill to the first send that is refused, "back" from the moment the new process serves to the first one accepted.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ArgusError, connect, type Vm } from '../clients/sdk/index.ts';
import { joined, prepare, startBroker, startNats } from './arms/argus-brokers.ts';
import { DATA_PORT, ECHO_PORT, RECEIVER, SENDER } from './arms/argus-policy.ts';
import type { ServerProcess } from './arms/server-process.ts';
import { percentile } from './figures/stats.ts';

const DEFAULT_ROUNDS = 5;
const PACE_MS = 2;
const RING_BYTES = 1024 * 1024;
const DEADLINE_MS = 10_000;
/** Longest pause between two of its sends that local traffic may have for it to count as going on. */
const LOCAL_PAUSE_MS = 1_000;

interface Round {
  readonly noticedMs: number;
  readonly backMs: number;
  readonly localPauseMs: number;
}

const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const rounds = Number(positionals[0] ?? DEFAULT_ROUNDS);
const folder = await mkdtemp(join(tmpdir(), 'argus-failover-'));
const running = new Map<string, ServerProcess>();
const vms: Vm[] = [];
try {
  const results = await measure(join(folder, 'site'));
  if (values.json) process.stdout.write(`${JSON.stringify(results)}\n`);
  else for (const [killed, found] of Object.entries(results)) process.stdout.write(`${describe(killed, found)}\n`);
} finally {
  await Promise.all(vms.map((vm) => vm.close().catch(() => {})));
  for (const server of [...running.values()].toReversed()) await server.stop();
  await rm(folder, { recursive: true, force: true });
}

async function measure(site: string): Promise<Record<string, Round[]>> {
  await mkdir(site, { mode: 0o700 });
  const tcpPort = await prepare(site);
  const start: Record<string, () => Promise<ServerProcess>> = {
    'nats-server': () => startNats(site, tcpPort),
    'broker one': () => startBroker(site, 'one', tcpPort),
    'broker two': () => startBroker(site, 'two', tcpPort),
  };
  for (const [name, begin] of Object.entries(start)) running.set(name, await begin());
  await Promise.all([joined(site, 'one'), joined(site, 'two')]);
  const sender = await attach(site, 'one', SENDER);
  const receiver = await attach(site, 'two', RECEIVER);
  await listen(receiver, SENDER, DATA_PORT);
  const results: Record<string, Round[]> = { 'nats-server': [], 'broker two': [] };
  for (let round = 0; round < rounds; round++)
    for (const [killed, found] of Object.entries(results)) found.push(await kill(killed, start[killed], sender));
  return results;
}

async function attach(site: string, home: string, name: string): Promise<Vm> {
  const vm = await connect({
    carrier: `unix:${join(site, `run-${home}`, `${name}.sock`)}`,
    identity: join(site, name),
  });
  vms.push(vm);
  return vm;
}

async function listen(vm: Vm, partner: string, port: number): Promise<void> {
  const ring = await vm.registerRing({ port, partner, length: RING_BYTES });
  void (async () => {
    for await (const _ of ring);
  })();
}

async function kill(name: string, start: (() => Promise<ServerProcess>) | undefined, sender: Vm): Promise<Round> {
  if (start === undefined) throw new Error(`nobody is called ${name}`);
  await until(sender, true);
  const local = watchLocal(sender);
  process.kill(running.get(name)?.pid ?? 0, 'SIGKILL');
  const killedAt = performance.now();
  await until(sender, false);
  const noticedMs = performance.now() - killedAt;
  running.set(name, await start());
  const servesAt = performance.now();
  await until(sender, true);
  return { noticedMs, backMs: performance.now() - servesAt, localPauseMs: local.end() };
}

/** Resolves when a remote send ends as wanted. */
async function until(sender: Vm, isAccepted: boolean): Promise<void> {
  const payload = new Uint8Array(64);
  for (const since = performance.now(); ; ) {
    const accepted = await sender
      .sendv({ to: { domain: RECEIVER, port: DATA_PORT }, iov: payload, deadline: DEADLINE_MS })
      .then(() => true)
      .catch((error: unknown) => {
        if (!(error instanceof ArgusError)) throw error;
        return false;
      });
    if (accepted === isAccepted) return;
    if (performance.now() - since > 60_000) throw new Error('nothing changed in 60 s');
    await new Promise((resolve) => setTimeout(resolve, PACE_MS));
  }
}

/** Asks the sender's own broker something all the while; `end` tells the longest time without an answer, ms. */
function watchLocal(sender: Vm): { end(): number } {
  let [last, longest, isOver] = [performance.now(), 0, false];
  void (async () => {
    while (!isOver) {
      await sender.notify([{ to: { domain: SENDER, port: ECHO_PORT }, spaceRequired: 64 }]).catch(() => {});
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
      await new Promise((resolve) => setTimeout(resolve, PACE_MS));
    }
  })();
  return {
    end: () => {
      isOver = true;
      return longest;
    },
  };
}

function describe(killed: string, found: readonly Round[]): string {
  const at = (pick: (round: Round) => number, share: number): string => percentile(found.map(pick), share).toFixed(0);
  const local = Math.max(...found.map(({ localPauseMs }) => localPauseMs));
  const steady =
    local < LOCAL_PAUSE_MS
      ? `local traffic went on (longest pause ${local.toFixed(0)} ms)`
      : `local traffic PAUSED ${local.toFixed(0)} ms`;
  const noticed = `noticed after ${at((one) => one.noticedMs, 0.5)} ms (worst ${at((one) => one.noticedMs, 1)})`;
  const back = `back ${at((one) => one.backMs, 0.5)} ms after it serves again (worst ${at((one) => one.backMs, 1)})`;
  return `${killed} killed, ${found.length} times: ${noticed}; ${back}; ${steady}`;
}
