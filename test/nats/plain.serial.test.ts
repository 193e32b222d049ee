/** The NATS carrier without TLS: records are sealed all the same, and neither end takes the other mode for the one it was told. */
import { createHash } from 'node:crypto';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { createServer, connect as dialTcp } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ArgusError, type Vm } from '../../clients/sdk/index.ts';
import { DATA_PORT, NatsInstallation } from '../support/nats/installation.ts';
import { needs } from '../support/needs.ts';

const withNats = needs('nats-server', 'nats-server');
const MEMBERS = ['a', 'b'].map((name) => ({ name, carrier: 'nats' }));
const SIZES = [0, 1, 64, 1_764, 3_900, 16_256, 16_384, 32_640, 65_536, 300_000, 2_000_001];
const MARK = Buffer.from('what the server must not read');

const plain = suite('nats carrier without TLS');

const staged = (tls: boolean, run: (installation: NatsInstallation) => Promise<void>): Promise<void> =>
  NatsInstallation.play(MEMBERS, run, { tls });

/** The codes of what a promise was rejected with. */
async function codesOf(promise: Promise<Vm>): Promise<unknown[]> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  const cause = error instanceof ArgusError ? error.cause : null;
  return [cause instanceof Error && 'code' in cause ? cause.code : error];
}

/** What b gets of it has to be what a sent. */
async function sendEverySize(a: Vm, b: Vm): Promise<void> {
  const ring = await b.registerRing({ port: DATA_PORT, partner: 'a', length: 16_777_152 });
  const payloads = SIZES.map((size) => Buffer.alloc(size, MARK));
  for (const payload of payloads)
    void a.sendv({ to: { domain: 'b', port: DATA_PORT }, iov: payload, deadline: 20_000 });
  const got: string[] = [];
  for await (const { payload } of ring) {
    got.push(createHash('sha256').update(payload).digest('hex'));
    if (got.length === payloads.length) break;
  }
  assert.equal(
    got,
    payloads.map((payload) => createHash('sha256').update(payload).digest('hex')),
  );
}

/** A server whose `max_payload` somebody has lowered. */
const stagedWith = (maxPayload: number, run: (installation: NatsInstallation) => Promise<void>): Promise<void> =>
  staged(false, async (installation) => {
    await installation.stopServer();
    const text = await readFile(installation.server.configFile, 'utf8');
    await writeFile(installation.server.configFile, text.replace(/^max_payload: .*$/m, `max_payload: ${maxPayload}`));
    await installation.startServer();
    await run(installation);
  });

withNats(plain, 'messages of every size arrive unaltered, and what passes the server cannot be read', () =>
  staged(false, async (installation) => {
    await installation.startBroker();
    // A tap between a and the server: all that a says and hears in the clear, if it were.
    const seen: Buffer[] = [];
    const tap = createServer((near) => {
      const far = dialTcp(installation.tcpPort, '127.0.0.1');
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        from.on('data', (bytes) => seen.push(bytes));
        from.on('error', () => {});
        from.pipe(to);
      }
    });
    await new Promise<void>((resolve) => tap.listen(0, '127.0.0.1', resolve));
    const address = tap.address();
    const tcpPort = typeof address === 'object' && address !== null ? address.port : 0;
    const a = await installation.connect('a', { carrier: `nats://127.0.0.1:${tcpPort}/host?tls=off` });
    await sendEverySize(a, await installation.connect('b'));
    const wire = Buffer.concat(seen);
    assert.ok(wire.includes('PUB argus.host.up.a '));
    assert.ok(!wire.includes(MARK));
    tap.close();
  }),
);

withNats(plain, 'a server that takes less in one message gets smaller ones', () =>
  stagedWith(4_096, async (installation) => {
    await installation.startBroker();
    await sendEverySize(await installation.connect('a'), await installation.connect('b'));
  }),
);

withNats(plain, 'a server that takes next to nothing is not used', () =>
  stagedWith(512, async (installation) => {
    assert.equal(await codesOf(installation.connect('a', { reconnect: false })), ['ERR_NATS_PAYLOAD']);
  }),
);

withNats(plain, 'an end that expects TLS is not talked out of it', () =>
  staged(false, async (installation) => {
    const other = await NatsInstallation.set();
    await other.enrol(MEMBERS);
    await cp(other.server.caFile, installation.path('a/nats-ca.pem'));
    const carrier = `nats://127.0.0.1:${installation.tcpPort}/host`;
    assert.equal(await codesOf(installation.connect('a', { carrier, reconnect: false })), ['ERR_NATS_TLS']);
    await other.strike();
  }),
);

withNats(plain, 'an end that was told there is none does not speak to a server that wants it', () =>
  staged(true, async (installation) => {
    const carrier = `${installation.carrier()}?tls=off`;
    assert.equal(await codesOf(installation.connect('a', { carrier, reconnect: false })), ['ERR_NATS_TLS']);
  }),
);

for (const answer of ['SSH-2.0-OpenSSH_9.2\r\n', 'INFO {"tls_required":\r\n', 'PING\r\n', 'MSG what is this\r\n']) {
  withNats(plain, `what answers with ${JSON.stringify(answer)} is no NATS server`, async () => {
    const installation = await NatsInstallation.set({ tls: false });
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.write(answer);
    });
    await new Promise<void>((resolve) => server.listen(installation.tcpPort, '127.0.0.1', resolve));
    try {
      await installation.enrol(MEMBERS);
      assert.equal(await codesOf(installation.connect('a', { reconnect: false })), ['ERR_NATS_UNREACHABLE']);
    } finally {
      server.close();
      await installation.strike();
    }
  });
}

plain.run();
