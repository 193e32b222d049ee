/**
 * The driver's side of one virtio-msg device: requests out, answers in, and chains whose promise resolves when the device
 * gives them back.
 *
 * The device is in another domain and may answer anything. An answer counts only for the request that waits, and only with
 * its token, where the layout has one; a chain only while it is out, and with no more bytes than it has room for. A
 * request without an answer ends the driver's side, because a late answer could be taken for that of the next request.
 */
import { DeviceError } from '../base/index.ts';
import { ANSWER_TIMEOUT_MS, MAX_CHAINS } from './limits.ts';
import { encodeMessage, MessageId, MessageLayout, maxPayload, type VirtioMessage } from './message.ts';
import * as payloads from './payload.ts';
import { FEATURE_VERSION_1, Status } from './status.ts';

export interface DriverPort {
  /** Sends a whole message to the device's domain; rejects when that is not allowed. */
  send(message: Buffer): PromiseLike<unknown>;
  /** Runs `task` after so many ms, unless it is cancelled. */
  after(ms: number, task: () => void): () => void;
}

interface Waiting {
  readonly id: number;
  readonly token: number;
  readonly resolve: (payload: Buffer) => void;
  readonly reject: (error: unknown) => void;
}

interface OutChain {
  readonly room: number;
  readonly resolve: (bytes: Buffer) => void;
  readonly reject: (error: unknown) => void;
}

interface DriverQueue {
  readonly free: number[];
  readonly out: Map<number, OutChain>;
  /** Calls of `send` that wait for a place. */
  readonly waiters: ((error: unknown) => void)[];
}

const TOKENS = 65_535;

export class DriverEnd {
  readonly #number: number;
  readonly #layout: MessageLayout;
  readonly #port: DriverPort;
  readonly #queues = new Map<number, DriverQueue>();
  #turn: Promise<unknown> = Promise.resolve();
  #waiting: Waiting | null = null;
  #token = 0;
  #lost: DeviceError | null = null;
  /** Messages of the device's domain that make no sense. */
  dropped = 0;

  constructor(number: number, layout: MessageLayout, port: DriverPort) {
    this.#number = number;
    this.#layout = layout;
    this.#port = port;
  }

  /** @throws DeviceError ERR_DEVICE_ANSWER, ERR_DEVICE_LOST; ArgusError when policy refuses the request */
  async info(): Promise<payloads.DeviceInfo> {
    return this.#known(payloads.decodeDeviceInfo(await this.#ask(MessageId.deviceInfo, Buffer.alloc(0))));
  }

  /** Feature bits 0 to 63 that the device offers. */
  async features(): Promise<bigint> {
    const answer = this.#known(payloads.decodeFeatures(await this.#ask(MessageId.getFeatures, payloads.u32s(0, 2))));
    const [low = 0, high = 0] = answer.blocks;
    return BigInt(low) | (BigInt(high) << 32n);
  }

  async config(offset: number, count: number): Promise<Buffer> {
    const request = payloads.u32s(offset, count);
    const { bytes } = this.#known(payloads.decodeConfig(await this.#ask(MessageId.getConfig, request)));
    if (bytes.length !== count) throw this.#nonsense(`${bytes.length} bytes of config space instead of ${count}`);
    return Buffer.from(bytes);
  }

  /**
   * Resets the device, agrees on `features` and starts as many queues as the device has.
   *
   * @throws DeviceError ERR_DEVICE_ANSWER: the device refuses the features or a queue, or is no such device
   */
  async start(features: bigint): Promise<void> {
    const { queues } = await this.info();
    await this.reset();
    let status: number = Status.acknowledge | Status.driver;
    await this.#setStatus(status);
    const wanted = features | FEATURE_VERSION_1;
    const blocks = [Number(wanted & 0xffff_ffffn), Number((wanted >> 32n) & 0xffff_ffffn)];
    await this.#ask(MessageId.setFeatures, payloads.encodeFeatures({ first: 0, blocks }));
    status |= Status.featuresOk;
    if (((await this.#setStatus(status)) & Status.featuresOk) === 0)
      throw this.#nonsense('the features are not all offered');
    for (let queue = 0; queue < queues; queue++) {
      const asked = await this.#ask(MessageId.getQueue, payloads.u32s(queue));
      const { maxSize } = this.#known(payloads.decodeQueueState(this.#layout, asked));
      const size = Math.min(maxSize, MAX_CHAINS);
      if (size === 0) throw this.#nonsense(`no queue ${queue}`);
      await this.#ask(MessageId.setQueue, payloads.encodeSetQueue(this.#layout, { queue, size }));
      const free = Array.from({ length: size }, (_, index) => size - 1 - index);
      this.#queues.set(queue, { free, out: new Map(), waiters: [] });
    }
    if (((await this.#setStatus(status | Status.driverOk)) & Status.driverOk) === 0)
      throw this.#nonsense('the device does not run');
  }

  /** Ends all chains that are out; `start` begins again. */
  async reset(): Promise<void> {
    this.#endChains(new DeviceError('ERR_DEVICE_LOST', 'the device was reset'));
    if ((await this.#setStatus(0)) !== 0) throw this.#nonsense('a reset that leaves a status');
  }

  /**
   * One chain: `bytes` for the device to read, and `room` for what it writes. Resolves with what it wrote. While the queue is
   * full, it waits for a place.
   *
   * @throws DeviceError ERR_DEVICE_OPTION, ERR_DEVICE_LOST; ArgusError when policy refuses the message
   */
  async send(queue: number, bytes: Uint8Array, room: number): Promise<Buffer> {
    const most = maxPayload(this.#layout);
    if (bytes.length > most - payloads.CHAIN_HEADER_BYTES || room < 0 || room > most - payloads.USED_HEADER_BYTES)
      throw new DeviceError('ERR_DEVICE_OPTION', `a chain has at most ${most - payloads.CHAIN_HEADER_BYTES} bytes`);
    const message = (id: number): Buffer =>
      this.#encode(MessageId.chain, 0, payloads.encodeChain(queue, id, room, bytes));
    for (;;) {
      if (this.#lost !== null) throw this.#lost;
      const running = this.#queues.get(queue);
      if (running === undefined) throw new DeviceError('ERR_DEVICE_LOST', `queue ${queue} does not run`);
      const id = running.free.pop();
      if (id !== undefined) return await this.#out(running, id, room, message(id));
      await new Promise<void>((resolve, reject) =>
        running.waiters.push((error) => (error === null ? resolve() : reject(error))),
      );
    }
  }

  /** One message of the device's domain about this device. */
  receive(message: VirtioMessage): void {
    if (message.layout !== this.#layout) this.dropped++;
    else if (message.isResponse) this.#answer(message);
    else if (message.id === MessageId.used) this.#used(message.payload);
    else if (message.id === MessageId.eventConfig) this.#configEvent(message.payload);
    else if (message.id !== MessageId.eventUsed) this.dropped++;
  }

  /** The device's domain has gone, or gave no answer: everything that is out ends. */
  end(reason: string): void {
    this.#lost ??= new DeviceError('ERR_DEVICE_LOST', reason);
    this.#waiting?.reject(this.#lost);
    this.#waiting = null;
    this.#endChains(this.#lost);
  }

  async #setStatus(status: number): Promise<number> {
    return this.#known(payloads.decodeU32(await this.#ask(MessageId.setStatus, payloads.u32s(status))));
  }

  /** One request at a time: layout 1 has no tokens, so an answer is known by its turn. */
  #ask(id: number, payload: Buffer): Promise<Buffer> {
    const asked = this.#turn.then(() => this.#request(id, payload));
    this.#turn = asked.catch(() => {});
    return asked;
  }

  #request(id: number, payload: Buffer): Promise<Buffer> {
    if (this.#lost !== null) return Promise.reject(this.#lost);
    this.#token = (this.#token % TOKENS) + 1;
    const token = this.#layout === MessageLayout.draft ? this.#token : 0;
    return new Promise<Buffer>((resolve, reject) => {
      const cancel = this.#port.after(ANSWER_TIMEOUT_MS, () => this.end(`no answer to message ${id}`));
      const settled = (): void => {
        cancel();
        this.#waiting = null;
      };
      this.#waiting = {
        id,
        token,
        resolve: (answer) => {
          settled();
          resolve(answer);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      };
      const { reject: refuse } = this.#waiting;
      this.#port.send(this.#encode(id, token, payload)).then(undefined, refuse);
    });
  }

  #answer({ id, token, payload }: VirtioMessage): void {
    const waiting = this.#waiting;
    if (waiting === null || waiting.id !== id || waiting.token !== token) this.dropped++;
    else waiting.resolve(Buffer.from(payload));
  }

  #out(queue: DriverQueue, id: number, room: number, message: Buffer): Promise<Buffer> {
    return new Promise<Buffer>((resolve, reject) => {
      const chain = { room, resolve, reject };
      queue.out.set(id, chain);
      this.#port.send(message).then(undefined, (error: unknown) => {
        if (queue.out.get(id) !== chain) return;
        this.#release(queue, id);
        reject(error);
      });
    });
  }

  #used(payload: Buffer): void {
    const used = payloads.decodeUsed(payload);
    const queue = used === null ? undefined : this.#queues.get(used.queue);
    const chain = used === null ? undefined : queue?.out.get(used.id);
    if (used === null || queue === undefined || chain === undefined || used.bytes.length > chain.room) {
      this.dropped++;
      return;
    }
    this.#release(queue, used.id);
    chain.resolve(Buffer.from(used.bytes));
  }

  #release(queue: DriverQueue, id: number): void {
    queue.out.delete(id);
    queue.free.push(id);
    queue.waiters.shift()?.(null);
  }

  #configEvent(payload: Buffer): void {
    const event = payloads.decodeConfigEvent(payload);
    if (event === null) this.dropped++;
    else if ((event.status & Status.needsReset) !== 0)
      this.#endChains(new DeviceError('ERR_DEVICE_LOST', 'the device needs a reset'));
  }

  #endChains(error: DeviceError): void {
    const queues = [...this.#queues.values()];
    this.#queues.clear();
    for (const { out, waiters } of queues) {
      for (const { reject } of out.values()) reject(error);
      for (const wake of waiters) wake(error);
    }
  }

  #encode(id: number, token: number, payload: Buffer): Buffer {
    return encodeMessage({
      layout: this.#layout,
      isResponse: false,
      isBus: false,
      id,
      device: this.#number,
      token,
      payload,
    });
  }

  #known<T>(answer: T | null): T {
    if (answer === null) throw this.#nonsense('bytes that are no answer');
    return answer;
  }

  #nonsense(what: string): DeviceError {
    return new DeviceError('ERR_DEVICE_ANSWER', `device ${this.#number}: ${what}`);
  }
}
