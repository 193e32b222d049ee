/**
 * One end of an Ethernet link: frames between an attachment (a VM's NIC, a TAP device) and the rings of its peers.
 *
 * There is no broadcast domain. A frame for one station goes to the domain that has it, and to nobody else; a broadcast
 * becomes one message for each peer, each decided by policy. DHCP does not travel in frames: see dhcp-frame.ts.
 * As on any Ethernet, frames can be lost; each loss is counted under its reason.
 */
import { type Clock, Fifo, nodeClock } from '../../../../broker/base/index.ts';
import { MSG_SLOT_BYTES } from '../../../../broker/wire/index.ts';
import { ArgusError, type FlowEvents, type Message, type OpenFlow } from '../../../sdk/index.ts';
import { BOOTREPLY, FLAG_BROADCAST, Option } from '../dhcp/constants.ts';
import { addressOption, cleanDhcp, decodeDhcp } from '../dhcp/message.ts';
import { type DomainSession, type KeptRing, keepOrderedRing, keepRing } from '../kept-ring.ts';
import {
  CONTROL_RING_BYTES,
  DHCP_CLIENT_PORT,
  DHCP_DEADLINE_MS,
  DHCP_SERVER_PORT,
  ETHERNET_PORT,
  FRAME_DEADLINE_MS,
  MAX_ETHERNET_RING_BYTES,
  MAX_FRAME_BYTES,
  MAX_LINK_WINDOW_BYTES,
  MAX_SEGMENT_FRAME_BYTES,
  MIN_ETHERNET_RING_BYTES,
  MIN_LINK_WINDOW_BYTES,
} from '../limits.ts';
import type { LinkAttachment, SegmentPort } from './attachment.ts';
import { dhcpFrame, dhcpOf } from './dhcp-frame.ts';
import { NET_HEADER_BYTES } from './headers.ts';
import { leavesWork, OFFLOAD_VERSION, takesOffload, typeOfPacket, writeHeader } from './offload.ts';
import { framesOf } from './packet.ts';
import { SentKinds } from './sent-kinds.ts';
import { Stations } from './stations.ts';

export interface LinkOptions {
  /** Domains at the other ends. */
  readonly peers: readonly string[];
  /**
   * What becomes of DHCP: `ask` = requests go to this domain; `serve` = a server is behind this link; null = dropped.
   */
  readonly dhcp: { readonly ask: string } | { readonly serve: true } | null;
  /** The attachment takes each frame during the call, so frames are lent to it. Default: it may keep them. */
  readonly isDirect?: boolean;
  /** Lines for the operator. */
  readonly say?: (line: string) => void;
  readonly clock?: Clock;
}

/** Counted since the link began. */
export interface LinkCounters {
  sent: number;
  received: number;
  /** Reason -> frames: an errno word of the broker, or one of our own. */
  readonly lost: Map<string, number>;
}

/** `frames: 10 sent, 12 received; lost: 1 EACCES`: the counters as a line for the operator. */
export function lossesOf({ sent, received, lost }: LinkCounters): string {
  const losses = [...lost].map(([reason, count]) => `${count} ${reason}`).join(', ');
  return `frames: ${sent} sent, ${received} received${losses === '' ? '' : `; lost: ${losses}`}`;
}

interface Peer {
  readonly name: string;
  /** Of the frames to it. Null until the link is open. */
  flow: OpenFlow | null;
  /** Numbers of the frames that leave work and have no outcome yet. */
  readonly work: Fifo<number>;
  /** What the frames without an outcome are, so that a loss says more than an errno word. */
  readonly kinds: SentKinds;
  /** It was heard to take offloaded frames. */
  takesOffload: boolean;
  /** The broker refused an offloaded frame: it does not know them. None is tried again in this session. */
  isRefused: boolean;
}

const BROADCAST = Uint8Array.of(255, 255, 255, 255, 255, 255);
const HEADER_BYTES = 14;
/** A paused device goes on once this part of its window is free. */
const RESUME_PART = 3 / 4;
/** Source of frames that carry the broker's DHCP messages: locally administered, and no host has it. */
const DHCP_STATION = Uint8Array.of(0x02, 0x61, 0x72, 0x67, 0x75, 0x73);

/** An equal part for each peer, in whole slots of a ring. */
function partOf(most: number, peers: number, least: number): number {
  return Math.max(least, Math.floor(most / Math.max(peers, 1) / MSG_SLOT_BYTES) * MSG_SLOT_BYTES);
}

function takesWork({ takesOffload: isAble, isRefused }: Peer): boolean {
  return isAble && !isRefused;
}

export class Link {
  readonly counters: LinkCounters = { sent: 0, received: 0, lost: new Map() };
  readonly #vm: DomainSession;
  readonly #options: LinkOptions;
  readonly #peers = new Map<string, Peer>();
  /** Of the flow to each peer. */
  readonly #windowBytes: number;
  readonly #stations = new Stations();
  readonly #rings: KeptRing[] = [];
  /** Refusals of DHCP that were already reported: a client asks again every few seconds. */
  readonly #said = new Set<string>();
  #attachment: LinkAttachment | null = null;
  #isPaused = false;
  /** This end's kernel may leave work to the other ends, because all of them take it. */
  #isOffloading = false;
  /** The type of frames that leave no work: it says whether this end takes work. */
  #plainType = 0;
  readonly #onReconnected = (): void => {
    for (const peer of this.#peers.values()) peer.isRefused = false;
    this.#negotiate();
  };

  constructor(vm: DomainSession, options: LinkOptions) {
    this.#vm = vm;
    this.#options = options;
    const { length } = options.peers;
    this.#windowBytes = partOf(MAX_LINK_WINDOW_BYTES, length, MIN_LINK_WINDOW_BYTES);
    for (const name of options.peers)
      this.#peers.set(name, {
        name,
        flow: null,
        work: new Fifo(),
        kinds: new SentKinds(this.#windowBytes),
        takesOffload: false,
        isRefused: false,
      });
  }

  /** Registers the rings. @throws ArgusError when policy does not let this domain have them */
  async open(): Promise<void> {
    const { dhcp, isDirect, clock = nodeClock } = this.#options;
    this.#vm.on('reconnected', this.#onReconnected);
    const length = partOf(MAX_ETHERNET_RING_BYTES, this.#peers.size, MIN_ETHERNET_RING_BYTES);
    for (const { name } of this.#peers.values()) {
      const wish = { port: ETHERNET_PORT, partner: name, length };
      // With a direct attachment `#receive` has no promise, and the frame is copied once: into the device.
      const ring =
        isDirect === true
          ? keepOrderedRing(this.#vm, wish, (message) => void this.#receive(message), clock)
          : keepRing(this.#vm, wish, (message) => this.#receive(message), clock);
      this.#rings.push(ring);
    }
    if (dhcp !== null) {
      if ('ask' in dhcp)
        this.#keep(DHCP_CLIENT_PORT, dhcp.ask, CONTROL_RING_BYTES, (message) => this.#toClient(message));
      else this.#keep(DHCP_SERVER_PORT, 'any', CONTROL_RING_BYTES, (message) => this.#toServer(message));
    }
    await Promise.all(this.#rings.map(({ ready }) => ready));
    await Promise.all([...this.#peers.values()].map((peer) => this.#openFlow(peer)));
  }

  /** Resolves its frames in batches: a promise for each would cost as much as all else that a small frame needs. */
  async #openFlow(peer: Peer): Promise<void> {
    const flow = await this.#vm.flow({
      to: { domain: peer.name, port: ETHERNET_PORT },
      deadline: FRAME_DEADLINE_MS,
      windowBytes: this.#windowBytes,
    });
    flow.on('refused', (refusal) => this.#onRefused(peer, refusal));
    flow.on('decided', ({ number }) => this.#onDecided(peer, number));
    peer.flow = flow;
  }

  /** Frames go there from now on; null = nowhere. */
  attach(attachment: LinkAttachment | null): void {
    this.#attachment = attachment;
    this.#isPaused = false;
    this.#plainType = attachment?.segments === undefined ? 0 : OFFLOAD_VERSION;
    this.#isOffloading = false;
    this.#negotiate();
  }

  async close(): Promise<void> {
    this.#vm.off('reconnected', this.#onReconnected);
    this.#attachment?.close();
    this.#attachment = null;
    await Promise.all(this.#rings.map((ring) => ring.close()));
  }

  /** A frame from the attachment: a view that is valid during the call. */
  readonly send = (frame: Uint8Array): void => this.#send(frame, null, this.#plainType);

  /** A virtio_net_hdr and its frame from the attachment: a view that is valid during the call. It may be changed. */
  readonly sendPacket = (packet: Buffer): void => {
    const type = typeOfPacket(packet);
    if (type === OFFLOAD_VERSION) this.#send(packet.subarray(NET_HEADER_BYTES), null, this.#plainType);
    else if (type > 0) this.#send(packet.subarray(NET_HEADER_BYTES), packet, type);
    else if (!framesOf(packet, MAX_FRAME_BYTES, this.send)) this.#lose('malformed');
  };

  /** `packet` is the frame with its header where the frame leaves work. */
  #send(frame: Uint8Array, packet: Buffer | null, type: number): void {
    if (frame.length < HEADER_BYTES) {
      this.#lose('too-short');
      return;
    }
    if (frame.length > (packet === null ? MAX_FRAME_BYTES : MAX_SEGMENT_FRAME_BYTES)) {
      this.#lose('too-long');
      return;
    }
    // Without a server to ask or to serve for, DHCP goes out as the frame it is, and the broker refuses and records it.
    const dhcp = this.#options.dhcp === null ? null : dhcpOf(frame);
    if (dhcp !== null) {
      if (dhcp.to === 'server') this.#askServer(dhcp.message);
      else this.#answerClient(dhcp.message);
      return;
    }
    const isGroup = ((frame[0] ?? 0) & 1) !== 0;
    if (isGroup || this.#peers.size === 1) {
      for (const peer of this.#peers.values()) this.#sendOr(peer, frame, packet, type);
      return;
    }
    const peer = this.#peers.get(this.#stations.domainOf(frame, 0) ?? '');
    if (peer === undefined) this.#lose('unknown-station');
    else this.#sendOr(peer, frame, packet, type);
  }

  /** The frame as it is, or in pieces for a peer that takes no work. */
  #sendOr(peer: Peer, frame: Uint8Array, packet: Buffer | null, type: number): void {
    if (packet === null || takesWork(peer)) this.#sendTo(peer, frame, type);
    else this.#sendPieces(peer, packet);
  }

  /** For a peer that takes whole frames only: between two changes of what this end's kernel leaves out. */
  #sendPieces(peer: Peer, packet: Buffer): void {
    // A checksum is finished in place, and another peer needs the packet as it was.
    const copy = this.#peers.size === 1 ? packet : Buffer.from(packet);
    if (!framesOf(copy, MAX_FRAME_BYTES, (piece) => this.#sendTo(peer, piece, this.#plainType)))
      this.#lose('malformed');
  }

  #keep(port: number, partner: string, length: number, handle: (message: Message) => void | Promise<void>): void {
    this.#rings.push(keepRing(this.#vm, { port, partner, length }, handle, this.#options.clock));
  }

  #sendTo(peer: Peer, frame: Uint8Array, type: number): void {
    const { flow } = peer;
    if (flow === null || flow.room < frame.length) {
      this.#lose('window-full');
      return;
    }
    let room = 0;
    try {
      room = flow.send(frame, type);
    } catch (error) {
      this.#loseBy(error);
      return;
    }
    this.counters.sent++;
    peer.kinds.sent(flow.sent, frame);
    if (leavesWork(type)) peer.work.push(flow.sent);
    // With one peer its pace is the link's, so the sender is slowed down; with several, one must not stop the others.
    if (this.#peers.size === 1 && room < this.#windowBytes / 2 && !this.#isPaused) {
      this.#isPaused = true;
      this.#attachment?.pause();
    }
  }

  #onRefused(peer: Peer, { number, error }: FlowEvents['refused']): void {
    // A kernel sends packets that nobody asked it for, such as those of IPv6: the operator has to see that it was those.
    this.#lose(`${error.code} (${peer.kinds.of(number)})`);
    if (error.code !== 'EINVAL' || peer.isRefused) return;
    for (let at = 0; at < peer.work.length; at++) if (peer.work.at(at) === number) peer.isRefused = true;
    if (peer.isRefused) this.#negotiate();
  }

  #onDecided({ flow, work }: Peer, number: number): void {
    while ((work.at(0) ?? Number.POSITIVE_INFINITY) <= number) work.shift();
    if (!this.#isPaused || (flow?.room ?? 0) < this.#windowBytes * RESUME_PART) return;
    this.#isPaused = false;
    this.#attachment?.resume();
  }

  #receive({ payload, source, type }: Message): void | Promise<void> {
    const peer = this.#peers.get(source.name);
    if (peer !== undefined && peer.takesOffload !== takesOffload(type)) {
      peer.takesOffload = takesOffload(type);
      this.#negotiate();
    }
    if (leavesWork(type)) return this.#receiveSegment(payload, source.name, type);
    // The broker lets a TCP segment pass at this length, but it is no frame of a cable.
    if (payload.length > MAX_FRAME_BYTES) {
      this.#lose('too-long');
      return;
    }
    this.#stations.learn(payload, 6, source.name);
    return this.#deliver(payload);
  }

  /** A frame whose checksum or cutting is left to this end. */
  #receiveSegment(frame: Uint8Array, from: string, type: number): void | Promise<void> {
    const attachment = this.#attachment;
    if (attachment?.segments !== undefined) {
      const { segments } = attachment;
      if (attachment.isReady) this.#writeSegment(segments, frame, from, type);
      else return attachment.ready().then(() => this.#writeSegment(segments, frame, from, type));
      return;
    }
    // A device without segments is attached now, and the peer has not heard of it yet.
    const packet = Buffer.alloc(NET_HEADER_BYTES + frame.length);
    packet.set(frame, NET_HEADER_BYTES);
    let isDelivered = writeHeader(packet, type);
    const pieces: Uint8Array[] = [];
    isDelivered = isDelivered && framesOf(packet, MAX_FRAME_BYTES, (piece) => pieces.push(Uint8Array.from(piece)));
    if (!isDelivered) {
      this.#lose('malformed');
      return;
    }
    this.#stations.learn(frame, 6, from);
    return this.#deliverAll(pieces);
  }

  #writeSegment(segments: SegmentPort, frame: Uint8Array, from: string, type: number): void {
    if (segments.writeSegment(frame, type)) {
      this.#stations.learn(frame, 6, from);
      this.counters.received++;
    } else this.#lose('malformed');
  }

  async #deliverAll(frames: readonly Uint8Array[]): Promise<void> {
    for (const frame of frames) {
      const pending = this.#deliver(frame);
      if (pending !== undefined) await pending;
    }
  }

  /** This end's kernel leaves work out while every peer takes it, so that nothing has to be cut here. */
  #negotiate(): void {
    const segments = this.#attachment?.segments;
    if (segments === undefined) return;
    const isWanted = [...this.#peers.values()].every((peer) => takesWork(peer));
    if (isWanted === this.#isOffloading) return;
    this.#isOffloading = isWanted;
    segments.setOffload(isWanted);
    const plain = [...this.#peers.values()].filter((peer) => !takesWork(peer)).map(({ name }) => name);
    this.#options.say?.(
      isWanted
        ? `${this.#vm.name}: segments of up to 64 KiB with ${[...this.#peers.keys()].join(', ')}`
        : `${this.#vm.name}: frames of one MTU, because of ${plain.join(', ')}`,
    );
  }

  /** Waits for an attachment that is full, so that a full ring slows its peers. */
  #deliver(frame: Uint8Array): void | Promise<void> {
    const attachment = this.#attachment;
    if (attachment === null) {
      this.#lose('nothing-attached');
      return;
    }
    this.counters.received++;
    if (attachment.isReady) {
      attachment.write(frame);
      return;
    }
    return attachment.ready().then(() => attachment.write(frame));
  }

  #askServer(message: Uint8Array): void {
    const { dhcp } = this.#options;
    if (dhcp === null || 'serve' in dhcp) {
      this.#lose('no-dhcp-server');
      return;
    }
    this.#sendDhcp(dhcp.ask, DHCP_SERVER_PORT, DHCP_CLIENT_PORT, message);
  }

  #answerClient(message: Uint8Array): void {
    // If a client answers like a server, its message is sent on all the same: policy refuses it, and the log records
    // that.
    const { dhcp } = this.#options;
    if (dhcp === null) {
      this.#lose('no-dhcp-server');
      return;
    }
    const isReply = message.length >= 34 && message[0] === BOOTREPLY;
    if ('ask' in dhcp) {
      this.#spreadReply(message);
      return;
    }
    const domain = isReply ? this.#stations.domainOf(message, 28) : null;
    if (domain === null) {
      this.#lose('unknown-station');
      return;
    }
    this.#sendDhcp(domain, DHCP_CLIENT_PORT, DHCP_SERVER_PORT, message);
  }

  #spreadReply(message: Uint8Array): void {
    for (const { name } of this.#peers.values()) this.#sendDhcp(name, DHCP_CLIENT_PORT, DHCP_CLIENT_PORT, message);
  }

  #sendDhcp(domain: string, port: number, from: number, message: Uint8Array): void {
    this.counters.sent++;
    this.#vm.sendv({ to: { domain, port }, from, iov: message, deadline: DHCP_DEADLINE_MS }).catch((error: unknown) => {
      this.#loseBy(error);
      this.#sayRefused(domain, error);
    });
  }

  /** Once for each domain and reason. The guest's client only sees that no answer comes. */
  #sayRefused(domain: string, error: unknown): void {
    if (!(error instanceof ArgusError)) return;
    const about = `${domain} ${error.code}`;
    if (this.#said.has(about) || (error.code !== 'EINVAL' && error.code !== 'EACCES')) return;
    this.#said.add(about);
    const why =
      error.code === 'EACCES'
        ? 'the policy has no row of class dhcp for it'
        : `its MAC, client identifier or address is not the one of "${this.#vm.name}" in domains.yaml`;
    this.#options.say?.(`DHCP from ${this.#vm.name} to ${domain} is refused (${error.code}): ${why}`);
  }

  #toClient({ payload }: Message): void | Promise<void> {
    const message = decodeDhcp(payload);
    if (message === null || message.chaddr.length !== 6) {
      this.#lose('malformed-dhcp');
      return;
    }
    const isBroadcast = (message.flags & FLAG_BROADCAST) !== 0;
    const to = message.ciaddr !== 0 ? message.ciaddr : message.yiaddr;
    return this.#deliver(
      dhcpFrame({
        destination: isBroadcast ? BROADCAST : message.chaddr,
        source: DHCP_STATION,
        from: addressOption(message, Option.serverIdentifier) ?? 0,
        to: isBroadcast || to === 0 ? null : to,
        toPort: DHCP_CLIENT_PORT,
        message: cleanDhcp(message),
      }),
    );
  }

  #toServer({ payload, source }: Message): void | Promise<void> {
    const message = decodeDhcp(payload);
    if (message === null || message.chaddr.length !== 6) {
      this.#lose('malformed-dhcp');
      return;
    }
    this.#stations.learn(message.chaddr, 0, source.name);
    return this.#deliver(
      dhcpFrame({
        destination: BROADCAST,
        source: message.chaddr,
        from: message.ciaddr,
        to: null,
        toPort: DHCP_SERVER_PORT,
        message: cleanDhcp(message),
      }),
    );
  }

  #loseBy(error: unknown): void {
    this.#lose(error instanceof ArgusError ? error.code : 'error');
  }

  #lose(reason: string): void {
    this.counters.lost.set(reason, (this.counters.lost.get(reason) ?? 0) + 1);
  }
}
