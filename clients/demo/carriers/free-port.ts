/** A TCP port for a server whose configuration has to name one. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

const FIRST_PORT = 10_000;
/** From here on Linux gives ports to outgoing connections, which may take a free one at any moment. */
const FIRST_OUTGOING_PORT = 32_768;

/** It was free a moment ago, and no outgoing connection takes it. */
export async function freeTcpPort(): Promise<number> {
  for (;;) {
    const tcpPort = randomInt(FIRST_PORT, FIRST_OUTGOING_PORT);
    const probe = createServer().listen(tcpPort, '127.0.0.1');
    try {
      await once(probe, 'listening');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') continue;
      throw error;
    }
    probe.close();
    await once(probe, 'close');
    return tcpPort;
  }
}
