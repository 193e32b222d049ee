/**
 * From the table as it is and the routes as they should be to the commands that lead there, and back again if one fails.
 *
 * Only routes with our protocol number are ever replaced or deleted, and one of another protocol that has the same prefix
 * and metric is left alone: `ip route replace` would take its place. New routes come before old ones go, so a prefix that
 * stays is never without a route.
 */
import { ROUTE_PROTOCOL } from '../limits.ts';
import { isOurs, type KernelRoute } from './kernel.ts';
import type { AnnouncedRoute } from './message.ts';
import { covers, formatAddress, formatPrefix, overlaps, type Prefix } from './prefix.ts';

/** Announced metrics are added to this, so that a route of the guest's own with a usual metric is preferred. */
const METRIC_BASE = 2_000;
const METRIC_MAX = 0x7fff_ffff - METRIC_BASE;

export interface WantedRoute {
  readonly prefix: Prefix;
  /** 4 or 16 bytes. */
  readonly gateway: Uint8Array;
  readonly metric: number;
}

export interface RoutePlan {
  /** Lines for `ip -batch`; empty when the table is as it should be. */
  readonly commands: readonly string[];
  /** The commands that undo the plan, no matter which of its commands were carried out. */
  readonly undo: readonly string[];
  /** Routes that are not applied, and why. */
  readonly refused: readonly string[];
}

export interface PlanLimits {
  readonly device: string;
  /** Prefixes that are taken from the router at all. */
  readonly accept: readonly Prefix[];
}

export function planRoutes(
  table: readonly KernelRoute[],
  wanted: readonly WantedRoute[],
  limits: PlanLimits,
): RoutePlan {
  const { device, accept } = limits;
  const ours = table.filter(isOurs);
  const others = table.filter((route) => !isOurs(route));
  const refused: string[] = [];
  const desired = new Map<string, string>();
  for (const { prefix, gateway, metric } of wanted) {
    const reason = refusalOf(prefix, metric, others, device, accept);
    if (reason !== null) refused.push(`${formatPrefix(prefix)}: ${reason}`);
    else
      desired.set(
        keyOf(prefix, kernelMetric(metric)),
        replaceLine(prefix, gatewayText(gateway, prefix), device, kernelMetric(metric)),
      );
  }
  const present = new Map(ours.map((route) => [keyOf(route.prefix, route.metric), route]));
  const commands: string[] = [];
  const undo: string[] = [];
  for (const [key, line] of desired) {
    const before = present.get(key);
    if (before !== undefined && lineOf(before) === line) continue;
    commands.push(line);
    undo.push(before === undefined ? deleteLine(line) : lineOf(before));
  }
  for (const [key, route] of present) {
    if (desired.has(key)) continue;
    commands.push(deleteLine(lineOf(route)));
    undo.push(lineOf(route));
  }
  return { commands, undo, refused };
}

export function toWanted(
  routes: readonly AnnouncedRoute[],
  gateway4: Uint8Array | null,
  gateway6: Uint8Array | null,
): WantedRoute[] {
  return routes.flatMap(({ prefix, metric }) => {
    const gateway = prefix.family === 4 ? gateway4 : gateway6;
    return gateway === null ? [] : [{ prefix, gateway, metric }];
  });
}

function refusalOf(
  prefix: Prefix,
  metric: number,
  others: readonly KernelRoute[],
  device: string,
  accept: readonly Prefix[],
): string | null {
  if (!accept.some((allowed) => covers(allowed, prefix))) return 'not among the prefixes that are accepted here';
  for (const other of others) {
    const isSame = other.prefix.length === prefix.length && covers(other.prefix, prefix);
    if (isSame && other.metric === kernelMetric(metric)) return `the table has one by "${other.protocol}" already`;
    // A network that this guest is part of by another way, such as an uplink of its own: a longer prefix would capture it.
    const isConnected = other.prefix.length > 0 && other.gateway === null && other.device !== device;
    if (isConnected && prefix.length > 0 && overlaps(other.prefix, prefix))
      return `overlaps ${formatPrefix(other.prefix)} on ${other.device ?? 'another device'}`;
  }
  return null;
}

function kernelMetric(metric: number): number {
  return METRIC_BASE + Math.min(metric, METRIC_MAX);
}

function keyOf(prefix: Prefix, metric: number): string {
  return `${formatPrefix(prefix)} ${metric}`;
}

function gatewayText(gateway: Uint8Array, { family }: Prefix): string {
  const bytes = new Uint8Array(16);
  bytes.set(gateway);
  return formatAddress(bytes, family);
}

/** `onlink`: a guest may have its address as a host route, without a network that the gateway is in. */
function replaceLine(prefix: Prefix, gateway: string, device: string, metric: number): string {
  return `route replace ${formatPrefix(prefix)} via ${gateway} dev ${device} proto ${ROUTE_PROTOCOL} metric ${metric} onlink`;
}

function lineOf({ prefix, gateway, device, metric }: KernelRoute): string {
  return replaceLine(prefix, gateway ?? '', device ?? '', metric);
}

function deleteLine(line: string): string {
  return line.replace('route replace', 'route del').replace(/ onlink$/, '');
}
