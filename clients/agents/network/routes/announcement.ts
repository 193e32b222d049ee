/** Computes a router's announcement: pure, from the kernel's table and the operator's options. */
import { MAX_ROUTES_PER_MESSAGE } from '../limits.ts';
import { isOurs, type KernelRoute } from './kernel.ts';
import type { AnnouncedRoute } from './message.ts';
import { covers, formatPrefix, overlaps, type Prefix } from './prefix.ts';

export interface AnnouncementRules {
  /** Announce the way to the Internet while the kernel has a default route. */
  readonly internet: boolean;
  /** Announce routes of the table that lie in these prefixes. */
  readonly prefixes: readonly Prefix[];
  /** The network of the VMs: an uplink that overlaps it would make its own hosts, or the VMs, unreachable. */
  readonly internal: readonly Prefix[];
  /** Device of the VMs. A prefix that is reached through another device is uplink. Null: the device is unknown. */
  readonly device: string | null;
}

export interface Announcement {
  readonly specific: readonly AnnouncedRoute[];
  readonly defaults: readonly AnnouncedRoute[];
  /** One line per thing that the operator should know. */
  readonly warnings: readonly string[];
}

export function announcementOf(table: readonly KernelRoute[], rules: AnnouncementRules): Announcement {
  const warnings: string[] = [];
  const specific = new Map<string, AnnouncedRoute>();
  const defaults = new Map<string, AnnouncedRoute>();
  const halves = new Map<string, number>();
  for (const route of table) {
    // A route that we applied ourselves was announced by another router; passing it on could make a loop.
    // A route without carrier leads nowhere: a default route like that is not the Internet.
    if (isOurs(route) || !route.isUsable) continue;
    const { prefix, metric, device } = route;
    const name = formatPrefix(prefix);
    if (prefix.length === 0) {
      if (rules.internet) keepBest(defaults, name, { prefix, metric });
      continue;
    }
    // A VPN covers the default route with its two halves, which win over it and go when it goes.
    if (prefix.length === 1 && rules.internet) {
      const whole = formatPrefix({ ...prefix, base: new Uint8Array(16), length: 0 });
      const other = halves.get(whole);
      if (other === undefined) halves.set(whole, metric);
      else
        keepBest(defaults, whole, {
          prefix: { ...prefix, base: new Uint8Array(16), length: 0 },
          metric: Math.max(other, metric),
        });
      continue;
    }
    const clash = rules.internal.find((internal) => device !== rules.device && overlaps(internal, prefix));
    if (clash !== undefined) {
      warnings.push(
        `uplink ${device ?? '?'} has ${name}, which overlaps the VMs' network ${formatPrefix(clash)}: not announced`,
      );
      continue;
    }
    if (rules.prefixes.some((allowed) => covers(allowed, prefix))) keepBest(specific, name, { prefix, metric });
  }
  if (specific.size > MAX_ROUTES_PER_MESSAGE) {
    warnings.push(`${specific.size} routes; only the first ${MAX_ROUTES_PER_MESSAGE} are announced`);
  }
  return {
    specific: [...specific.values()].slice(0, MAX_ROUTES_PER_MESSAGE),
    // With an overlap the Internet is still reachable; only the part that clashes is not.
    defaults: [...defaults.values()],
    warnings,
  };
}

function keepBest(routes: Map<string, AnnouncedRoute>, name: string, route: AnnouncedRoute): void {
  const earlier = routes.get(name);
  if (earlier === undefined || route.metric < earlier.metric) routes.set(name, route);
}

export function sameRoutes(one: readonly AnnouncedRoute[], other: readonly AnnouncedRoute[]): boolean {
  const key = (routes: readonly AnnouncedRoute[]): string =>
    routes
      .map(({ prefix, metric }) => `${formatPrefix(prefix)} ${metric}`)
      .sort()
      .join();
  return key(one) === key(other);
}
