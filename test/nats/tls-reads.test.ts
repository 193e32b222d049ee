/** What arrives over TLS is read into memory that is used again, as far as this Node has the fields for it. */
import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { PassThrough } from 'node:stream';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readInto } from '../../broker/carrier/nats/line/tls-reads.ts';
import { seededRandom } from '../support/seed.ts';

const reads = suite('reads over TLS');

/** A shared key, because Node cannot make a certificate. */
const PSK = Buffer.alloc(32, 7);
const TLS = { ciphers: 'PSK-AES256-GCM-SHA384', maxVersion: 'TLSv1.2' } as const;

/** Connects as the transport does, over a connected plain socket, and reads from before the handshake on. */
async function readFrom(
  speak: (socket: TLSSocket) => void,
  memory: Uint8Array,
  read: (chunk: Uint8Array, socket: TLSSocket) => void,
): Promise<TLSSocket> {
  const server = createServer({ ...TLS, pskCallback: () => PSK }, (socket) => {
    server.close();
    speak(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const plain = connectTcp({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
  await once(plain, 'connect');
  const pskCallback = () => ({ psk: PSK, identity: 'test' });
  const socket = connect({ ...TLS, socket: plain, pskCallback, checkServerIdentity: () => undefined });
  readInto(socket, memory, (chunk) => read(chunk, socket));
  return socket;
}

reads('every byte comes once and in order, and each chunk lies at the front of the one memory', async () => {
  const sent = seededRandom().bytes(1_000_000);
  const memory = new Uint8Array(128 * 1024);
  const got: number[] = [];
  const speak = (socket: TLSSocket): void => {
    socket.write(sent.subarray(0, 10));
    socket.end(sent.subarray(10));
  };
  const socket = await readFrom(speak, memory, (chunk) => {
    assert.is(chunk.buffer, memory.buffer);
    assert.is(chunk.byteOffset, 0);
    for (const byte of chunk) got.push(byte);
  });
  await once(socket, 'close');
  assert.ok(Buffer.from(got).equals(Buffer.from(sent)));
});

reads('a reader that pauses within a read gets the rest after it resumes', async () => {
  const sent = seededRandom().bytes(300_000);
  const got: number[] = [];
  const socket = await readFrom(
    (other) => other.end(sent),
    new Uint8Array(128 * 1024),
    (chunk, self) => {
      for (const byte of chunk) got.push(byte);
      self.pause();
      setImmediate(() => self.resume());
    },
  );
  await once(socket, 'close');
  assert.ok(Buffer.from(got).equals(Buffer.from(sent)));
});

reads('a Node without these fields is read as usual', async () => {
  const socket = new PassThrough();
  const got: number[][] = [];
  readInto(socket as unknown as TLSSocket, new Uint8Array(16), (chunk) => got.push([...chunk]));
  socket.end(Uint8Array.of(1, 2, 3));
  await once(socket, 'end');
  assert.equal(got, [[1, 2, 3]]);
});

reads.run();
