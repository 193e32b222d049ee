import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { needsThat } from '../../../support/needs.ts';
import { canUseNamespaces, createNamespace, type Namespace } from '../../../support/network/namespace.ts';
import { startSite } from '../../../support/network/site.ts';

const routes = suite('routes between namespaces');
const withNamespaces = needsThat(
  canUseNamespaces,
  'root, network namespaces and /dev/net/tun (apt-get install iproute2)',
);
/** Twice as long as the agent's own poll, so that a busy host only makes the test slow. */
const WAIT_MS = 20_000;

/** A namespace with an address on a device of its own: routes need no link to be looked at. */
async function host(label: string, address: string): Promise<Namespace> {
  const namespace = createNamespace(label);
  await device(namespace, 'eth0');
  await namespace.run('ip', 'addr', 'add', `${address}/16`, 'dev', 'eth0');
  return namespace;
}

/** One end of a pair whose other end is in the same namespace: kernels without modules have it when they lack `dummy`. */
async function device(namespace: Namespace, name: string): Promise<void> {
  await namespace.run('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}-end`);
  for (const end of [name, `${name}-end`]) await namespace.run('ip', 'link', 'set', end, 'up');
}

async function until(namespace: Namespace, isRight: (table: string) => boolean): Promise<string> {
  const end = Date.now() + WAIT_MS;
  for (;;) {
    const table = await namespace.run('ip', 'route', 'show');
    if (isRight(table)) return table;
    if (Date.now() > end) throw new Error(`the table stays:\n${table}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

withNamespaces(routes, 'a route appears, changes and disappears with the router’s', async () => {
  const site = await startSite({
    'domains.yaml': (text) => text.replace('routes: ["0.0.0.0/0"]', 'routes: ["0.0.0.0/0", "172.20.0.0/16"]'),
    'policy.csv': (text) =>
      text.replace('# p, @net, @app, route, announce, allow', 'p, @net, @app, route, announce, allow'),
    'tests.csv': (text) => text.replace(/^net-vm, +chrome-vm, route, +announce, +deny$/m, '# changed'),
  });
  try {
    const [chrome, net] = await Promise.all([host('chrome', '10.137.1.1'), host('net', '10.137.0.2')]);
    await chrome.run('ip', 'route', 'add', 'default', 'via', '10.137.0.77', 'metric', '9000');
    await device(net, 'wan0');
    await net.run('ip', 'addr', 'add', '192.168.1.5/24', 'dev', 'wan0');
    const announce = () =>
      site.agent(
        'net-vm',
        [
          'routes',
          '--announce-to',
          'chrome-vm',
          '--ipv4',
          '10.137.0.2',
          '--internet',
          '--prefix',
          '172.16.0.0/12',
          '--device',
          'eth0',
        ],
        { namespace: net.name, ready: /announcing routes/ },
      );
    const [router] = await Promise.all([
      announce(),
      site.agent('chrome-vm', ['routes', '--from', 'net-vm', '--device', 'eth0'], {
        namespace: chrome.name,
        ready: /taking routes/,
      }),
    ]);

    await net.run('ip', 'route', 'add', 'default', 'via', '192.168.1.1');
    await until(chrome, (table) => table.includes('default via 10.137.0.2 dev eth0 proto 177'));
    await net.run('ip', 'route', 'add', '172.20.5.0/24', 'via', '192.168.1.9', 'metric', '7');
    await until(chrome, (table) => /172\.20\.5\.0\/24 via 10\.137\.0\.2 dev eth0 proto 177 metric 2007/.test(table));
    await net.run('ip', 'route', 'del', '172.20.5.0/24', 'metric', '7');
    await net.run('ip', 'route', 'add', '172.20.6.0/24', 'via', '192.168.1.9');
    await until(chrome, (table) => table.includes('172.20.6.0/24') && !table.includes('172.20.5.0/24'));

    // A prefix that the inventory does not give to net-vm: the whole set is refused, and the log has it.
    await net.run('ip', 'route', 'add', '172.30.0.0/24', 'via', '192.168.1.9');
    await net.run('ip', 'route', 'del', 'default');
    const without = await until(chrome, (table) => !table.includes('default via 10.137.0.2'));
    assert.match(without, /default via 10\.137\.0\.77/);
    await net.run('ip', 'route', 'add', 'default', 'via', '192.168.1.1');
    await until(chrome, (table) => table.includes('default via 10.137.0.2'));

    // The router is killed: what it announced goes. It comes back, and so do its routes.
    await router.kill();
    await until(chrome, (table) => !table.includes('177'));
    const successor = await announce();
    // A change, also so that the killed agent's `ip monitor` finds nobody listening and ends.
    await net.run('ip', 'route', 'add', '172.20.7.0/24', 'via', '192.168.1.9');
    await until(chrome, (table) => table.includes('default via 10.137.0.2'));

    // It ends in order: what it announced goes, what was there stays.
    await successor.stop();
    const after = await until(chrome, (table) => !table.includes('177'));
    assert.match(after, /default via 10\.137\.0\.77 dev eth0 metric 9000/);
    assert.match(after, /10\.137\.0\.0\/16 dev eth0/);
  } finally {
    await site.close();
  }
});

withNamespaces(routes, 'a route from who may not announce never arrives', async () => {
  const site = await startSite();
  try {
    const mail = await host('mail', '10.137.1.2');
    await mail.run('ip', 'route', 'add', 'default', 'via', '10.137.0.77');
    const rogue = await site.agent(
      'mail-vm',
      ['routes', '--announce-to', 'net-vm', '--ipv4', '10.137.1.2', '--internet'],
      { namespace: mail.name },
    );
    await rogue.until(/argus:|EACCES|EINVAL|denied/);
    assert.not.match(rogue.output(), /unexpected/);
  } finally {
    await site.close();
  }
});

routes.run();
