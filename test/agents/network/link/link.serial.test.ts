import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findBinary, needsThat } from '../../../support/needs.ts';
import { canUseNamespaces, createNamespace, type Namespace } from '../../../support/network/namespace.ts';
import { type Site, startSite } from '../../../support/network/site.ts';
import { LOADER, programFile } from '../../../support/program.ts';

const link = suite('namespaces whose only connection is the broker');
const NAMESPACES = 'root, network namespaces and /dev/net/tun (apt-get install iproute2 perl-base)';
const hasAll = (...programs: readonly string[]) =>
  canUseNamespaces() && programs.every((name) => findBinary(name) !== null);
const withPing = needsThat(() => hasAll('ping'), `ping, ${NAMESPACES} (apt-get install iputils-ping)`);
const withQemu = needsThat(
  () => hasAll('ping', 'qemu-system-x86_64'),
  `qemu-system-x86_64, ping, ${NAMESPACES} (apt-get install qemu-system-x86 iputils-ping)`,
);
const withCurl = needsThat(() => hasAll('curl'), `curl, ${NAMESPACES} (apt-get install curl)`);
const withClient = needsThat(() => hasAll('udhcpc'), `udhcpc, ${NAMESPACES} (apt-get install udhcpc)`);
const withDnsmasq = needsThat(
  () => hasAll('udhcpc', 'dnsmasq'),
  `dnsmasq, udhcpc, ${NAMESPACES} (apt-get install dnsmasq-base udhcpc)`,
);

const MACS: Readonly<Record<string, string>> = {
  'net-vm': '02:00:00:00:00:02',
  'chrome-vm': '02:00:00:00:01:01',
  'mail-vm': '02:00:00:00:01:02',
};
const ADDRESSES: Readonly<Record<string, string>> = {
  'net-vm': '10.137.0.2',
  'chrome-vm': '10.137.1.1',
  'mail-vm': '10.137.1.2',
};

/** A namespace whose `eth0` is linked to `peers`. */
async function joinSite(
  site: Site,
  domain: string,
  peers: readonly string[],
  ...rest: readonly string[]
): Promise<Namespace> {
  const namespace = createNamespace(domain);
  const flags = peers.flatMap((peer) => ['--peer', peer]);
  const args = ['link', ...flags, '--tap', 'eth0', '--mac', MACS[domain] ?? '', ...rest];
  await site.agent(domain, args, { namespace: namespace.name, ready: /linked/ });
  return namespace;
}

async function addressed(namespace: Namespace, domain: string): Promise<void> {
  await namespace.run('ip', 'addr', 'add', `${ADDRESSES[domain]}/16`, 'dev', 'eth0');
}

/** The denied sends in the audit log. */
async function refusals(site: Site): Promise<string[]> {
  await site.broker.reload(); // collapsed denials are written with the next event
  const lines = (await site.auditLines()).map((line) => JSON.parse(line) as Record<string, unknown>);
  return lines.filter(({ event }) => event === 'send.denied').map((entry) => JSON.stringify(entry));
}

withPing(link, 'ping passes, and a frame with another’s address does not', async () => {
  const site = await startSite();
  try {
    const [chrome, net] = await Promise.all([
      joinSite(site, 'chrome-vm', ['net-vm']),
      joinSite(site, 'net-vm', ['chrome-vm', 'mail-vm']),
    ]);
    await Promise.all([addressed(chrome, 'chrome-vm'), addressed(net, 'net-vm')]);
    await chrome.run('ping', '-c', '2', '-i', '0.2', '-W', '3', '10.137.0.2');

    // Its own MAC, another's IPv4 address: ARP already speaks of it, so nothing comes back.
    await chrome.run('ip', 'addr', 'add', '10.137.1.2/16', 'dev', 'eth0');
    await chrome.run(
      'ip',
      'neigh',
      'replace',
      '10.137.0.2',
      'dev',
      'eth0',
      'lladdr',
      MACS['net-vm'] ?? '',
      'nud',
      'permanent',
    );
    const spoofed = await chrome.attempt('ping', '-c', '1', '-W', '1', '-I', '10.137.1.2', '10.137.0.2');
    assert.is(spoofed.code, 1, spoofed.output);
    await chrome.run('ping', '-c', '1', '-W', '3', '-I', '10.137.1.1', '10.137.0.2');

    // Another MAC: no frame passes.
    await chrome.run('ip', 'link', 'set', 'eth0', 'address', MACS['mail-vm'] ?? '');
    const stolen = await chrome.attempt('ping', '-c', '1', '-W', '1', '-I', '10.137.1.1', '10.137.0.2');
    assert.is(stolen.code, 1, stolen.output);
    const denied = await refusals(site);
    assert.ok(
      denied.some((line) => line.includes('chrome-vm') && line.includes('ethernet')),
      denied.join('\n'),
    );
  } finally {
    await site.close();
  }
});

withCurl(link, 'a download stops with the policy, and a new one is refused', async () => {
  const site = await startSite();
  try {
    const [chrome, net] = await Promise.all([
      joinSite(site, 'chrome-vm', ['net-vm']),
      joinSite(site, 'net-vm', ['chrome-vm']),
    ]);
    await Promise.all([addressed(chrome, 'chrome-vm'), addressed(net, 'net-vm')]);
    const www = join(site.folder, 'www');
    mkdirSync(www);
    writeFileSync(join(www, 'small'), 'through the broker');
    writeFileSync(join(www, 'large'), Buffer.alloc(256 * 1024 * 1024));
    const server = net.start(process.execPath, '--input-type=module', '-e', HTTP_SERVER, www);
    const fetch = (...args: readonly string[]) => chrome.attempt('curl', '-sS', '--max-time', '20', ...args);
    const small = await fetch(
      '--retry',
      '20',
      '--retry-connrefused',
      '--retry-delay',
      '1',
      'http://10.137.0.2:8080/small',
    );
    assert.is(small.stdout, 'through the broker', small.output);

    const large = 'http://10.137.0.2:8080/large';
    const download = chrome.start('curl', '-sS', '-w', 'finished', '--limit-rate', '20M', '-o', '/dev/null', large);
    while ((await receivedBytes(chrome)) < 1_000_000) await pause(20);
    await site.edit({
      'policy.csv': (text) => text.replace('p, @net, @app, ethernet, ipv4, allow', '# removed'),
    });
    // Frames that were sealed before the change may still be in sockets. After them only ARP arrives.
    await pause(300);
    const stopped = await receivedBytes(chrome);
    const again = await fetch('--connect-timeout', '1', 'http://10.137.0.2:8080/small');
    assert.is.not(again.code, 0);
    const after = await receivedBytes(chrome);
    assert.ok(stopped < 200_000_000 && after - stopped < 1_000, `${stopped} ${after}`);
    assert.is(download.output(), '');
    await download.stop();
    await server.stop();
  } finally {
    await site.close();
  }
});

withQemu(link, 'a NIC of QEMU is linked by its stream socket, without software in the guest', async () => {
  const site = await startSite();
  const guest = createNamespace('guest');
  try {
    const socket = join(site.folder, 'chrome.sock');
    const [agent, net] = await Promise.all([
      site.agent('chrome-vm', ['link', '--peer', 'net-vm', '--qemu', socket], { ready: /waiting for QEMU/ }),
      joinSite(site, 'net-vm', ['chrome-vm']),
    ]);
    await addressed(net, 'net-vm');
    // QEMU without a machine: a hub between the socket and a TAP device, which replaces the guest's NIC.
    const qemu = guest.start(
      'qemu-system-x86_64',
      ...['-M', 'none', '-nodefaults', '-display', 'none', '-netdev', 'tap,id=t,ifname=eth0,script=no,downscript=no'],
      ...['-netdev', `stream,id=s,server=off,addr.type=unix,addr.path=${socket}`],
      ...['-netdev', 'hubport,id=h1,hubid=0,netdev=t', '-netdev', 'hubport,id=h2,hubid=0,netdev=s'],
    );
    await agent.until(/a VM is attached/);
    await guest.run('ip', 'link', 'set', 'eth0', 'address', MACS['chrome-vm'] ?? '', 'up');
    await addressed(guest, 'chrome-vm');
    await guest.run('ping', '-c', '2', '-i', '0.2', '-W', '3', '10.137.0.2');
    await guest.run('ping', '-c', '1', '-W', '3', '-s', '4000', '10.137.0.2'); // in fragments
    await qemu.stop();
    await agent.until(/the VM is gone/);
  } finally {
    await site.close();
  }
});

// The card stays up, whoever restarts at its other end (Qubes 3642, 8237, lima 5027).
withQemu(
  link,
  'after a restart of both agents a running QEMU’s NIC and a kept TAP device are as they were',
  async () => {
    const site = await startSite();
    const [guest, net] = [createNamespace('guest'), createNamespace('net-vm')];
    try {
      const socket = join(site.folder, 'chrome.sock');
      const qemu = guest.start(
        'qemu-system-x86_64',
        ...['-M', 'none', '-nodefaults', '-display', 'none', '-netdev', 'tap,id=t,ifname=eth0,script=no,downscript=no'],
        ...['-netdev', `stream,id=s,server=on,addr.type=unix,addr.path=${socket}`],
        ...['-netdev', 'hubport,id=h1,hubid=0,netdev=t', '-netdev', 'hubport,id=h2,hubid=0,netdev=s'],
      );
      const ofNet = ['--peer', 'chrome-vm', '--tap', 'eth0', '--persist', '--mac', MACS['net-vm'] ?? ''];
      const start = () =>
        Promise.all([
          site.agent('chrome-vm', ['link', '--peer', 'net-vm', '--qemu-connect', socket], {
            ready: /a VM is attached/,
          }),
          site.agent('net-vm', ['link', ...ofNet], { namespace: net.name, ready: /linked/ }),
        ]);
      const agents = await start();
      await guest.run('ip', 'link', 'set', 'eth0', 'address', MACS['chrome-vm'] ?? '', 'up');
      await addressed(guest, 'chrome-vm');
      await addressed(net, 'net-vm');
      await net.run('ip', 'route', 'add', '10.200.0.0/16', 'via', '10.137.1.1');
      await guest.run('ping', '-c', '1', '-W', '10', '10.137.0.2');
      for (const agent of agents) await agent.kill();
      assert.match(
        await net.run('ip', 'route', 'show', 'dev', 'eth0'),
        /10\.200\.0\.0\/16/,
        'kept while no agent runs',
      );
      await start();
      assert.match(await net.run('ip', 'route', 'show', 'dev', 'eth0'), /10\.200\.0\.0\/16/);
      await guest.run('ping', '-c', '1', '-W', '10', '10.137.0.2');
      await qemu.stop();
    } finally {
      await site.close();
    }
  },
);

/** Bytes that eth0 has received so far. */
async function receivedBytes(namespace: Namespace): Promise<number> {
  return Number(await namespace.run('cat', '/sys/class/net/eth0/statistics/rx_bytes'));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const HTTP_SERVER = `
import { createServer } from 'node:http';
import { createReadStream } from 'node:fs';
createServer((request, response) => createReadStream(process.argv[1] + request.url).pipe(response)).listen(8080);
`;

const DHCP_CONFIG = `
server: 10.137.0.2
network: 10.137.0.0/16
routers: [10.137.0.2]
dns: [10.137.0.2]
domain: vm.internal
hosts:
  - {name: chrome-vm, mac: '02:00:00:00:01:01', ipv4: 10.137.1.1}
  - {name: mail-vm, mac: '02:00:00:00:01:02', ipv4: 10.137.1.2}
`;

/** Prints the lease of the client. */
const SCRIPT =
  '#!/bin/sh\necho "$1 ip=$ip mask=$subnet router=$router dns=$dns domain=$domain lease=$lease server=$serverid"\n';

function script(site: Site): string {
  const path = join(site.folder, 'udhcpc.sh');
  writeFileSync(path, SCRIPT, { mode: 0o755 });
  return path;
}

function discover(site: Site, namespace: Namespace, tries = 5): Promise<{ code: number; output: string }> {
  return namespace.attempt(
    'udhcpc',
    '-f',
    '-n',
    '-q',
    '-t',
    String(tries),
    '-T',
    '1',
    '-i',
    'eth0',
    '-s',
    script(site),
  );
}

withClient(link, 'a real client gets a lease from our server, and a rogue’s offers never arrive', async () => {
  const site = await startSite();
  try {
    const config = join(site.folder, 'dhcp.yaml');
    const leases = join(site.folder, 'leases.json');
    writeFileSync(config, DHCP_CONFIG);
    const serve = () => site.agent('net-vm', ['dhcp', '--config', config, '--leases', leases], { ready: /giving out/ });
    const server = await serve();
    const chrome = await joinSite(site, 'chrome-vm', ['net-vm'], '--dhcp-from', 'net-vm');
    const { code, output } = await discover(site, chrome);
    assert.is(code, 0, output);
    assert.match(
      output,
      /bound ip=10\.137\.1\.1 mask=255\.255\.0\.0 router=10\.137\.0\.2 dns=10\.137\.0\.2 domain=vm\.internal lease=3600 server=10\.137\.0\.2/,
    );

    // The lease outlives the server.
    assert.match(readFileSync(leases, 'utf8'), /"mac": "02:00:00:00:01:01",\s*"ipv4": "10\.137\.1\.1"/);
    await server.stop();

    // mail-vm runs its own server, which even claims to be the server of net-vm.
    // It has to have its session, or its end, before the next program of mail-vm connects: the newer one displaces the older.
    const rogue = await site
      .agent('mail-vm', ['dhcp', '--config', config, '--leases', `${leases}.rogue`], { ready: /giving out/ })
      .catch(() => null);
    const offers = join(site.folder, 'offer.mjs');
    writeFileSync(offers, ROGUE);
    const { output: said } = await chrome.attempt(
      process.execPath,
      ...LOADER,
      offers,
      site.carrierOf('mail-vm'),
      site.identityOf('mail-vm'),
      'chrome-vm',
    );
    assert.match(said, /EACCES/, said);
    // The same as Ethernet frames, from an ordinary program. The link filters them out, and policy refuses them.
    const mail = await joinSite(site, 'mail-vm', ['net-vm'], '--dhcp-from', 'net-vm');
    await addressed(mail, 'mail-vm');
    await mail.run(process.execPath, '-e', ROGUE_FRAMES);
    const without = await discover(site, chrome, 2);
    assert.is(without.code, 1, without.output);
    const denied = await refusals(site);
    for (const refused of [/mail-vm.*chrome-vm.*argo.*send/, /mail-vm.*net-vm.*dhcp.*offer/])
      assert.ok(
        denied.some((line) => refused.test(line)),
        denied.join('\n'),
      );
    await rogue?.stop();
  } finally {
    await site.close();
  }
});

/** Sends an offer to the client's port, as a program of mail-vm that does not use our agents. */
const ROGUE = `
import { connect } from ${JSON.stringify(programFile('clients/sdk/index.ts'))};
const [carrier, identity, victim] = process.argv.slice(2);
const vm = await connect({ carrier, identity, reconnect: false });
const offer = new Uint8Array(300);
offer.set([2, 1, 6, 0]); offer.set([2, 0, 0, 0, 1, 1], 28);
offer.set([0x63, 0x82, 0x53, 0x63, 53, 1, 2, 54, 4, 10, 137, 0, 2, 255], 236);
try { await vm.sendv({ to: { domain: victim, port: 68 }, iov: offer }); console.log('sent'); } catch (error) { console.log(error.code); }
await vm.close();
`;

/** Broadcasts an offer from the server's port, as a DHCP server on an Ethernet does. */
const ROGUE_FRAMES = `
const socket = require('dgram').createSocket('udp4');
const offer = Buffer.alloc(300);
offer.set([2, 1, 6, 0]); offer.set([2, 0, 0, 0, 1, 1], 28);
offer.set([0x63, 0x82, 0x53, 0x63, 53, 1, 2, 54, 4, 10, 137, 1, 2, 255], 236);
socket.bind(67, '10.137.1.2', () => {
  socket.setBroadcast(true);
  socket.send(offer, 68, '10.137.255.255', () => setTimeout(() => socket.close(), 200));
});
`;

withDnsmasq(link, 'a real client gets a lease from a real dnsmasq', async () => {
  const site = await startSite();
  try {
    const [chrome, net] = await Promise.all([
      joinSite(site, 'chrome-vm', ['net-vm'], '--dhcp-from', 'net-vm'),
      joinSite(site, 'net-vm', ['chrome-vm', 'mail-vm'], '--dhcp-serve'),
    ]);
    await addressed(net, 'net-vm');
    const leases = join(site.folder, 'dnsmasq.leases');
    const dnsmasq = net.start(
      ...([
        'dnsmasq',
        '--keep-in-foreground',
        '--conf-file=/dev/null',
        '--port=0',
        '--interface=eth0',
        '--bind-interfaces',
        '--no-ping',
      ] as const),
      ...['--dhcp-authoritative', '--dhcp-range=10.137.0.0,static,255.255.0.0,1h', '--log-dhcp', '--log-facility=-'],
      ...['--dhcp-host=02:00:00:00:01:01,10.137.1.1,chrome-vm,1h', `--dhcp-leasefile=${leases}`, '--user=root'],
    );
    const { code, output } = await discover(site, chrome, 10);
    assert.is(code, 0, `${output}\n${dnsmasq.output()}`);
    assert.match(output, /bound ip=10\.137\.1\.1 .*server=10\.137\.0\.2/);
    await dnsmasq.stop();
  } finally {
    await site.close();
  }
});

link.run();
