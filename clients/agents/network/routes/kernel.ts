/**
 * The kernel's routing table by way of `ip` (iproute2): `ip -j route show` is the truth, `ip monitor route` only says when to
 * look again, because its output is text even with `-j` and its lines are not a protocol.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { z } from 'zod';
import { run } from '../command.ts';
import { NetError } from '../errors.ts';
import { ROUTE_MONITOR_START_MS, ROUTE_POLL_MS, ROUTE_PROTOCOL, ROUTE_SETTLE_MS } from '../limits.ts';
import { type Prefix, parsePrefix } from './prefix.ts';

export interface KernelRoute {
  readonly prefix: Prefix;
  readonly gateway: string | null;
  readonly device: string | null;
  /** A name of /etc/iproute2/rt_protos, or a number. */
  readonly protocol: string;
  readonly metric: number;
  /** A packet can leave by it now: neither it nor all of its next hops are `dead` or without carrier. */
  readonly isUsable: boolean;
}

/** A routing table: the kernel's, or one of a test. */
export interface RouteTable {
  read(): Promise<readonly KernelRoute[]>;
  /** Carries out lines for `ip -batch`, up to the first that fails. */
  change(lines: readonly string[]): Promise<void>;
  /** Calls `onChange` after each change, and now and then without one. */
  watch(onChange: () => void): { close(): void };
}

/** Another host on the way: of the route's own family, or of the other one (`via`, RFC 5549). */
const hop = {
  gateway: z.string().optional(),
  via: z.looseObject({ host: z.string() }).optional(),
  dev: z.string().optional(),
  flags: z.array(z.string()).optional(),
};
const shown = z.array(
  z.looseObject({
    ...hop,
    dst: z.string(),
    type: z.string().optional(),
    protocol: z.union([z.string(), z.number()]).optional(),
    metric: z.number().optional(),
    nexthops: z.array(z.looseObject(hop)).optional(),
  }),
);
type Shown = z.infer<typeof shown>[number];
type Hop = Pick<Shown, keyof typeof hop>;

/** Flags of `ip` with which a route leads nowhere; flags that we do not know (`onlink`, `offload`, …) change nothing. */
const UNUSABLE: readonly string[] = ['dead', 'linkdown'];

/** Unicast routes of the main table. @throws NetError ERR_NET_COMMAND */
async function readKernelRoutes(): Promise<KernelRoute[]> {
  const [four, six] = await Promise.all(
    ([4, 6] as const).map(async (family) => {
      const text = await run('ip', ['-j', `-${family}`, 'route', 'show', 'table', 'main']);
      return parseKernelRoutes(text, family);
    }),
  );
  return [...(four ?? []), ...(six ?? [])];
}

/** @throws NetError ERR_NET_COMMAND when it is not the output of iproute2 */
export function parseKernelRoutes(text: string, family: 4 | 6): KernelRoute[] {
  let routes: z.infer<typeof shown>;
  try {
    routes = shown.parse(text.trim() === '' ? [] : JSON.parse(text));
  } catch (error) {
    throw new NetError('ERR_NET_COMMAND', 'ip -j route show: not the JSON of iproute2', error);
  }
  return routes.flatMap((route) => {
    const prefix = parsePrefix(route.dst, family);
    if (prefix === null || (route.type !== undefined && route.type !== 'unicast')) return [];
    const hops: readonly Hop[] = route.nexthops ?? [route];
    const usable = hops.filter(({ flags = [] }) => !flags.some((flag) => UNUSABLE.includes(flag)));
    const isUsable = usable.length > 0 && !(route.flags ?? []).some((flag) => UNUSABLE.includes(flag));
    const { gateway, via, dev } = usable[0] ?? hops[0] ?? {};
    const { protocol = '', metric = 0 } = route;
    const through = gateway ?? via?.host ?? null;
    return [{ prefix, gateway: through, device: dev ?? null, protocol: String(protocol), metric, isUsable }];
  });
}

/** Commands of `ip`, one a line, in one process: it stops at the first that fails. @throws NetError ERR_NET_COMMAND */
function runIpBatch(lines: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = execFile('ip', ['-batch', '-'], (error, _stdout, stderr) => {
      if (error === null) resolve();
      else reject(new NetError('ERR_NET_COMMAND', `ip -batch: ${stderr.trim() || error.message}`, error));
    });
    child.stdin?.on('error', () => {}); // it ended before it had read all; its exit code says so
    child.stdin?.end(`${lines.join('\n')}\n`);
  });
}

export function isOurs(route: KernelRoute): boolean {
  return route.protocol === String(ROUTE_PROTOCOL);
}

/** Calls `onChange` after each change of the table, and now and then without one. */
function watchKernelRoutes(onChange: () => void): { close(): void } {
  let child: ChildProcess | null = null;
  let settle: NodeJS.Timeout | null = null;
  let starts: NodeJS.Timeout[] = [];
  const changed = (): void => {
    settle ??= setTimeout(() => {
      settle = null;
      onChange();
    }, ROUTE_SETTLE_MS);
  };
  const start = (): void => {
    child = spawn('ip', ['monitor', 'route', 'link'], { stdio: ['ignore', 'pipe', 'ignore'] });
    child.stdout?.on('data', changed);
    child.on('error', () => {}); // the poll below goes on without it
    child.once('exit', () => {
      child = null;
    });
    for (const timer of starts) clearTimeout(timer);
    starts = ROUTE_MONITOR_START_MS.map((delay) => setTimeout(onChange, delay));
  };
  start();
  const poll = setInterval(() => {
    if (child === null) start();
    onChange();
  }, ROUTE_POLL_MS);
  return {
    close: () => {
      clearInterval(poll);
      for (const timer of starts) clearTimeout(timer);
      if (settle !== null) clearTimeout(settle);
      child?.kill();
    },
  };
}

export const KERNEL_TABLE: RouteTable = Object.freeze({
  read: readKernelRoutes,
  change: runIpBatch,
  watch: watchKernelRoutes,
});
