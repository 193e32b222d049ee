/** Reads the files that an end needs to connect to a server: its nkey seed and the server's CA. */
import type { NatsAddress } from './address.ts';
import { natsFiles, readPublic } from './admin/files.ts';
import { readSeed } from './line/nkey.ts';
import type { NatsEnd } from './listen.ts';

/** @throws NatsCarrierError ERR_NATS_FILE */
export async function loadNatsEnd(address: NatsAddress, identityDirectory: string): Promise<NatsEnd> {
  const files = natsFiles(identityDirectory);
  const seed = await readSeed(address.seed ?? files.seed);
  const hint = 'copy the ca.pem that "argus nats config" made to there';
  const ca = address.tls ? await readPublic(address.ca ?? files.ca, hint) : null;
  return { host: address.host, tcpPort: address.tcpPort, seed, ca };
}
