/** A session that keeps no rule but those of the records: what it seals and writes is the attacker's choice. */
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { encode, Op, walk } from '../../docs/examples/wire-client/frames.mjs';
import { acceptWelcome, makeHello } from '../../docs/examples/wire-client/handshake.mjs';
import { RecordReader, RecordType } from '../../docs/examples/wire-client/records.mjs';

/** Resolves when the broker listens: the proof is out, and the broker's welcome is in. */
export async function openRaw(identity, path) {
  const socket = await openSocket(path);
  const hello = makeHello(identity);
  const reader = new RecordReader();
  socket.write(hello.record);
  const keys = acceptWelcome(identity, hello, await nextRecord(socket, reader));
  socket.write(keys.sealer.seal(RecordType.data, encode.ready(keys.ourCommitment)));
  const [first] = walk(keys.opener.open(await nextRecord(socket, reader)));
  if (first.op !== Op.welcome) throw new Error('no welcome');
  socket.resume(); // what else is said is read and thrown away
  return {
    socket,
    seal: (...frames) => keys.sealer.seal(RecordType.data, Buffer.concat(frames)),
    rekey: () => keys.sealer.rekey(),
  };
}

export async function openSocket(path) {
  const socket = createConnection({ path });
  socket.on('error', () => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

async function nextRecord(socket, reader) {
  for (;;) {
    const record = reader.next();
    if (record !== null) return record;
    const bytes = socket.read();
    if (bytes !== null) reader.push(bytes);
    else if (socket.destroyed || socket.readableEnded) throw new Error('the broker closed the socket');
    else await Promise.race([once(socket, 'readable'), once(socket, 'close')]);
  }
}
