/**
 * A pipe over NATS that keeps no rule but the window: how its bytes are cut into messages, and when credit is given, is the
 * attacker's choice. See "Over NATS" in docs/wire.md.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { nkeyAuthenticator } from 'nats';
import { encode, walk } from '../../docs/examples/wire-client/frames.mjs';
import { acceptWelcome, makeHello } from '../../docs/examples/wire-client/handshake.mjs';
import { RecordReader, RecordType } from '../../docs/examples/wire-client/records.mjs';

const WINDOW_BYTES = 2 * 1024 * 1024;
const PIECE_BYTES = 32_512;
const Kind = { open: 1, data: 2, credit: 3, close: 4 };
const HEADER_BYTES = 16;
/** A frame of two brokers: the proof of the keys. A domain's is `ready`. */
const PROOF_OP = 0xf0;

/** The server's protocol, as far as one subscription needs it. */
class Line {
  socket;
  onMessage = () => {};
  #subject;
  #held = Buffer.alloc(0);

  /** Resolves when the server has accepted key and subscription. */
  async open({ host, port, seedFile, up, down }) {
    this.#subject = up;
    this.socket = createConnection({ host, port, noDelay: true });
    this.socket.on('error', () => this.socket.destroy());
    const [first] = await once(this.socket, 'data');
    const { nonce } = JSON.parse(first.toString('latin1').slice(5));
    const proof = nkeyAuthenticator(readFileSync(seedFile).subarray(0, 58))(nonce);
    const hello = { ...proof, verbose: false, pedantic: false, lang: 'bench', version: '1', protocol: 1 };
    this.socket.write(`CONNECT ${JSON.stringify(hello)}\r\nSUB ${down} 1\r\nPING\r\n`);
    await new Promise((resolve, reject) => {
      this.socket.once('close', () => reject(new Error('the NATS server closed the connection')));
      this.onPong = resolve;
      this.socket.on('data', (bytes) => this.#receive(bytes));
    });
  }

  /** One message, as the server reads it. */
  frame(...parts) {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    return Buffer.concat([Buffer.from(`PUB ${this.#subject} ${length}\r\n`), ...parts, Buffer.from('\r\n')]);
  }

  #receive(bytes) {
    let held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    for (let end = held.indexOf('\r\n'); end >= 0; end = held.indexOf('\r\n')) {
      const line = held.toString('latin1', 0, end);
      if (line.startsWith('MSG')) {
        const length = Number(line.slice(line.lastIndexOf(' ') + 1));
        if (held.length < end + 4 + length) break;
        this.onMessage(held.subarray(end + 2, end + 2 + length));
        held = held.subarray(end + 4 + length);
        continue;
      }
      if (line === 'PING') this.socket.write('PONG\r\n');
      else if (line === 'PONG') this.onPong();
      held = held.subarray(end + 2);
    }
    this.#held = held;
  }
}

/** A session over a pipe. Resolves when the broker believes it. `isBroker`: as a remote broker, not as a domain. */
export async function openPipe(identity, place, isBroker = false) {
  const pipe = new Pipe(identity);
  await pipe.open(place, isBroker);
  return pipe;
}

class Pipe {
  #identity;
  #line = new Line();
  #id = randomBytes(6);
  #sent = 0;
  #credited = 0;
  #received = 0;
  #reader = new RecordReader();
  #keys;
  #wake = () => {};

  constructor(identity) {
    this.#identity = identity;
  }

  get socket() {
    return this.#line.socket;
  }

  /** Bytes that may be under way besides those that are. */
  get room() {
    return WINDOW_BYTES - (this.#sent - this.#credited);
  }

  async open(place, isBroker) {
    await this.#line.open(place);
    this.socket.on('close', () => this.#wake());
    this.#line.onMessage = (message) => this.#take(message);
    const hello = makeHello(this.#identity);
    this.#write(this.pieces(hello.record, PIECE_BYTES));
    this.#keys = acceptWelcome(this.#identity, hello, await this.#next());
    const proof = encode.ready(this.#keys.ourCommitment);
    if (isBroker) proof[4] = PROOF_OP;
    this.#write(this.pieces(this.seal(proof), PIECE_BYTES));
    const record = await this.#next();
    const plaintext = this.#keys.opener.open(record);
    if (record.type !== RecordType.data || (!isBroker && [...walk(plaintext)].length === 0))
      throw new Error('no welcome');
    // What else is said is not read, and no credit is given for it unless the attack does so.
    this.#reader = null;
  }

  seal(...frames) {
    return this.#keys.sealer.seal(RecordType.data, Buffer.concat(frames));
  }

  /** Messages of at most `length` bytes each, as they go to the server. */
  pieces(bytes, length) {
    const messages = [];
    for (let at = 0; at < bytes.length; at += length) {
      const piece = bytes.subarray(at, at + length);
      messages.push(this.#line.frame(this.#header(this.#sent === 0 ? Kind.open : Kind.data, this.#sent), piece));
      this.#sent += piece.length;
    }
    return Buffer.concat(messages);
  }

  /** Says that all that came has been consumed. */
  credit() {
    return this.#line.frame(this.#header(Kind.credit, this.#received));
  }

  /** Resolves when there may be room for more, or the pipe is over. */
  async hasRoom() {
    await new Promise((resolve) => {
      this.#wake = resolve;
      if (this.socket.destroyed) resolve();
    });
  }

  #write(bytes) {
    this.socket.write(bytes);
  }

  #header(kind, position) {
    const header = Buffer.alloc(HEADER_BYTES);
    header[0] = 1;
    header[1] = kind;
    // The product reads the id as u16 and u32; it is random, so its order does not matter, as long as it is the same.
    header.set(this.#id, 2);
    header.writeBigUInt64LE(BigInt(position), 8);
    return header;
  }

  #take(message) {
    if (!message.subarray(2, 8).equals(this.#id)) return;
    const kind = message[1];
    if (kind === Kind.close) this.socket.destroy();
    else if (kind === Kind.credit) this.#credited = Number(message.readBigUInt64LE(8));
    else {
      this.#received += message.length - HEADER_BYTES;
      this.#reader?.push(Buffer.from(message.subarray(HEADER_BYTES)));
    }
    this.#wake();
  }

  async #next() {
    for (;;) {
      const record = this.#reader.next();
      if (record !== null) return record;
      if (this.socket.destroyed) throw new Error('the pipe is over');
      await this.hasRoom();
    }
  }
}
