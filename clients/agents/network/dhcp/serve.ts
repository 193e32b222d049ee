/** The DHCP server at its ring: messages in, leases on disk, answers to the domain that asked. */
import { type Clock, nodeClock } from '../../../../broker/base/index.ts';
import { ArgusError, type Message } from '../../../sdk/index.ts';
import { type DomainSession, keepRing, registered } from '../kept-ring.ts';
import { CONTROL_RING_BYTES, DHCP_CLIENT_PORT, DHCP_DEADLINE_MS, DHCP_SERVER_PORT } from '../limits.ts';
import type { DhcpConfig } from './config.ts';
import type { LeaseStore } from './lease-file.ts';
import { decodeDhcp } from './message.ts';
import { DhcpServer } from './server.ts';

export interface DhcpService {
  close(): Promise<void>;
}

export interface DhcpServiceOptions {
  readonly config: DhcpConfig;
  readonly store: LeaseStore;
  /** One line per message for the operator. */
  readonly log: (line: string) => void;
  /** The disk failed: nothing more is given out. */
  readonly onFailure: (error: Error) => void;
  readonly clock?: Clock;
}

/** @throws ArgusError, NetError */
export async function serveDhcp(vm: DomainSession, options: DhcpServiceOptions): Promise<DhcpService> {
  const { config, store, log, clock = nodeClock } = options;
  const leases = await store.read();
  const server = new DhcpServer(config, leases);

  const handle = async ({ payload, source }: Message): Promise<void> => {
    const message = decodeDhcp(payload);
    if (message === null) {
      log(`${source.name}: malformed message`);
      return;
    }
    const { bytes, isChanged, note } = server.handle(message, source.name, Math.floor(clock.wall() / 1000));
    // Before the answer: an address is given out only once that is written down.
    if (isChanged) await store.write(leases.all);
    log(note);
    if (bytes === null) return;
    const to = { domain: source.domid, port: DHCP_CLIENT_PORT };
    try {
      await vm.sendv({ to, from: DHCP_SERVER_PORT, iov: bytes, deadline: DHCP_DEADLINE_MS });
    } catch (error) {
      if (!(error instanceof ArgusError)) throw error;
      log(`no answer to ${source.name}: ${error.message}`);
    }
  };

  const ring = keepRing(
    vm,
    { port: DHCP_SERVER_PORT, partner: 'any', length: CONTROL_RING_BYTES },
    (message) =>
      handle(message).catch((error: unknown) =>
        options.onFailure(error instanceof Error ? error : new Error(String(error))),
      ),
    clock,
  );
  await registered(ring);
  return { close: () => ring.close() };
}
