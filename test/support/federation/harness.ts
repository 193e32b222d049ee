/**
 * One broker, `one`, with a real core, policy and audit, and a bridge to the remote broker `two`. The test chooses the
 * frames of `two`. There is no session and no server.
 */

import { type MemoryAudit, memoryAudit } from '../../../broker/audit/index.ts';
import { Argo, type DomainState } from '../../../broker/core/index.ts';
import { Bridge, type BridgeFault } from '../../../broker/federation/bridge.ts';
import { encodeFederationFrame, FederationOp } from '../../../broker/federation/frames.ts';
import { DeferredCopies } from '../../../broker/peer/index.ts';
import { Turns } from '../../../broker/turns/index.ts';
import {
  type BrokerFrame,
  DataField,
  DOMID_ANY,
  encodeBrokerFrame,
  encodeDataFrame,
  encodeDomainFrame,
  type NotifyQuery,
  Op,
} from '../../../broker/wire/index.ts';
import { restlessClock } from '../clock.ts';
import { compile, OPEN, PORT, RecordingSink } from '../core/harness.ts';

export const REMOTE = 'two';

export class BridgeHarness {
  readonly argo: Argo;
  readonly audit: MemoryAudit = memoryAudit();
  readonly bridge: Bridge;
  /** Frames that the bridge has queued for the remote broker. */
  readonly queued: Uint8Array[] = [];
  readonly outlets = new Map<string, RecordingSink>();
  readonly #durable: (() => void)[] = [];
  /** A share that never runs out. */
  readonly share = new Turns(() => {}, restlessClock()).share(REMOTE);
  readonly #copies = new DeferredCopies();
  #lent: Uint8Array[] = [];
  #lastSendId = 0;

  private constructor(policy: Awaited<ReturnType<typeof compile>>, memoryBytes: number) {
    this.share.credit = Number.POSITIVE_INFINITY;
    const limits = { ringBytesPerDomain: 64 * 1024 * 1024, routesPerDomain: 64, memoryBytes };
    this.bridge = new Bridge(REMOTE, () => this.argo, this.#copies);
    const homes = (home: string | null): Bridge | null => (home === REMOTE ? this.bridge : null);
    this.argo = new Argo(policy, this.audit, limits, (domain) => homes(domain.home));
  }

  /**
   * The home of `local` and `neighbour` is `one`, that of `far` and `farther` is `two`. The local domains have
   * sessions.
   */
  static async start(memoryBytes = 2 ** 40): Promise<BridgeHarness> {
    const text = {
      domains: ['local', 'neighbour', 'far', 'farther'],
      rows: OPEN,
      about: { local: 'home: one', neighbour: 'home: one', far: `home: ${REMOTE}`, farther: `home: ${REMOTE}` },
    };
    const harness = new BridgeHarness(await compile(text), memoryBytes);
    for (const name of ['local', 'neighbour']) {
      const sink = new RecordingSink();
      harness.argo.attach(harness.state(name), sink, { session: name });
      harness.outlets.set(name, sink);
    }
    harness.upAgain();
    return harness;
  }

  /** A session with the remote broker begins. */
  upAgain(): void {
    this.bridge.up({
      queue: (frame) => void this.queued.push(new Uint8Array(frame)),
      lend: (bytes, start, end) => void this.#lent.push(bytes.subarray(start, end)),
      copyLent: () => {
        this.queued.push(...this.#lent.map((frame) => new Uint8Array(frame)));
        this.#lent = [];
      },
      whenDurable: (effect) => void this.#durable.push(effect),
      now: () => 0,
      onReport: () => {},
      onListPiece: () => true,
      onCosigning: () => true,
    });
  }

  /** A local domain sends to a remote domain, in a record of its own, whose memory is used again. */
  forward(from: string, to: string, { port = PORT, flags = 0 } = {}): ReturnType<Bridge['forward']> {
    const frame = this.sendv(from, to, 1);
    const view = new DataView(frame.buffer);
    view.setUint32(DataField.destinationPort, port, true);
    view.setUint8(DataField.flags, flags);
    const outcome = this.bridge.forward(this.state(from), frame, view, 0, frame.length);
    this.#copies.copyAll();
    frame.fill(0);
    return outcome;
  }

  state(name: string): DomainState {
    const state = this.argo.domain(name);
    if (state === undefined) throw new Error(`no domain "${name}"`);
    return state;
  }

  domid(name: string): number {
    return this.state(name).domain.domid;
  }

  sink(name: string): RecordingSink {
    const sink = this.outlets.get(name);
    if (sink === undefined) throw new Error(`"${name}" has no session`);
    return sink;
  }

  /** Registers a wildcard ring of a local domain. */
  listen(name: string): void {
    const ring = { port: PORT, partner: DOMID_ANY, pad: 0, length: 65_536, flags: 0, unread: 0 };
    this.argo.registerRing(this.state(name), ring);
  }

  /** The remote broker sends one record of these frames. */
  hear(...frames: readonly Uint8Array[]): BridgeFault | null {
    let fault = this.bridge.receive(new Uint8Array(Buffer.concat(frames)), this.share);
    while (fault === null && this.bridge.hasMore) fault = this.bridge.receiveMore(this.share);
    return fault;
  }

  up(name: string): Uint8Array {
    return encodeFederationFrame(FederationOp.up, this.domid(name));
  }

  /** The default `id` is the previous one plus 1. */
  sendv(from: string, to: string, id?: number): Uint8Array {
    this.#lastSendId = id ?? this.#lastSendId + 1;
    const frame = new Uint8Array(28 + 4);
    encodeDataFrame(new DataView(frame.buffer), 0, {
      op: Op.sendv,
      flags: 0,
      id: this.#lastSendId,
      source: this.domid(from),
      destination: this.domid(to),
      sourcePort: 0,
      destinationPort: PORT,
      messageType: 0,
      payload: Buffer.from('hey!'),
    });
    return frame;
  }

  event(hearer: string, frame: BrokerFrame): Uint8Array {
    return encodeFederationFrame(FederationOp.event, this.domid(hearer), encodeBrokerFrame(frame));
  }

  asked(caller: string, queries: readonly NotifyQuery[]): Uint8Array {
    return encodeFederationFrame(
      FederationOp.asked,
      this.domid(caller),
      encodeDomainFrame({ op: Op.notify, id: 9, queries }),
    );
  }

  becomeDurable(): void {
    for (const effect of this.#durable.splice(0)) effect();
  }
}
