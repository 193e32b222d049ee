/** Two kernels that leave work to each other through the broker, and one that is linked to an agent of the older kind. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { tapCalls } from '../../../../clients/agents/network/link/tap-calls.ts';
import { needsThat } from '../../../support/needs.ts';
import { canUseNamespaces, createNamespace, type Namespace } from '../../../support/network/namespace.ts';
import { type Agent, type Site, startSite } from '../../../support/network/site.ts';
import { CHROME, NET } from './segments.ts';

const segments = suite('segments between namespaces');
const withTap = needsThat(
  () => canUseNamespaces() && typeof tapCalls() !== 'string',
  'koffi, root, network namespaces and /dev/net/tun (npm ci, apt-get install iproute2 perl-base)',
);

const BYTES = 4 * 1024 * 1024;
const PIECE = 1_448;
const PORT = 5_400;
const DIGEST = `const hash = require('crypto').createHash('sha256'); const all = Buffer.alloc(${BYTES}, 'segments of the test ');`;
/** Takes one connection, and prints the digest of what came. */
const SINK = `${DIGEST} require('net').createServer((s) => { s.on('data', (d) => hash.update(d)).on('end', () => {
  console.log(hash.digest('hex')); s.end('taken'); }); }).listen(${PORT}, () => console.log('listening'));`;
const SOURCE = `${DIGEST} const s = require('net').connect(${PORT}, process.argv[1], () => s.end(all));
  s.on('close', () => console.log(hash.update(all).digest('hex'))).resume();`;

interface Ends {
  readonly chrome: Namespace;
  readonly net: Namespace;
  readonly agents: readonly Agent[];
}

async function linked(site: Site, chromeFlags: readonly string[], netFlags: readonly string[]): Promise<Ends> {
  const [chrome, net] = [createNamespace('chrome'), createNamespace('net')];
  const start = (domain: string, peer: string, mac: string, namespace: Namespace, flags: readonly string[]) =>
    site.agent(domain, ['link', '--peer', peer, '--tap', 'eth0', '--mac', mac, ...flags], {
      namespace: namespace.name,
      ready: /linked/,
    });
  const agents = await Promise.all([
    start('chrome-vm', 'net-vm', CHROME, chrome, chromeFlags),
    start('net-vm', 'chrome-vm', NET, net, netFlags),
  ]);
  await chrome.run('ip', 'addr', 'add', '10.137.1.1/16', 'dev', 'eth0');
  await net.run('ip', 'addr', 'add', '10.137.0.2/16', 'dev', 'eth0');
  return { chrome, net, agents };
}

/** Sends all bytes from one namespace to the other, and compares what came. */
async function transfer(from: Namespace, to: Namespace, address: string): Promise<void> {
  const sink = to.start(process.execPath, '-e', SINK);
  while (!sink.output().includes('listening')) await new Promise((resolve) => setTimeout(resolve, 20));
  const sent = await from.run(process.execPath, '-e', SOURCE, address);
  while (sink.output().trim().split('\n').length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
  await sink.stop();
  assert.is(sink.output().split('\n')[1], sent.trim());
}

withTap(segments, 'bytes arrive as they were sent, in far fewer messages than frames of one MTU would be', async () => {
  const site = await startSite();
  try {
    const { chrome, net, agents } = await linked(site, [], []);
    await transfer(chrome, net, '10.137.0.2');
    await transfer(net, chrome, '10.137.1.1');
    for (const agent of agents) await agent.until(/segments of up to 64 KiB/);
    await Promise.all(agents.map((agent) => agent.stop()));
    for (const agent of agents) {
      const [, sent = ''] = /frames: (\d+) sent/.exec(agent.output()) ?? [];
      assert.ok(Number(sent) > 0 && Number(sent) < BYTES / PIECE, agent.output());
    }
  } finally {
    await site.close();
  }
});

withTap(segments, 'an end that takes none, as older agents do, still gets everything, and gives it', async () => {
  const site = await startSite();
  try {
    const { chrome, net, agents } = await linked(site, [], ['--no-offload']);
    await transfer(chrome, net, '10.137.0.2');
    await transfer(net, chrome, '10.137.1.1');
    await Promise.all(agents.map((agent) => agent.stop()));
    const said = agents.map((agent) => agent.output());
    assert.ok(
      said.every((text) => !text.includes('segments of up to')),
      said.join('\n'),
    );
    assert.match(said[1] ?? '', /frames of one MTU: switched off/);
  } finally {
    await site.close();
  }
});

segments.run();
