/** An app: plays and listens through its audio endpoint, takes routes, asks for an address and has a link with the router. */
import { AudioEndpoint } from '../../../clients/agents/audio/index.ts';
import { FRAME_BYTES } from '../../../clients/agents/audio/pcm/pcm.ts';
import { Link } from '../../../clients/agents/network/index.ts';
import { applyRoutes } from '../../../clients/agents/network/routes/apply.ts';
import { parsePrefix } from '../../../clients/agents/network/routes/prefix.ts';
import type { Vm } from '../../../clients/sdk/index.ts';
import type { Random } from '../../support/random.ts';
import type { Process } from '../engine/process.ts';
import { SimulatedTable } from '../engine/routing-table.ts';
import { audioClock, numberOf } from '../engine/sound.ts';
import { SimulatedTap } from '../engine/tap.ts';
import type { Member } from '../topology.ts';
import type { Witness } from '../witness.ts';
import { DhcpClient } from './dhcp-client.ts';
import { type FrameClaim, frameOf } from './frames.ts';
import { GuestAgent } from './guest-agent.ts';
import { type Agent, AUDIO_VM, NET_VM, ROUTED } from './inventory.ts';
import { Mixing } from './mixing.ts';
import { SERVER } from './net-vm.ts';
import type { Parts } from './parts.ts';
import { Asker } from './streams.ts';

export class AppVm extends GuestAgent {
  readonly table: SimulatedTable;
  endpoint: AudioEndpoint | null = null;
  link: Link | null = null;
  client: DhcpClient | null = null;
  /** It takes routes. */
  isRouting = false;
  /** Programs that open streams; null in runs without. */
  readonly asker: Asker | null;
  /** Null where it may not mix. */
  readonly mixing: Mixing | null;
  readonly #isDirect: boolean;
  #tap: SimulatedTap | null = null;
  #frames = 0;

  constructor(member: Member, agent: Agent, witness: Witness, random: Random, hasProxies: boolean) {
    super(member, agent, witness);
    this.asker = hasProxies ? new Asker(member.domid, witness) : null;
    this.mixing = agent.isMixer ? new Mixing(witness) : null;
    this.table = new SimulatedTable(random);
    this.#isDirect = random.oneIn(2);
  }

  protected start(vm: Vm, process: Process, parts: Parts): void {
    const { clock } = process;
    const say = (line: string): void => this.say(line);
    parts.keep(
      'audio endpoint',
      () =>
        AudioEndpoint.start({
          vm,
          audioVm: AUDIO_VM,
          onCapture: (frame) => this.witness.heard(this.name, numberOf(frame)),
          clock: audioClock(clock),
        }),
      (endpoint) => {
        this.endpoint = endpoint;
        return () => endpoint.close();
      },
    );
    const accept = ROUTED.flatMap((text) => parsePrefix(text) ?? []);
    const table = this.table.tableFor(process);
    parts.keep(
      'routes',
      () => applyRoutes(vm, { from: NET_VM, device: 'eth0', accept, say, fail: this.fail, table, clock }),
      (service) => {
        this.isRouting = true;
        return () => service.close();
      },
    );
    this.asker?.start(vm, process, parts);
    this.mixing?.start(vm, process, parts);
    const open = async (): Promise<Link> => {
      const link = new Link(vm, { peers: [NET_VM], dhcp: { ask: NET_VM }, isDirect: this.#isDirect, say, clock });
      try {
        await link.open();
      } catch (error) {
        await link.close();
        throw error;
      }
      return link;
    };
    parts.keep('link', open, (link) => {
      this.link = link;
      this.client = new DhcpClient(process, this.agent.mac, link.send, {
        leased: (ipv4) => this.witness.leased(this.name, ipv4),
        released: (ipv4) => this.witness.released(this.name, ipv4),
      });
      this.#tap = new SimulatedTap(process, (frame) => {
        this.witness.frame(this.name, frame);
        this.client?.take(frame);
      });
      link.attach(this.#tap);
      return () => link.close();
    });
  }

  protected forget(): void {
    this.endpoint = null;
    this.link = null;
    this.client = null;
    this.#tap = null;
    this.isRouting = false;
    this.asker?.forget();
    this.mixing?.forget();
  }

  /** Sound that says in each byte whose it is. */
  play(frames: number): void {
    const bytes = new Uint8Array(frames * FRAME_BYTES).fill(this.member.domid);
    this.endpoint?.play(bytes).catch(this.fail);
  }

  listen(isListening: boolean): void {
    this.endpoint?.listen(isListening).catch(this.fail);
  }

  release(): void {
    this.client?.release(SERVER);
  }

  beBusy(): void {
    this.#tap?.beBusy();
  }

  /** A frame of its own, whatever it claims; returns its number. */
  sendFrame(claim: FrameClaim): number {
    this.link?.send(frameOf(this.member.domid, ++this.#frames, claim, null));
    return this.#frames;
  }

  get addresses(): Agent {
    return this.agent;
  }
}
