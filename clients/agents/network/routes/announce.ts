/** The router's side: announces the reachable prefixes to domains, after each change and again from time to time. */
import { type Clock, nodeClock } from '../../../../broker/base/index.ts';
import { ArgusError } from '../../../sdk/index.ts';
import { type DomainSession, keepRing, registered } from '../kept-ring.ts';
import { CONTROL_RING_BYTES, ROUTE_DEADLINE_MS, ROUTE_PORT, ROUTE_REPEAT_MS } from '../limits.ts';
import { type Announcement, type AnnouncementRules, announcementOf, sameRoutes } from './announcement.ts';
import { KERNEL_TABLE, type RouteTable } from './kernel.ts';
import { type AnnouncedRoute, decodeRoutes, encodeRoutes, type RouteOperation } from './message.ts';
import { formatPrefix } from './prefix.ts';

export interface AnnounceOptions {
  readonly to: readonly string[];
  readonly rules: AnnouncementRules;
  /** Own addresses as the inventory has them, 4 and 16 bytes. */
  readonly gateway4: Uint8Array | null;
  readonly gateway6: Uint8Array | null;
  readonly say: (line: string) => void;
  readonly fail: (error: Error) => void;
  /** The kernel's table unless a test has its own. */
  readonly table?: RouteTable;
  readonly clock?: Clock;
}

const NOTHING: Announcement = { specific: [], defaults: [], warnings: [] };

export async function announceRoutes(vm: DomainSession, options: AnnounceOptions): Promise<{ close(): Promise<void> }> {
  const { to, rules, say, table = KERNEL_TABLE, clock = nodeClock } = options;
  let current = NOTHING;
  let generation = 0;
  let isReading = false;
  let isAskedAgain = false;
  /** Nothing is announced from then on: an announcement after the last withdrawal would stay at its receivers. */
  let isClosed = false;
  const underWay = new Set<Promise<void>>();

  const send = async (domain: string, operation: RouteOperation, routes: readonly AnnouncedRoute[]): Promise<void> => {
    const { gateway4, gateway6 } = options;
    const iov = encodeRoutes({ operation, generation, gateway4, gateway6, routes });
    try {
      await vm.sendv({ to: { domain, port: ROUTE_PORT }, from: ROUTE_PORT, iov, deadline: ROUTE_DEADLINE_MS });
    } catch (error) {
      if (!(error instanceof ArgusError)) throw error;
      // A VM that is off has no ring; it asks when it comes.
      if (error.code !== 'ECONNREFUSED' && error.code !== 'ECONNRESET')
        say(`${operation} to ${domain}: ${error.message}`);
    }
  };
  /** Every announcement goes through here, so that `close` can wait for the running ones. */
  const announce = (work: () => Promise<void>): Promise<void> => {
    if (isClosed) return Promise.resolve();
    const running = work().finally(() => underWay.delete(running));
    underWay.add(running);
    return running;
  };
  /** Both messages are queued in one turn, so no change of the table comes between them. */
  const sendAll = async (domain: string): Promise<void> => {
    const { specific, defaults } = current;
    await Promise.all([
      specific.length > 0 ? send(domain, 'announce', specific) : null,
      defaults.length > 0 ? send(domain, 'announce-default', defaults) : null,
    ]);
  };
  /** A set that became empty is withdrawn; a set that changed is replaced as a whole. */
  const sendChange = async (domain: string, before: Announcement): Promise<void> => {
    const { specific, defaults } = current;
    await Promise.all([
      specific.length === 0 && before.specific.length > 0 ? send(domain, 'withdraw', before.specific) : null,
      defaults.length === 0 && before.defaults.length > 0 ? send(domain, 'withdraw', before.defaults) : null,
      sendAll(domain),
    ]);
  };

  const update = async (): Promise<void> => {
    const next = announcementOf(await table.read(), rules);
    if (isClosed) return;
    const isSame = sameRoutes(next.specific, current.specific) && sameRoutes(next.defaults, current.defaults);
    if (next.warnings.join() !== current.warnings.join()) for (const warning of next.warnings) say(warning);
    const before = current;
    current = next;
    if (isSame) return;
    generation = (generation + 1) >>> 0;
    say(`announcing: ${describe([...next.specific, ...next.defaults])}`);
    // A domain that takes nothing for a while holds up its own announcements only.
    await Promise.all(to.map((domain) => sendChange(domain, before)));
  };
  /** One reading at a time; a change during it leads to one more. */
  const look = (): void => {
    if (isReading) {
      isAskedAgain = true;
      return;
    }
    isReading = true;
    announce(update)
      .catch((error: unknown) => options.fail(error instanceof Error ? error : new Error(String(error))))
      .finally(() => {
        isReading = false;
        if (!isAskedAgain) return;
        isAskedAgain = false;
        look();
      });
  };

  /** A guest that asks gets an answer also when there is nothing to announce. */
  const answer = async (domain: string): Promise<void> => {
    if (current.specific.length === 0 && current.defaults.length === 0) await send(domain, 'withdraw', []);
    else await sendAll(domain);
  };
  const ring = keepRing(
    vm,
    { port: ROUTE_PORT, partner: 'any', length: CONTROL_RING_BYTES },
    ({ payload, source }) =>
      decodeRoutes(payload)?.operation === 'request' ? announce(() => answer(source.name)) : undefined,
    clock,
  );
  await registered(ring);
  const watch = table.watch(look);
  let cancelRepeat = (): void => {};
  const repeatLater = (): void => {
    cancelRepeat = clock.after(ROUTE_REPEAT_MS, () => {
      for (const domain of to) void announce(() => sendAll(domain));
      repeatLater();
    });
  };
  repeatLater();
  look();
  return {
    close: async () => {
      isClosed = true;
      cancelRepeat();
      watch.close();
      await Promise.allSettled(underWay);
      if (vm.state === 'connected') await Promise.all(to.map((domain) => send(domain, 'withdraw', [])));
      await ring.close();
    },
  };
}

function describe(routes: readonly AnnouncedRoute[]): string {
  return routes.length === 0 ? 'nothing' : routes.map(({ prefix }) => formatPrefix(prefix)).join(', ');
}
