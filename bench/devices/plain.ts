/** The unprotected ways: a unix socket between two ends, and memory that both share, with an eventfd for each. */
import { readSync, writeSync } from 'node:fs';
import { createServer, connect as dial, type Socket } from 'node:net';
import { join } from 'node:path';
import type { System } from '../../clients/devices/sys/index.ts';

export interface Pair {
  /** Sends `bytes` and resolves when the other end has returned as many. */
  roundTrip(bytes: Buffer): Promise<void>;
  close(): void;
}

/** An echo over a unix socket. */
export async function unixPair(
  directory: string,
): Promise<Pair & { push(bytes: Buffer, count: number): Promise<void> }> {
  const path = join(directory, 'plain.sock');
  let onTaken = (_bytes: number): void => {};
  let isSink = false;
  const server = createServer((socket) => {
    socket.on('data', (part) => {
      if (isSink) onTaken(part.length);
      else socket.write(part);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const client = await new Promise<Socket>((resolve) => {
    const socket = dial(path, () => resolve(socket));
  });
  return {
    roundTrip: (bytes) =>
      new Promise((resolve) => {
        let left = bytes.length;
        const take = (part: Buffer): void => {
          left -= part.length;
          if (left > 0) return;
          client.off('data', take);
          resolve();
        };
        client.on('data', take);
        client.write(bytes);
      }),
    push: (bytes, count) =>
      new Promise((resolve) => {
        isSink = true;
        let left = bytes.length * count;
        onTaken = (taken) => {
          left -= taken;
          if (left > 0) return;
          isSink = false;
          resolve();
        };
        let sent = 0;
        const more = (): void => {
          while (sent < count) {
            sent++;
            if (!client.write(bytes)) {
              client.once('drain', more);
              return;
            }
          }
        };
        more();
      }),
    close: () => {
      client.destroy();
      server.close();
    },
  };
}

/** One memory file that both ends read and write, and an eventfd each way: what ivshmem is without a broker. */
export function sharedPair(system: System, sectionBytes: number): Pair {
  const memory = system.sealedMemory('bench', 2 * sectionBytes);
  const [there, back] = [system.eventfd(), system.eventfd()];
  const section = Buffer.alloc(sectionBytes);
  let onBack = (): void => {};
  const watches = [
    system.watch(there, () => {
      if (!system.drain(there)) return;
      readSync(memory.fd, section, 0, sectionBytes, 0);
      writeSync(memory.fd, section, 0, sectionBytes, sectionBytes);
      system.signal(back);
    }),
    system.watch(back, () => {
      if (!system.drain(back)) return;
      readSync(memory.fd, section, 0, sectionBytes, sectionBytes);
      onBack();
    }),
  ];
  return {
    roundTrip: (bytes) =>
      new Promise((resolve) => {
        onBack = resolve;
        writeSync(memory.fd, bytes, 0, bytes.length, 0);
        system.signal(there);
      }),
    close: () => {
      for (const watch of watches) watch.close();
      for (const each of [there, back, memory]) each.close();
    },
  };
}
