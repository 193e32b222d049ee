/**
 * The limit of a link: three processes in a row that only pass its packets on, and neither decide nor seal anything.
 *
 *     node pass-on.js relay SOCKET              in the place of the broker
 *     node pass-on.js end SOCKET DEVICE         in the place of an agent
 */
import { connect, createServer, type Socket } from 'node:net';
import { MAX_SEGMENT_FRAME_BYTES, TAP_READS_PER_TURN } from '../../clients/agents/network/limits.ts';
import { FrameReader } from '../../clients/agents/network/link/framing.ts';
import { NET_HEADER_BYTES } from '../../clients/agents/network/link/headers.ts';
import { tapCalls } from '../../clients/agents/network/link/tap-calls.ts';

const PREFIX_BYTES = 4;
const READ_BYTES = 262_144;

const [role = '', path = '', device = ''] = process.argv.slice(2);
if (role === 'relay') relay();
else end();

function relay(): void {
  const ends: Socket[] = [];
  const join = (from: Socket, to: Socket): void => {
    from.on('data', (chunk) => {
      if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => from.resume());
  };
  createServer({ pauseOnConnect: true }, (socket) => {
    ends.push(socket);
    const [first, second] = ends;
    if (first === undefined || second === undefined) return;
    join(first, second);
    join(second, first);
    first.resume();
    second.resume();
  }).listen(path);
}

function end(): void {
  const calls = tapCalls();
  if (typeof calls === 'string') throw new Error(calls);
  const tap = calls.open(device, false);
  tap.setOffload(true);
  const packets = new FrameReader(
    (packet) => void tap.write(Buffer.from(packet.buffer, packet.byteOffset), packet.length),
  );
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  const callback = (length: number): boolean => {
    packets.push(buffer.subarray(0, length));
    return true;
  };
  const socket = connect({ path, onread: { buffer, callback } });
  const free = Array.from({ length: TAP_READS_PER_TURN }, () =>
    Buffer.allocUnsafeSlow(PREFIX_BYTES + NET_HEADER_BYTES + MAX_SEGMENT_FRAME_BYTES),
  );
  const read = (): void => {
    for (let slot = free.pop(); slot !== undefined; slot = free.pop()) {
      const memory = slot;
      const length = tap.read(memory.subarray(PREFIX_BYTES));
      if (length <= 0) {
        free.push(memory);
        return;
      }
      memory.writeUInt32BE(length);
      socket.write(memory.subarray(0, PREFIX_BYTES + length), () => {
        free.push(memory);
        tap.watch(read);
      });
    }
    tap.unwatch();
  };
  socket.once('connect', () => tap.watch(read));
}
