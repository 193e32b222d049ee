/**
 * A domain that only sends, for the load generator of bench/audio.ts: the product's handshake, then one record and one
 * system call for each message. The SDK also keeps what it sent and reads the acknowledgements, each in a turn of its own,
 * which costs the generator of some hundred streams more than the messages cost the broker. Here what the broker says is
 * read and thrown away now and then: the receiver counts what arrived.
 */
import { randomBytes } from 'node:crypto';
import { readSync, writeSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { Channel, type Session } from '../broker/channel/index.ts';
import {
  DATA_FRAME_HEADER_BYTES,
  DataField,
  DOMID_ANY,
  Op,
  RECORD_HEADER_BYTES,
  RECORD_OVERHEAD_BYTES,
} from '../broker/wire/index.ts';
import { FAST_SUITES, loadIdentity } from '../keys/index.ts';

/** Messages between two looks at what the broker says: its socket has room for more acknowledgements than that. */
const MESSAGES_PER_READ = 32;
const CLOCK_TOLERANCE_SECONDS = 60;
const scratch = new Uint8Array(65_536);

export interface Destination {
  readonly domid: number;
  readonly port: number;
}

export class PlainSender {
  /** Records that the kernel did not take at once. */
  stalls = 0;
  readonly #socket: Socket;
  readonly #fd: number;
  readonly #session: Session;
  readonly #memory: Uint8Array;
  readonly #view: DataView;
  readonly #length: number;
  readonly #to: Destination;
  #rest: Uint8Array[] = [];
  #sent = 0;

  private constructor(socket: Socket, session: Session, to: Destination, payloadBytes: number) {
    this.#socket = socket;
    this.#fd = descriptorOf(socket);
    this.#session = session;
    this.#length = DATA_FRAME_HEADER_BYTES + payloadBytes;
    this.#memory = new Uint8Array(RECORD_OVERHEAD_BYTES + this.#length);
    this.#view = new DataView(this.#memory.buffer, RECORD_HEADER_BYTES, this.#length);
    this.#to = to;
  }

  static async connect(path: string, directory: string, to: Destination, payloadBytes: number): Promise<PlainSender> {
    const { socket, session } = await greet(path, directory);
    return new PlainSender(socket, session, to, payloadBytes);
  }

  /** Sends one message with the payload's bytes, which all sends share. */
  send(payload: Uint8Array, type: number): void {
    const view = this.#view;
    this.#sent++;
    view.setUint32(DataField.length, this.#length, true);
    view.setUint32(DataField.op, Op.sendv, true);
    view.setUint32(DataField.id, this.#sent, true);
    view.setUint16(DataField.source, DOMID_ANY, true);
    view.setUint16(DataField.destination, this.#to.domid, true);
    view.setUint32(DataField.sourcePort, 0, true);
    view.setUint32(DataField.destinationPort, this.#to.port, true);
    view.setUint32(DataField.messageType, type, true);
    this.#memory.set(payload, RECORD_HEADER_BYTES + DATA_FRAME_HEADER_BYTES);
    this.#write(this.#session.sealInPlace(this.#memory, 0, this.#length));
    if (this.#sent % MESSAGES_PER_READ === 0) attempt(() => readSync(this.#fd, scratch));
  }

  /** False while records wait for the kernel. */
  flush(): boolean {
    const rest = this.#rest;
    this.#rest = [];
    for (const each of rest) this.#write(each);
    return this.#rest.length === 0;
  }

  close(): void {
    this.#socket.destroy();
  }

  #write(record: Uint8Array): void {
    if (this.#rest.length > 0 && !this.flush()) {
      this.#rest.push(Uint8Array.from(record));
      return;
    }
    const written = attempt(() => writeSync(this.#fd, record));
    if (written === record.length) return;
    this.stalls++;
    this.#rest.push(Uint8Array.from(record.subarray(written)));
  }
}

/** The bytes that a call on the non-blocking socket took or gave; 0 when the kernel has none, or no room. */
function attempt(call: () => number): number {
  try {
    return call();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return 0;
    throw error;
  }
}

function descriptorOf(socket: Socket): number {
  const handle: unknown = '_handle' in socket ? socket._handle : null;
  if (typeof handle === 'object' && handle !== null && 'fd' in handle && typeof handle.fd === 'number')
    return handle.fd;
  throw new Error('this Node does not tell the descriptor of a socket');
}

/** Connects, and resolves once the broker has proved itself. */
async function greet(path: string, directory: string): Promise<{ readonly socket: Socket; readonly session: Session }> {
  const identity = await loadIdentity(directory, { now: Date.now() });
  const channel = new Channel({
    role: 'domain',
    identity,
    suites: FAST_SUITES,
    expected: null,
    context: {
      aead: null,
      randomBytes: (length) => randomBytes(length),
      wallClock: Date.now,
      clock: () => performance.now(),
      clockToleranceSeconds: CLOCK_TOLERANCE_SECONDS,
    },
    resynchronises: false,
    plaintext: 'owned',
  });
  await channel.begin();
  return new Promise((resolve, reject) => {
    const proceed = async (): Promise<void> => {
      for (let event = channel.next(); event !== 'more' && event !== 'waiting'; event = channel.next()) {
        if (event === 'handshake') await channel.verify();
        else if (event === 'proven' && channel.session !== null) {
          socket.pause();
          resolve({ socket, session: channel.session });
          return;
        } else throw new Error(`the broker let nobody in: ${channel.fault ?? event}`);
        for (const bytes of channel.takeOutput()) socket.write(bytes);
      }
    };
    // With a buffer of its own a paused socket is not read at all, so that its descriptor is ours.
    const buffer = Buffer.alloc(scratch.length);
    const callback = (length: number): boolean => {
      channel.push(Uint8Array.from(buffer.subarray(0, length)));
      proceed().catch(reject);
      return true;
    };
    const socket = connect({ path, onread: { buffer, callback } });
    socket.once('error', reject);
    socket.once('connect', () => {
      for (const bytes of channel.takeOutput()) socket.write(bytes);
    });
  });
}
