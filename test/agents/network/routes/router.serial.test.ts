import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findBinary, needsThat } from '../../../support/needs.ts';
import { canUseNamespaces, createNamespace, type Namespace } from '../../../support/network/namespace.ts';
import { type Site, startSite } from '../../../support/network/site.ts';

const router = suite('a router, its guests and the world');
const withPing = needsThat(
  () => canUseNamespaces() && findBinary('ping') !== null,
  'ping, root, network namespaces and /dev/net/tun (apt-get install iputils-ping iproute2 perl-base)',
);

/** Runs `argus net agent` with these parts. */
function agent(site: Site, domain: string, namespace: Namespace, parts: object, ready: RegExp): Promise<unknown> {
  const path = join(site.folder, `${domain}.yaml`);
  const whole = { carrier: site.carrierOf(domain), identity: site.identityOf(domain), ...parts };
  writeFileSync(path, JSON.stringify(whole));
  return site.agent(domain, ['agent', '--config', path], { namespace: namespace.name, ready });
}

function tap(mac: string, peers: readonly string[]): object {
  return { tap: 'eth0', mac, peers };
}

function ping(namespace: Namespace, address: string): Promise<{ readonly code: number; readonly output: string }> {
  return namespace.attempt('ping', '-c', '2', '-i', '0.3', '-W', '1', address);
}

withPing(
  router,
  'the Internet is reached by the route that was announced, another VM only when the inventory says so',
  async () => {
    const site = await startSite({
      'domains.yaml': (text) =>
        text
          .replace('ipv4: 10.137.0.2\n', 'ipv4: 10.137.0.2\n    ipv6: "fd00::2"\n')
          .replace('ipv4: 10.137.1.1\n', 'ipv4: 10.137.1.1\n    ipv6: "fd00::1:1"\n'),
      'policy.csv': (text) => `${text}p, @app, @net, ethernet, ipv6, allow\np, @net, @app, ethernet, ipv6, allow\n`,
    });
    const [chrome, mail, net, world] = ['chrome', 'mail', 'net', 'world'].map(createNamespace) as [
      Namespace,
      Namespace,
      Namespace,
      Namespace,
    ];
    try {
      execFileSync('ip', [
        '-n',
        net.name,
        'link',
        'add',
        'wan0',
        'type',
        'veth',
        'peer',
        'name',
        'wan0',
        'netns',
        world.name,
      ]);
      for (const [namespace, address] of [
        [net, '192.0.2.2/24'],
        [world, '192.0.2.1/24'],
      ] as const) {
        await namespace.run('ip', 'addr', 'add', address, 'dev', 'wan0');
        await namespace.run('ip', 'link', 'set', 'wan0', 'up');
      }
      await world.run('ip', 'route', 'add', '10.137.0.0/16', 'via', '192.0.2.2');
      await net.run('sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward');
      await net.run('ip', 'route', 'add', 'default', 'via', '192.0.2.1');

      const announce = {
        to: ['chrome-vm'],
        ipv4: '10.137.0.2',
        internet: true,
        internal: ['10.137.0.0/16'],
        device: 'eth0',
      };
      await agent(
        site,
        'net-vm',
        net,
        { link: tap('02:00:00:00:00:02', ['chrome-vm', 'mail-vm']), announce },
        /announcing routes/,
      );
      await Promise.all([
        agent(
          site,
          'chrome-vm',
          chrome,
          { link: tap('02:00:00:00:01:01', ['net-vm']), routes: { from: 'net-vm', device: 'eth0' } },
          /route replace 0\.0\.0\.0\/0/,
        ),
        agent(site, 'mail-vm', mail, { link: tap('02:00:00:00:01:02', ['net-vm']) }, /linked/),
      ]);
      await net.run('ip', 'addr', 'add', '10.137.0.2/16', 'dev', 'eth0');
      await chrome.run('ip', 'addr', 'add', '10.137.1.1/32', 'dev', 'eth0');
      await mail.run('ip', 'addr', 'add', '10.137.1.2/32', 'dev', 'eth0');
      await mail.run('ip', 'route', 'add', 'default', 'via', '10.137.0.2', 'dev', 'eth0', 'onlink');

      const internet = await ping(chrome, '192.0.2.1');
      assert.is(internet.code, 0, internet.output);

      // net-vm would pass it on, but may not speak for chrome-vm to mail-vm.
      const between = await ping(chrome, '10.137.1.2');
      assert.is(between.code, 1, between.output);
      await site.edit({
        'domains.yaml': (text) => text.replace('routes: ["0.0.0.0/0"]', 'routes: ["0.0.0.0/0", "10.137.1.0/24"]'),
      });
      const allowed = await ping(chrome, '10.137.1.2');
      assert.is(allowed.code, 0, allowed.output);

      // Neighbour discovery of a real kernel passes; `nodad` only saves the wait.
      await chrome.run('ip', '-6', 'addr', 'add', 'fd00::1:1/64', 'dev', 'eth0', 'nodad');
      await net.run('ip', '-6', 'addr', 'add', 'fd00::2/64', 'dev', 'eth0', 'nodad');
      const six = await ping(chrome, 'fd00::2');
      assert.is(six.code, 0, six.output);
      await chrome.run('ip', '-6', 'addr', 'add', 'fd00::bad/64', 'dev', 'eth0', 'nodad');
      const spoofed = await chrome.attempt('ping', '-c', '1', '-W', '1', '-I', 'fd00::bad', 'fd00::2');
      assert.is.not(spoofed.code, 0, spoofed.output);
    } finally {
      await site.close();
    }
  },
);

router.run();
