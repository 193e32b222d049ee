/** The router's agent: tells domains what can be reached through it, whenever that changes and again from time to time. */
import { ArgusError, type Vm } from '../../../sdk/index.ts';
import { keepRing } from '../kept-ring.ts';
import { CONTROL_RING_BYTES, ROUTE_DEADLINE_MS, ROUTE_PORT, ROUTE_REPEAT_MS } from '../limits.ts';
import { type Announcement, type AnnouncementRules, announcementOf, sameRoutes } from './announcement.ts';
import { readKernelRoutes, watchKernelRoutes } from './kernel.ts';
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
}

const NOTHING: Announcement = { specific: [], defaults: [], warnings: [] };

export async function announceRoutes(vm: Vm, options: AnnounceOptions): Promise<{ close(): Promise<void> }> {
  const { to, rules, say } = options;
  let current = NOTHING;
  let generation = 0;
  let isReading = false;
  let isAskedAgain = false;

  const send = async (
    domain: string | number,
    operation: RouteOperation,
    routes: readonly AnnouncedRoute[],
  ): Promise<void> => {
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
  const sendAll = async (domain: string | number): Promise<void> => {
    if (current.specific.length > 0) await send(domain, 'announce', current.specific);
    if (current.defaults.length > 0) await send(domain, 'announce-default', current.defaults);
  };

  const update = async (): Promise<void> => {
    const next = announcementOf(await readKernelRoutes(), rules);
    const isSame = sameRoutes(next.specific, current.specific) && sameRoutes(next.defaults, current.defaults);
    if (next.warnings.join() !== current.warnings.join()) for (const warning of next.warnings) say(warning);
    const before = current;
    current = next;
    if (isSame) return;
    generation = (generation + 1) >>> 0;
    say(`announcing: ${describe([...next.specific, ...next.defaults])}`);
    for (const domain of to) {
      // A set that became empty is withdrawn; one that changed is replaced as a whole.
      if (next.specific.length === 0 && before.specific.length > 0) await send(domain, 'withdraw', before.specific);
      if (next.defaults.length === 0 && before.defaults.length > 0) await send(domain, 'withdraw', before.defaults);
      await sendAll(domain);
    }
  };
  /** One reading at a time; a change during it leads to one more. */
  const look = (): void => {
    if (isReading) {
      isAskedAgain = true;
      return;
    }
    isReading = true;
    update()
      .catch((error: unknown) => options.fail(error instanceof Error ? error : new Error(String(error))))
      .finally(() => {
        isReading = false;
        if (!isAskedAgain) return;
        isAskedAgain = false;
        look();
      });
  };

  const ring = keepRing(vm, { port: ROUTE_PORT, partner: 'any', length: CONTROL_RING_BYTES }, ({ payload, source }) =>
    decodeRoutes(payload)?.operation === 'request' ? sendAll(source.domid) : undefined,
  );
  await ring.ready;
  const watch = watchKernelRoutes(look);
  const repeat = setInterval(() => {
    for (const domain of to) void sendAll(domain);
  }, ROUTE_REPEAT_MS);
  look();
  return {
    close: async () => {
      clearInterval(repeat);
      watch.close();
      if (vm.state === 'connected') for (const domain of to) await send(domain, 'withdraw', []);
      await ring.close();
    },
  };
}

function describe(routes: readonly AnnouncedRoute[]): string {
  return routes.length === 0 ? 'nothing' : routes.map(({ prefix }) => formatPrefix(prefix)).join(', ');
}
