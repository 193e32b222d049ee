/**
 * Reads a TLS connection into memory that is used again for each read. Otherwise Node allocates separate memory for each
 * TLS record and passes it through a stream's queue, which is a quarter of what reading over TLS costs.
 *
 * For a plain socket Node has the option `onread`. Over a connected socket it ignores that option, and a NATS server
 * speaks plainly before TLS. So the fields behind the option are set here, with Node's own names. They are not
 * documented: if one of them is missing, the connection is read as usual.
 */
import type { TLSSocket } from 'node:tls';
import { release } from '../../../../keys/index.ts';

/** What Node calls the fields of `onread`: the memory, and the function that is called after each read. */
const FIELDS = { memory: 'kBuffer', callback: 'kBufferCb' } as const;

/** The socket's native part, as far as it is used. */
interface Handle {
  useUserBuffer(memory: Uint8Array): void;
}

/**
 * Call it before the handshake. `read` gets a chunk that is valid only during the call. A paused socket may still call
 * it for bytes that it had received.
 */
export function readInto(socket: TLSSocket, memory: Uint8Array, read: (chunk: Uint8Array) => void): void {
  const handle = handleOf(socket);
  const memoryField = fieldOf(socket, FIELDS.memory);
  const callbackField = fieldOf(socket, FIELDS.callback);
  if (handle === null || memoryField === null || callbackField === null) {
    socket.on('data', (chunk: Buffer) => {
      read(chunk);
      // Nothing refers to the separate memory any more.
      release(chunk);
    });
    return;
  }
  Object.assign(socket, {
    [memoryField]: memory,
    [callbackField]: (length: number) => {
      read(memory.subarray(0, length));
      return true;
    },
  });
  handle.useUserBuffer(memory);
  socket.resume();
}

function handleOf(socket: TLSSocket): Handle | null {
  const handle = '_handle' in socket ? socket._handle : null;
  const isUsable = typeof handle === 'object' && handle !== null && 'useUserBuffer' in handle;
  return isUsable ? (handle as Handle) : null;
}

/** Null also for a field that is in use: then this Node reads in another way. */
function fieldOf(socket: TLSSocket, name: string): symbol | null {
  const field = Object.getOwnPropertySymbols(socket).find(({ description }) => description === name);
  return field !== undefined && Reflect.get(socket, field) === null ? field : null;
}
