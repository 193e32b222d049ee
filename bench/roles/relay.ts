/** The process behind `raw-relay`: passes whole frames between two unix sockets. No crypto, no policy, no routing: the ceiling. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { LENGTH_BYTES } from '../arms/relay-frames.ts';

const [paths] = process.argv.slice(2).map((text): { sender: string; receiver: string } => JSON.parse(text));
if (paths === undefined) throw new Error('relay needs its two socket paths');

const senders = createServer().listen(paths.sender);
const receivers = createServer().listen(paths.receiver);
await Promise.all([once(senders, 'listening'), once(receivers, 'listening')]);

process.on('disconnect', () => process.exit());
process.on('SIGINT', () => {});
process.send?.('ready');

const [sender, receiver] = await Promise.all([firstClient(senders), firstClient(receivers)]);
pipeFrames(sender, receiver);
pipeFrames(receiver, sender);

async function firstClient(server: Server): Promise<Socket> {
  const [socket] = (await once(server, 'connection')) as [Socket];
  socket.on('error', () => socket.destroy());
  return socket;
}

/** Only whole frames go on, all of one read together in one gathered write; parts of an unfinished frame wait uncopied. */
function pipeFrames(from: Socket, to: Socket): void {
  const header = Buffer.alloc(LENGTH_BYTES);
  let headerBytes = 0;
  let bodyBytes = 0;
  let unfinished: Buffer[] = [];

  /** Offset behind the last frame that ends in this chunk; 0 = none does. */
  function lastFrameEnd(chunk: Buffer): number {
    let at = 0;
    let end = 0;
    while (at < chunk.length) {
      if (bodyBytes > 0) {
        const step = Math.min(bodyBytes, chunk.length - at);
        at += step;
        bodyBytes -= step;
        if (bodyBytes === 0) end = at;
      } else if (headerBytes === 0 && chunk.length - at >= LENGTH_BYTES) {
        bodyBytes = chunk.readUInt32LE(at);
        at += LENGTH_BYTES;
      } else {
        header[headerBytes++] = chunk[at++] ?? 0;
        if (headerBytes < LENGTH_BYTES) continue;
        bodyBytes = header.readUInt32LE(0);
        headerBytes = 0;
      }
    }
    return end;
  }

  from.on('data', (chunk: Buffer) => {
    const end = lastFrameEnd(chunk);
    if (end === 0) {
      unfinished.push(chunk);
      return;
    }
    to.cork();
    for (const part of unfinished) to.write(part);
    to.write(chunk.subarray(0, end));
    to.uncork();
    unfinished = end === chunk.length ? [] : [chunk.subarray(end)];
    if (to.writableNeedDrain) {
      from.pause();
      to.once('drain', () => from.resume());
    }
  });
  from.on('close', () => to.destroy());
}
