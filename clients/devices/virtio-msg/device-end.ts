/**
 * The device's side of one virtio-msg device: requests of its driver in, answers and used chains out.
 *
 * The driver is in another domain and may send anything. A message that makes no sense is dropped without an answer. A
 * chain that breaks the rules of its queue stops the device: it says DEVICE_NEEDS_RESET and processes nothing more until
 * the driver resets it.
 */
import { CHAINS_PER_WAKE_UP } from '../base/index.ts';
import type { VirtioDevice } from '../vhost-user/index.ts';
import { ChainQueue } from './chain-queue.ts';
import { MAX_CHAINS, MAX_FEATURE_BLOCKS } from './limits.ts';
import { MessageId, MessageLayout, maxPayload } from './message.ts';
import * as payloads from './payload.ts';
import { FEATURE_VERSION_1, Status } from './status.ts';

export interface DeviceEndOptions {
  readonly device: VirtioDevice;
  /** VIRTIO 1.2 §5: 1 net, 3 console, 25 sound. */
  readonly deviceId: number;
  /** Config space of a device that leaves it to its VMM. */
  readonly config?: Buffer;
}

export interface DeviceEndEvents {
  /** A message to the driver that is not an answer. */
  event(id: number, payload: Buffer, layout: MessageLayout): void;
  /** Runs it soon, once. */
  soon(run: () => void): void;
  /** The driver broke a rule; for an operator. */
  fault(reason: string): void;
}

const VENDOR_ID = 0x4152_4755; // "UGRA" in memory: no number of this bus is registered
const FEATURE_BLOCK_BITS = 32n;
const BLOCK_MASK = 0xffff_ffffn;
const MAX_CONFIG_BYTES = 4_096;

export class DeviceEnd {
  readonly #device: VirtioDevice;
  readonly #deviceId: number;
  readonly #config: Buffer;
  readonly #events: DeviceEndEvents;
  readonly #queues: (ChainQueue | null)[];
  readonly #pending = new Set<number>();
  #isScheduled = false;
  #status = 0;
  #features = 0n;
  #layout: MessageLayout = MessageLayout.draft;
  /** Messages that were dropped because they make no sense, or came before the device runs. */
  dropped = 0;

  constructor({ device, deviceId, config }: DeviceEndOptions, events: DeviceEndEvents) {
    this.#device = device;
    this.#deviceId = deviceId;
    this.#config = (config ?? device.config ?? Buffer.alloc(0)).subarray(0, MAX_CONFIG_BYTES);
    this.#events = events;
    this.#queues = Array.from({ length: device.queueCount }, () => null);
    device.attach(
      {
        queue: (index) => (this.#isRunning ? (this.#queues[index] ?? null) : null),
        wake: (index) => this.#wake(index),
      },
      () => this.#features,
    );
  }

  get status(): number {
    return this.#status;
  }

  /** The payload of the answer. Null: no answer, because the message is an event, or makes no sense. */
  receive(id: number, layout: MessageLayout, payload: Buffer): Buffer | null {
    this.#layout = layout;
    if (id === MessageId.chain) return this.#chain(payload);
    if (id === MessageId.eventAvailable) return null; // chains come with their bytes, so there is nothing to look for
    const answer = this.#answer(id, payload);
    if (answer === null) this.dropped++;
    return answer;
  }

  /** The driver has gone, or starts again: nothing of before is valid any more. */
  reset(): void {
    this.#status = 0;
    this.#features = 0n;
    this.#queues.fill(null);
    this.#pending.clear();
    this.#device.reset();
  }

  get #isRunning(): boolean {
    return (this.#status & Status.driverOk) !== 0 && (this.#status & Status.needsReset) === 0;
  }

  get #offered(): bigint {
    return this.#device.features | FEATURE_VERSION_1;
  }

  #answer(id: number, payload: Buffer): Buffer | null {
    switch (id) {
      case MessageId.deviceInfo:
        return payload.length === 0 ? this.#info() : null;
      case MessageId.getFeatures:
        return this.#getFeatures(payloads.decodeSpan(payload));
      case MessageId.setFeatures:
        return this.#setFeatures(payloads.decodeFeatures(payload));
      case MessageId.getConfig:
        return this.#getConfig(payloads.decodeSpan(payload));
      case MessageId.setConfig:
        return this.#setConfig(payloads.decodeConfig(payload));
      case MessageId.getStatus:
        return payload.length === 0 ? payloads.u32s(this.#status) : null;
      case MessageId.setStatus:
        return this.#setStatus(payloads.decodeU32(payload));
      case MessageId.getQueue:
        return this.#getQueue(payloads.decodeU32(payload));
      case MessageId.setQueue:
        return this.#setQueue(payloads.decodeSetQueue(this.#layout, payload));
      case MessageId.resetQueue:
        return this.#resetQueue(payloads.decodeU32(payload));
      default:
        return null;
    }
  }

  #info(): Buffer {
    return payloads.encodeDeviceInfo({
      deviceId: this.#deviceId,
      vendorId: VENDOR_ID,
      featureBits: 32 * MAX_FEATURE_BLOCKS,
      configBytes: this.#config.length,
      queues: this.#queues.length,
    });
  }

  #getFeatures(span: payloads.Span | null): Buffer | null {
    if (span === null || span.count > MAX_FEATURE_BLOCKS || span.first > MAX_FEATURE_BLOCKS) return null;
    const blocks = Array.from({ length: span.count }, (_, index) =>
      Number((this.#offered >> (FEATURE_BLOCK_BITS * BigInt(span.first + index))) & BLOCK_MASK),
    );
    return payloads.encodeFeatures({ first: span.first, blocks });
  }

  #setFeatures(wanted: payloads.FeatureBlocks | null): Buffer | null {
    if (wanted === null || wanted.first + wanted.blocks.length > MAX_FEATURE_BLOCKS) return null;
    // What was agreed stays until the next reset.
    if ((this.#status & Status.featuresOk) !== 0) return null;
    for (const [index, block] of wanted.blocks.entries()) {
      const shift = FEATURE_BLOCK_BITS * BigInt(wanted.first + index);
      this.#features = (this.#features & ~(BLOCK_MASK << shift)) | (BigInt(block) << shift);
    }
    return Buffer.alloc(0);
  }

  /** A span beyond the config space is answered with no bytes. */
  #getConfig(span: payloads.Span | null): Buffer | null {
    if (span === null) return null;
    const { first, count } = span;
    const isInside = first + count <= this.#config.length;
    const bytes = isInside ? this.#config.subarray(first, first + count) : Buffer.alloc(0);
    return payloads.encodeConfig({ generation: 0, offset: first, bytes });
  }

  /** No device here has anything to set; an answer without bytes says so. */
  #setConfig(config: payloads.ConfigBytes | null): Buffer | null {
    if (config === null) return null;
    return payloads.encodeConfig({ generation: 0, offset: config.offset, bytes: Buffer.alloc(0) });
  }

  #setStatus(status: number | null): Buffer | null {
    if (status === null) return null;
    if (status === 0) this.reset();
    else {
      // A bit stays until the reset. FEATURES_OK is refused by not being there when the driver looks; so is DRIVER_OK.
      let accepted = status & (Status.acknowledge | Status.driver | Status.failed);
      const isAgreed = (this.#features & ~this.#offered) === 0n && (this.#features & FEATURE_VERSION_1) !== 0n;
      if ((status & Status.featuresOk) !== 0 && isAgreed) accepted |= Status.featuresOk;
      if ((status & Status.driverOk) !== 0 && ((this.#status | accepted) & Status.featuresOk) !== 0)
        accepted |= Status.driverOk;
      this.#status |= accepted;
      if (this.#isRunning) for (const index of this.#queues.keys()) this.#wake(index);
    }
    return payloads.u32s(this.#status);
  }

  #getQueue(index: number | null): Buffer | null {
    if (index === null) return null;
    const isThere = index < this.#queues.length;
    const state = { queue: index, maxSize: isThere ? MAX_CHAINS : 0, size: this.#queues[index]?.size ?? 0 };
    return payloads.encodeQueueState(this.#layout, state);
  }

  #setQueue(wanted: payloads.QueueSize | null): Buffer | null {
    if (wanted === null || wanted.queue >= this.#queues.length) return null;
    if (wanted.size < 1 || wanted.size > MAX_CHAINS) return null;
    // A queue that holds chains keeps its size, until it is reset.
    if (this.#queues[wanted.queue] !== null) return null;
    this.#queues[wanted.queue] = new ChainQueue(wanted.size);
    return Buffer.alloc(0);
  }

  /** Only the whole device can be reset here (VIRTIO_F_RING_RESET is not offered), so a queue is reset before it runs. */
  #resetQueue(index: number | null): Buffer | null {
    if (index === null || index >= this.#queues.length || this.#isRunning) return null;
    this.#queues[index] = null;
    return Buffer.alloc(0);
  }

  #chain(payload: Buffer): null {
    const chain = payloads.decodeChain(payload);
    const queue = chain === null ? null : (this.#queues[chain.queue] ?? null);
    if (chain === null || queue === null || !this.#isRunning) {
      this.dropped++;
      return null;
    }
    if (chain.bytes.length > this.#device.maxReadableBytes) return this.#stop('more bytes than the device takes');
    if (chain.room > maxPayload(this.#layout) - payloads.USED_HEADER_BYTES)
      return this.#stop('more room than an answer can have');
    if (!queue.add(chain.id, chain.room, chain.bytes)) return this.#stop('more chains than its queue has places');
    this.#wake(chain.queue);
    return null;
  }

  #stop(reason: string): null {
    this.#device.reset();
    this.#queues.fill(null);
    this.#pending.clear();
    this.#status |= Status.needsReset;
    const config = { generation: 0, offset: 0, bytes: Buffer.alloc(0) };
    this.#events.event(MessageId.eventConfig, payloads.encodeConfigEvent(this.#status, config), this.#layout);
    this.#events.fault(reason);
    return null;
  }

  #wake(index: number): void {
    if (!this.#isRunning) return;
    this.#pending.add(index);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#events.soon(() => this.#run());
  }

  /** One wake-up: each queue that has work gets its budget. */
  #run(): void {
    this.#isScheduled = false;
    const pending = [...this.#pending];
    this.#pending.clear();
    for (const index of pending) {
      const queue = this.#queues[index] ?? null;
      if (queue === null || !this.#isRunning) continue;
      const count = this.#device.service(index, queue, CHAINS_PER_WAKE_UP);
      for (const { id, bytes } of queue.takeDone())
        this.#events.event(MessageId.used, payloads.encodeUsed(index, id, bytes), this.#layout);
      if (count >= CHAINS_PER_WAKE_UP) this.#wake(index);
    }
  }
}
