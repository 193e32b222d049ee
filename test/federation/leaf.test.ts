/** A leaf node near the VMs, joined to the server near the broker: what docs/scaling.md writes down, run as written. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NatsServerDirectory } from '../../broker/carrier/index.ts';
import { connect, type Vm } from '../../clients/sdk/index.ts';
import { codeOf } from '../support/installation/installation.ts';
import { DATA_PORT, freeTcpPort, NatsInstallation } from '../support/nats/installation.ts';
import { findBinary, needs } from '../support/needs.ts';
import { NumberedStream } from './numbered.ts';

const leaf = suite('a leaf node');
const withNats = needs('nats-server', 'nats-server');

const MEMBERS = [
  { name: 'near', carrier: 'nats' },
  { name: 'far', carrier: 'nats' },
];
const RING_BYTES = 1_048_576;

/** The lines that docs/scaling.md gives under this comment, with what is an installation's own put in. */
async function fromDocs(name: string, values: Readonly<Record<string, string>>): Promise<string> {
  const docs = await readFile(new URL('../../docs/scaling.md', import.meta.url), 'utf8');
  const [, text = ''] = new RegExp(`# ${name}\\n([^\`]*)\`\`\``).exec(docs) ?? [];
  assert.is.not(text, '', name);
  return Object.entries(values).reduce((all, [key, value]) => all.replaceAll(key, value), text);
}

withNats(
  leaf,
  'a domain at the leaf reaches the broker behind it, and comes back when the leaf does; the leaf speaks for nobody else',
  async () => {
    const installation = await NatsInstallation.set();
    const [tcpPort, leafPort] = [await freeTcpPort(), await freeTcpPort()];
    const values = {
      '10.0.0.1:7422': `127.0.0.1:${leafPort}`,
      '/etc/argus/nats': installation.server.path,
      'chrome-vm': 'near',
    };
    let server: ChildProcess | null = null;
    try {
      await installation.enrol(MEMBERS);
      // The server near the broker.
      const main = await readFile(installation.server.configFile, 'utf8');
      const user = await fromDocs('main server: one more user', values);
      const opened = main.replace('  users = [\n', (line) => `${line}${user}`);
      assert.is.not(opened, main);
      await writeFile(
        installation.server.configFile,
        `${opened}\n${await fromDocs('main server: at the end', values)}`,
      );
      await installation.startServer();
      await installation.startBroker();

      // The leaf: the same certificates and nkeys, generated like any server.
      const near = new NatsServerDirectory(installation.path('leaf'), 'unsealed');
      await mkdir(near.path, { mode: 0o700 });
      for (const file of ['ca.pem', 'ca-key.pem', 'server.pem', 'server-key.pem'])
        await cp(join(installation.server.path, file), join(near.path, file));
      const { domains } = JSON.parse(await readFile(join(installation.server.path, 'users.json'), 'utf8'));
      for (const { name } of MEMBERS) await near.enrol('domains', name, domains[name]);
      const setup = {
        listen: `127.0.0.1:${tcpPort}`,
        hosts: ['127.0.0.1'],
        policy: installation.path('policy'),
        broker: 'host',
      };
      await near.write(
        setup,
        MEMBERS.map(({ name }) => ({ name, broker: 'host' })),
        Date.now(),
      );
      await writeFile(
        near.configFile,
        `${await readFile(near.configFile, 'utf8')}\n${await fromDocs('leaf: at the end', values)}`,
      );
      const start = (): ChildProcess =>
        spawn(findBinary('nats-server') ?? 'nats-server', ['-c', near.configFile], { stdio: 'ignore' });
      server = start();

      const atLeaf = `nats://127.0.0.1:${tcpPort}/host`;
      const first = installation.connect.bind(installation, 'near', { carrier: atLeaf });
      const [a, b] = [await unlessEnded(server, patiently(first)), await installation.connect('far')];
      const stream = async (from: Vm, to: Vm, name: string, partner: string): Promise<NumberedStream> => {
        const ring = await to.registerRing({ port: DATA_PORT, partner, length: RING_BYTES });
        return new NumberedStream(`${partner} to ${name}`, from, { domain: name, port: DATA_PORT }, ring);
      };
      const there = async (): Promise<void> => {
        const streams = [await stream(a, b, 'far', 'near'), await stream(b, a, 'near', 'far')];
        await Promise.all(streams.map((each) => each.flows()));
        for (const each of streams) await each.finish();
      };
      await there();
      const back = new Promise<unknown>((resolve) => a.on('reconnected', resolve));
      // The next one needs the port of this one.
      const gone = once(server, 'exit');
      server.kill('SIGKILL');
      await gone;
      server = start();
      await unlessEnded(server, back);
      await there();

      // The leaf would let it in; the main server does not pass its subjects on.
      const stray = connect({
        carrier: `${atLeaf}?seed=${installation.path('far/nats.seed')}&ca=${installation.server.caFile}`,
        identity: installation.path('far'),
        handshakeTimeoutMs: 1_000,
        reconnect: false,
      });
      assert.is(await codeOf(stray), 'ERR_CLIENT_HANDSHAKE_TIMEOUT');
    } finally {
      server?.kill('SIGKILL');
      await installation.strike();
    }
  },
);

/** The leaf has to start and to join first. */
async function patiently(attempt: () => Promise<Vm>): Promise<Vm> {
  for (;;) {
    try {
      return await attempt();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** What cannot come any more is not waited for. */
function unlessEnded<T>(server: ChildProcess, wanted: Promise<T>): Promise<T> {
  const ended = once(server, 'exit').then(([code]) => {
    throw new Error(`the leaf node ended with code ${code}`);
  });
  ended.catch(() => {}); // it is killed at the end
  return Promise.race([wanted, ended]);
}

leaf.run();
