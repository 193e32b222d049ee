/**
 * The exchange over a session with the broker: a ring for each service port that the guest offers, a ring for the answers
 * of each peer that it calls, and one send for each packet.
 */
import { ArgusError, type Message, type Ring, type Vm } from '../../sdk/index.ts';
import { DeviceError, RING_RETRY_MS } from '../base/index.ts';
import type { Exchange, ExchangeEvents } from './exchange.ts';
import { MAX_VSOCK_CLIENT_RINGS, VSOCK_DEADLINE_MS, VSOCK_PORT_BASE, VSOCK_RING_BYTES } from './limits.ts';
import { decodeMessage, encodeMessage, MESSAGE_HEADER_BYTES, type PeerMessage } from './message.ts';
import { FIRST_GUEST_CID } from './packet.ts';

interface AnswerRing {
  readonly ready: Promise<Ring | null>;
  /** The device says when no connection waits for it or uses it any more. */
  isWanted: boolean;
}

/** Memory that the SDK keeps for each send besides the payload. */
const SEND_OVERHEAD_BYTES = 64;

export class BrokerExchange implements Exchange {
  readonly cid: number;
  readonly #vm: Vm;
  readonly #report: (line: string) => void;
  #events: ExchangeEvents | null = null;
  #underWay = 0;
  #isSettling = false;
  #isClosed = false;
  readonly #answers = new Map<string, AnswerRing>();
  readonly #retries = new Set<() => void>();

  /** @throws DeviceError ERR_DEVICE_CID */
  constructor(vm: Vm, report: (line: string) => void) {
    if (vm.domid < FIRST_GUEST_CID)
      throw new DeviceError(
        'ERR_DEVICE_CID',
        `"${vm.name}" has domid ${vm.domid}, and the CID of a guest is its domid: give it one of ${FIRST_GUEST_CID} or more in domains.yaml`,
      );
    this.cid = vm.domid;
    this.#vm = vm;
    this.#report = report;
  }

  get underWayBytes(): number {
    return this.#underWay;
  }

  /** Begins to hear. `services`: the ports at which other domains may reach the guest. */
  open(events: ExchangeEvents, services: readonly number[]): void {
    this.#events = events;
    const vm = this.#vm;
    vm.on('disconnected', () => this.#events?.lost(null, null));
    vm.on('reconnected', () => {
      for (const [key, entry] of this.#answers) void entry.ready.then((ring) => this.#giveUp(key, entry, ring));
    });
    vm.on('peer-gone', ({ domid, port }) => this.#lost(domid, port));
    vm.on('revoked', ({ domid, port }) => this.#lost(domid, port));
    vm.on('revision', () => {
      for (const retry of [...this.#retries]) retry();
      this.#events?.policyChanged();
    });
    for (const service of services) void this.#offer(service);
  }

  close(): void {
    this.#isClosed = true;
    // The session outlives the device.
    this.#events = null;
    for (const retry of [...this.#retries]) retry();
  }

  send(
    peer: number,
    servicePort: number,
    message: PeerMessage,
    payload: Uint8Array,
    refused: (code: string) => void,
  ): void {
    const bytes = MESSAGE_HEADER_BYTES + payload.length + SEND_OVERHEAD_BYTES;
    this.#underWay += bytes;
    const settle = (): void => {
      this.#underWay -= bytes;
      this.#settle();
    };
    this.#vm
      .sendv({
        to: { domain: peer, port: VSOCK_PORT_BASE + servicePort },
        iov: [encodeMessage(message), payload],
        deadline: VSOCK_DEADLINE_MS,
      })
      .then(settle, (error: unknown) => {
        settle();
        refused(error instanceof ArgusError ? error.code : 'EIO');
      });
  }

  async expectAnswers(servicePort: number, peer: number): Promise<boolean> {
    const key = `${servicePort} ${peer}`;
    let entry = this.#answers.get(key);
    if (entry === undefined) {
      if (this.#answers.size >= MAX_VSOCK_CLIENT_RINGS) return false;
      entry = { ready: this.#register(servicePort, peer), isWanted: true };
      this.#answers.set(key, entry);
    }
    entry.isWanted = true;
    const ring = await entry.ready;
    if (ring === null && this.#answers.get(key) === entry) this.#answers.delete(key);
    return ring !== null;
  }

  endAnswers(servicePort: number, peer: number): void {
    const key = `${servicePort} ${peer}`;
    const entry = this.#answers.get(key);
    if (entry === undefined) return;
    entry.isWanted = false;
    void entry.ready.then((ring) => this.#giveUp(key, entry, ring));
  }

  /** Without a session the ring cannot be given up: the SDK registers it again, so it is kept until then. */
  #giveUp(key: string, entry: AnswerRing, ring: Ring | null): void {
    if (entry.isWanted || this.#answers.get(key) !== entry || this.#vm.state !== 'connected') return;
    this.#answers.delete(key);
    ring?.close().catch(() => {}); // it is gone already
  }

  #lost(domid: number, port: number | null): void {
    this.#events?.lost(domid, port === null ? null : port - VSOCK_PORT_BASE);
  }

  /** One event for all answers of a turn. */
  #settle(): void {
    if (this.#isSettling) return;
    this.#isSettling = true;
    setImmediate(() => {
      this.#isSettling = false;
      this.#events?.settled();
    });
  }

  async #register(servicePort: number, peer: number): Promise<Ring | null> {
    try {
      const ring = await this.#vm.registerRing({
        port: VSOCK_PORT_BASE + servicePort,
        partner: peer,
        length: VSOCK_RING_BYTES,
      });
      void this.#consume(ring, servicePort).then(() => this.#ended(servicePort, peer, ring));
      return ring;
    } catch (error) {
      if (error instanceof ArgusError) return null;
      throw error;
    }
  }

  /** The broker closed a ring that is in use. Another ring may have taken its place since; that one stays. */
  async #ended(servicePort: number, peer: number, ring: Ring): Promise<void> {
    const key = `${servicePort} ${peer}`;
    const entry = this.#answers.get(key);
    if (entry === undefined || (await entry.ready) !== ring || this.#answers.get(key) !== entry) return;
    this.#answers.delete(key);
    this.#events?.lost(peer, servicePort);
  }

  /** Keeps a service port offered for as long as policy lets it. */
  async #offer(servicePort: number): Promise<void> {
    let wasRefused = false;
    while (!this.#isClosed) {
      try {
        const ring = await this.#vm.registerRing({
          port: VSOCK_PORT_BASE + servicePort,
          partner: 'any',
          length: VSOCK_RING_BYTES,
        });
        if (wasRefused) this.#report(`port ${servicePort} is offered again`);
        wasRefused = false;
        await this.#consume(ring, servicePort);
        this.#events?.lost(null, servicePort);
      } catch (error) {
        if (!(error instanceof ArgusError)) throw error;
        if (!wasRefused) this.#report(`port ${servicePort} cannot be offered now: ${error.code}`);
        wasRefused = true;
      }
      if (this.#isClosed || this.#vm.state === 'closed' || this.#vm.state === 'closing') return;
      await this.#retryLater();
    }
  }

  /** Until the ring ends. */
  async #consume(ring: Ring, servicePort: number): Promise<void> {
    try {
      await ring.consume((message) => this.#take(servicePort, message));
    } catch (error) {
      if (!(error instanceof ArgusError)) throw error;
    }
  }

  #take(servicePort: number, { source, payload }: Message): void {
    const message = decodeMessage(payload);
    if (message === null) return; // the broker's inspector refuses such a message, so only another version can send it
    this.#events?.received(source.domid, servicePort, message, payload.subarray(MESSAGE_HEADER_BYTES));
  }

  #retryLater(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => retry(), RING_RETRY_MS);
      const retry = (): void => {
        clearTimeout(timer);
        this.#retries.delete(retry);
        resolve();
      };
      this.#retries.add(retry);
    });
  }
}
