/**
 * agent.yaml with a `network` section, as a guest's own agent runs it: two machines (network namespaces) whose only wire is
 * the broker get an address, routes, frames and streams, next to rings for local programs, on one session each.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openLocal, receiveLocal, sendLocal } from '../../../clients/agents/guest/index.ts';
import { findBinary, needsThat } from '../../support/needs.ts';
import { canUseNamespaces, createNamespace, type Namespace } from '../../support/network/namespace.ts';
import { type Agent, type Site, startSite } from '../../support/network/site.ts';

const network = suite('agent: network');
const withNetwork = needsThat(
  () => canUseNamespaces() && ['ping', 'udhcpc', 'curl', 'python3'].every((name) => findBinary(name) !== null),
  'ping, udhcpc, curl, python3, root, network namespaces and /dev/net/tun (apt-get install iputils-ping udhcpc curl python3 iproute2 perl-base)',
);

const SERVICE = 8_080;
const STREAM = 20_080;
const RING = 5_000;
const ROWS = `p, @app, @net, stream, send, allow
p, @net, @app, stream, send, allow
p, @app, @net, files, send, allow
`;
const FILES_CLASS = `
  - {name: files, ports: [${RING}], inspector: opaque, permissions: [send], flow: to-destination}
`;
const DHCP = `server: 10.137.0.2
network: 10.137.0.0/16
routers: [10.137.0.2]
leaseSeconds: 3600
hosts:
  - {name: chrome-vm, mac: "02:00:00:00:01:01", ipv4: 10.137.1.1}
`;
/** What udhcpc runs: takes the address, and no route, for routes come over class \`route\`. */
const ON_LEASE = '#!/bin/sh\n[ "$1" = bound ] && ip addr replace "$ip/32" dev "$interface"\necho "$1 $ip"\n';

/** Runs \`argus agent\` of \`domain\` in its machine. */
function machine(site: Site, domain: string, namespace: Namespace, parts: object, ready: RegExp): Promise<Agent> {
  const path = join(site.folder, `${domain}.agent.yaml`);
  const config = {
    carrier: site.carrierOf(domain),
    identity: site.identityOf(domain),
    socket: socketOf(site, domain),
    network: parts,
  };
  writeFileSync(path, JSON.stringify(config));
  return site.agent(domain, ['guest', '--config', path], { namespace: namespace.name, ready });
}

const socketOf = (site: Site, domain: string): string => join(site.folder, `${domain}.agent.sock`);

function chromeVm(site: Site, namespace: Namespace): Promise<Agent> {
  const parts = {
    link: { tap: 'eth0', mac: '02:00:00:00:01:01', peers: ['net-vm'], dhcpFrom: 'net-vm' },
    routes: { from: 'net-vm', device: 'eth0' },
    connect: [{ local: `127.0.0.1:${SERVICE}`, domain: 'net-vm', port: STREAM, replyPort: 20_900 }],
  };
  return machine(site, 'chrome-vm', namespace, parts, /programs connect to/);
}

/** A lease from net-vm, then the address and the default route that come with it. */
async function joinNetwork(site: Site, chrome: Namespace, agent: Agent): Promise<void> {
  const script = join(site.folder, 'on-lease');
  writeFileSync(script, ON_LEASE, { mode: 0o755 });
  const lease = await chrome.run('udhcpc', '-f', '-n', '-q', '-t', '20', '-T', '1', '-i', 'eth0', '-s', script);
  assert.match(lease, 'bound 10.137.1.1');
  await agent.until(/route replace 0\.0\.0\.0\/0/);
  const reached = await chrome.attempt('ping', '-c', '2', '-i', '0.3', '-W', '2', '192.0.2.1');
  assert.is(reached.code, 0, reached.output);
}

/** A message from a program of chrome-vm to one of net-vm, next to all this. */
async function throughRing(site: Site): Promise<string> {
  const recv = { kind: 'recv', port: RING, partner: 'any', length: 65_536, untilGone: false } as const;
  const send = { kind: 'send', domain: 'net-vm', port: RING, type: 0, deadlineMs: 10_000, from: 0 } as const;
  const receiver = await openLocal(socketOf(site, 'net-vm'), recv);
  const sender = await openLocal(socketOf(site, 'chrome-vm'), send);
  await sendLocal(sender, [Buffer.from('for a program of net-vm')]);
  for await (const { payload } of receiveLocal(receiver)) return Buffer.from(payload).toString();
  return 'nothing';
}

withNetwork(
  network,
  'a guest’s agent brings address, routes, frames, streams and rings, and again after a kill',
  async () => {
    const site = await startSite({
      'policy.csv': (text) => text + ROWS,
      'services.yaml': (text) => text.trimEnd() + FILES_CLASS,
    });
    const [chrome, net] = ['chrome', 'net'].map(createNamespace) as [Namespace, Namespace];
    try {
      // What is beyond net-vm: its own end of the uplink will do for the Internet.
      await net.run('ip', 'link', 'add', 'wan0', 'type', 'veth', 'peer', 'name', 'wan1');
      for (const device of ['wan0', 'wan1']) await net.run('ip', 'link', 'set', device, 'up');
      await net.run('ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'wan0');
      await net.run('ip', 'route', 'add', 'default', 'via', '192.0.2.254');
      const page = join(site.folder, 'www');
      await net.run('mkdir', page);
      writeFileSync(join(page, 'page'), 'from net-vm');
      const web = net.start('python3', '-m', 'http.server', '--bind', '127.0.0.1', '--directory', page, `${SERVICE}`);
      const config = join(site.folder, 'dhcp.yaml');
      writeFileSync(config, DHCP);
      const router = {
        link: { tap: 'eth0', mac: '02:00:00:00:00:02', peers: ['chrome-vm'] },
        dhcp: { config, leases: join(site.folder, 'leases.json') },
        announce: {
          to: ['chrome-vm'],
          ipv4: '10.137.0.2',
          internet: true,
          internal: ['10.137.0.0/16'],
          device: 'eth0',
        },
        listen: [{ port: STREAM, to: `127.0.0.1:${SERVICE}` }],
      };
      await machine(site, 'net-vm', net, router, /programs connect to/);
      await net.run('ip', 'addr', 'add', '10.137.0.2/16', 'dev', 'eth0');

      const first = await chromeVm(site, chrome);
      await joinNetwork(site, chrome, first);
      assert.is(await chrome.run('curl', '-sS', '--max-time', '20', `http://127.0.0.1:${SERVICE}/page`), 'from net-vm');
      assert.is(await throughRing(site), 'for a program of net-vm');

      await first.kill();
      const second = await chromeVm(site, chrome);
      await joinNetwork(site, chrome, second);
      assert.is(await chrome.run('curl', '-sS', '--max-time', '20', `http://127.0.0.1:${SERVICE}/page`), 'from net-vm');
      await second.stop();
      assert.not.match(second.output(), /has ended/, 'what is stopped in order is not reported as lost');
      assert.is(second.output().match(/^.*frames: /gm)?.length, 1, 'and it stops once');
      const gone = await chrome.attempt('ip', 'link', 'show', 'eth0');
      assert.is.not(gone.code, 0, 'an agent that is stopped takes its device away');
      await web.stop();
    } finally {
      await site.close();
    }
  },
);

network.run();
