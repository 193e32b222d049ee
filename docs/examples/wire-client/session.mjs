/** One session of a domain over a unix socket or a TCP connection: the handshake, then frames in both directions. */
import { timingSafeEqual } from 'node:crypto';
import { createConnection } from 'node:net';
import { takeRekey } from './agreement.mjs';
import { encode, Op, ringBytes, walk } from './frames.mjs';
import { acceptWelcome, makeHello } from './handshake.mjs';
import { assert } from './identity.mjs';
import { MAX_RECORD_BODY_BYTES, RecordReader, RecordType } from './records.mjs';

const PING_AFTER_MS = 15_000;
const SILENCE_LIMIT_MS = 45_000;

/** Connects and resolves when the session exists. `at` is what `createConnection` takes: { path } or { host, port }. */
export async function openSession(identity, at, options = {}) {
  const session = new Session(identity, at, options);
  await session.ready;
  return session;
}

export class Session {
  /** What the broker said in its welcome frame: domid, revision, name, broker. */
  welcome = null;
  /** Names of the domids that the broker has introduced. */
  names = new Map();
  /** Called for each message. */
  onMessage = () => {};
  /** Called once, with the reason. */
  onEnd = () => {};
  isEnded = false;
  #identity;
  #socket;
  #reader = new RecordReader();
  #hello;
  #keys = null;
  #requests = new Map();
  #sends = new Map();
  #lastRequest = 0;
  #lastSend = 0;
  #lastHeard = performance.now();
  #timer;
  #settle;

  constructor(identity, at, options) {
    this.#identity = identity;
    this.#hello = makeHello(identity, options);
    this.ready = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#socket = createConnection(at);
    this.#socket.on('data', (chunk) => this.#receive(chunk));
    this.#socket.on('error', (error) => this.#end(error));
    this.#socket.on('close', () => this.#end(new Error('the broker closed the connection')));
    this.#socket.write(this.#hello.record);
    this.#timer = setInterval(() => this.#keepAlive(), PING_AFTER_MS / 3);
  }

  /** Epochs that both directions are in. */
  get epochs() {
    return { ours: this.#keys.sealer.epoch, brokers: this.#keys.opener.epoch };
  }

  get suite() {
    return this.#keys.suite;
  }

  /** The domid of a name. */
  async resolve(name) {
    return (await this.#request((id) => encode.resolve(id, name))).value;
  }

  /** Opens a ring, and resolves with its handle. */
  async registerRing(port, partner, length) {
    return (await this.#request((id) => encode.registerRing(id, port, partner, length))).value;
  }

  /** What the broker says about rings of others: flags and the largest message of each. */
  async notify(queries) {
    return (await this.#request((id) => encode.notify(id, queries))).answers;
  }

  /** Resolves when the message lies in the receiver's ring. */
  send(domid, port, payload) {
    this.#lastSend = (this.#lastSend + 1) >>> 0;
    const id = this.#lastSend;
    return new Promise((resolve, reject) => {
      this.#sends.set(id, { resolve, reject });
      this.write(encode.sendv(id, domid, port, payload));
    });
  }

  /** Resolves with the pong. */
  ping() {
    return this.#request((id) => encode.ping(id));
  }

  /** What is sealed from now on is sealed with the next key. */
  rekey() {
    this.#keys.sealer.rekey();
  }

  /** Seals frames as one record. */
  write(...frames) {
    return this.#socket.write(this.#keys.sealer.seal(RecordType.data, Buffer.concat(frames)));
  }

  /** Says goodbye, and resolves when the connection is closed. */
  close() {
    if (this.isEnded) return Promise.resolve();
    return new Promise((resolve) => {
      this.#socket.once('close', resolve);
      if (this.#keys !== null) this.#socket.write(this.#keys.sealer.seal(RecordType.close, Uint8Array.of(0)));
      this.#socket.end();
    });
  }

  #request(build) {
    this.#lastRequest = (this.#lastRequest + 1) >>> 0;
    const id = this.#lastRequest;
    return new Promise((resolve, reject) => {
      this.#requests.set(id, { resolve, reject });
      this.write(build(id));
    });
  }

  #receive(chunk) {
    try {
      this.#reader.push(chunk);
      for (let record = this.#reader.next(); record !== null && !this.isEnded; record = this.#reader.next())
        this.#take(record);
    } catch (error) {
      this.#end(error);
    }
  }

  #take(record) {
    if (this.#keys === null) {
      if (record.type === RecordType.close) throw new Error(`the broker refused us: close code ${record.body[0]}`);
      assert(record.type === RecordType.welcome, 'not a welcome');
      this.#keys = acceptWelcome(this.#identity, this.#hello, record);
      this.write(encode.ready(this.#keys.ourCommitment));
      return;
    }
    // A broker that has not seen our proof yet can turn us away only without a seal.
    if (this.welcome === null && record.type === RecordType.close && record.body.length === 1)
      throw new Error(`the broker refused us: close code ${record.body[0]}`);
    const plaintext = this.#keys.opener.open(record);
    this.#lastHeard = performance.now();
    if (record.type === RecordType.close) throw new Error(`the broker ended the session: close code ${plaintext[0]}`);
    if (record.type === RecordType.rekey && this.welcome !== null) {
      this.#socket.write(takeRekey(this.#keys, plaintext));
      return;
    }
    assert(record.type === RecordType.data, 'a record of a type that has no place here');
    for (const frame of walk(plaintext)) {
      if (this.welcome === null) this.#prove(frame);
      else this.#hear(frame);
    }
  }

  /** The first frame: the broker has the keys, or it is not the broker. */
  #prove(frame) {
    const { brokersCommitment } = this.#keys;
    assert(frame.op === Op.welcome && timingSafeEqual(frame.commitment, brokersCommitment), 'the broker has no proof');
    this.welcome = frame;
    this.#reader.limit = MAX_RECORD_BODY_BYTES;
    this.#settle.resolve();
  }

  #hear(frame) {
    switch (frame.op) {
      case Op.reply:
      case Op.notified:
      case Op.brokerPong:
        this.#answer(this.#requests, frame.id, frame);
        break;
      case Op.refused:
        this.#answer(this.#sends, frame.id, frame);
        break;
      case Op.ack:
        this.#acknowledged(frame.id);
        break;
      case Op.deliver:
        this.onMessage({ ...frame, from: this.names.get(frame.source) });
        // The application has consumed it: its ring bytes go back to the broker.
        this.write(encode.credit(frame.ring, ringBytes(frame.payload.length)));
        break;
      case Op.introduce:
        this.names.set(frame.domid, frame.name);
        break;
      case Op.brokerPing:
        this.write(encode.pong(frame.id));
        break;
    }
  }

  #answer(waiting, id, frame) {
    const one = waiting.get(id);
    assert(one !== undefined, 'an answer to nothing');
    waiting.delete(id);
    if (frame.status === undefined || frame.status === 0) one.resolve(frame);
    else
      one.reject(Object.assign(new Error(`the broker refused it: status ${frame.status}`), { status: frame.status }));
  }

  /** Every send up to `through` that was not refused before lies in its ring. Ids wrap around. */
  #acknowledged(through) {
    for (const [id, one] of this.#sends) {
      if ((through - id) >>> 0 >= 0x8000_0000) break;
      this.#sends.delete(id);
      one.resolve();
    }
  }

  #keepAlive() {
    const silence = performance.now() - this.#lastHeard;
    if (silence > SILENCE_LIMIT_MS) this.#end(new Error('the broker is silent'));
    else if (silence > PING_AFTER_MS && this.welcome !== null) this.ping().catch(() => {});
  }

  #end(reason) {
    if (this.isEnded) return;
    this.isEnded = true;
    clearInterval(this.#timer);
    this.#socket.destroy();
    for (const waiting of [this.#requests, this.#sends]) for (const { reject } of waiting.values()) reject(reason);
    this.#settle.reject(reason);
    this.onEnd(reason);
  }
}
