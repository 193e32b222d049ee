/** The router: announces the routes of its table, gives out addresses, and has a link with each app. */

import { addressBytes, parseIpv4 } from '../../../broker/base/index.ts';
import type { DhcpConfig } from '../../../clients/agents/network/dhcp/config.ts';
import { serveDhcp } from '../../../clients/agents/network/dhcp/serve.ts';
import { Link } from '../../../clients/agents/network/index.ts';
import { announceRoutes } from '../../../clients/agents/network/routes/announce.ts';
import { parsePrefix } from '../../../clients/agents/network/routes/prefix.ts';
import type { Vm } from '../../../clients/sdk/index.ts';
import type { Random } from '../../support/random.ts';
import type { Process } from '../engine/process.ts';
import { SimulatedTable } from '../engine/routing-table.ts';
import { SimulatedTap } from '../engine/tap.ts';
import type { Member } from '../topology.ts';
import type { Witness } from '../witness.ts';
import { type FrameClaim, frameOf } from './frames.ts';
import { GuestAgent } from './guest-agent.ts';
import { type Agent, POOL, ROUTED } from './inventory.ts';
import { LeaseDisk } from './lease-disk.ts';
import type { Parts } from './parts.ts';
import { keepListener, Programs } from './streams.ts';

export const SERVER = ipv4('10.9.0.2');

export class NetVm extends GuestAgent {
  readonly table: SimulatedTable;
  readonly leases: LeaseDisk;
  link: Link | null = null;
  readonly #apps: readonly Member[];
  /** What its listener of streams leads to; null in runs without. */
  readonly programs: Programs | null;
  #tap: SimulatedTap | null = null;
  #frames = 0;

  constructor(
    member: Member,
    agent: Agent,
    witness: Witness,
    random: Random,
    apps: readonly Member[],
    hasProxies: boolean,
  ) {
    super(member, agent, witness);
    this.programs = hasProxies ? new Programs() : null;
    this.#apps = apps;
    this.table = new SimulatedTable(random);
    this.leases = new LeaseDisk(random);
  }

  protected start(vm: Vm, process: Process, parts: Parts): void {
    const { clock } = process;
    const names = this.#apps.map(({ name }) => name);
    const say = (line: string): void => this.say(line);
    const table = this.table.tableFor(process);
    parts.keep(
      'announcer',
      () =>
        announceRoutes(vm, {
          to: names,
          rules: { internet: true, prefixes: [prefix(ROUTED[1])], internal: [], device: null },
          gateway4: addressBytes(this.agent.ipv4 ?? '', 4),
          gateway6: null,
          say,
          fail: this.fail,
          table,
          clock,
        }),
      (service) => () => service.close(),
    );
    if (this.programs !== null) keepListener(vm, process, parts, this.programs, this.witness);
    const store = this.leases.storeFor(process);
    parts.keep(
      'DHCP server',
      () => serveDhcp(vm, { config: dhcpConfigOf(this.#apps), store, log: say, onFailure: this.fail, clock }),
      (service) => () => service.close(),
    );
    const open = async (): Promise<Link> => {
      const link = new Link(vm, { peers: names, dhcp: null, say, clock });
      try {
        await link.open();
      } catch (error) {
        await link.close();
        throw error;
      }
      return link;
    };
    parts.keep('link', open, (link) => {
      this.#tap = new SimulatedTap(process, (frame) => this.witness.frame(this.name, frame));
      link.attach(this.#tap);
      this.link = link;
      return () => link.close();
    });
  }

  protected forget(): void {
    this.link = null;
    this.#tap = null;
  }

  beBusy(): void {
    this.#tap?.beBusy();
  }

  /** A frame of its own, whatever it claims. `to` null: to all apps. */
  sendFrame(claim: FrameClaim, to: Member | null): void {
    this.link?.send(frameOf(this.member.domid, ++this.#frames, claim, to?.agent?.mac ?? null));
  }
}

function dhcpConfigOf(apps: readonly Member[]): DhcpConfig {
  return {
    server: SERVER,
    network: ipv4('10.9.0.0'),
    mask: ipv4('255.255.0.0'),
    routers: [SERVER],
    dns: [],
    ntp: [],
    routes: [],
    pointToPoint: false,
    domainName: null,
    mtu: null,
    leaseSeconds: 3_600,
    hosts: apps.flatMap(({ name, agent }) =>
      agent?.ipv4 == null ? [] : [{ name, mac: agent.mac, ipv4: ipv4(agent.ipv4) }],
    ),
    pool: { from: ipv4(POOL.from), to: ipv4(POOL.to) },
  };
}

function prefix(text: string): NonNullable<ReturnType<typeof parsePrefix>> {
  const parsed = parsePrefix(text);
  if (parsed === null) throw new Error(`no prefix: ${text}`);
  return parsed;
}

function ipv4(text: string): number {
  const address = parseIpv4(text);
  if (address === null) throw new Error(`no address: ${text}`);
  return address;
}
