import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseHostPort } from '../../../broker/base/index.ts';
import { NetError } from '../../../clients/agents/network/errors.ts';
import { parseNetworkConfig, readNetworkConfig } from '../../../clients/agents/network/index.ts';
import { temporaryDirectory } from '../../support/temp.ts';

const agent = suite('the agent’s configuration');
const base = { carrier: 'unix:/run/argus/a.sock', identity: 'identity' };
const link = { peers: ['net-vm'], tap: 'eth0' };

function refusalOf(parts: object): string {
  try {
    parseNetworkConfig({ ...base, ...parts }, 'net.yaml');
    return 'accepted';
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    assert.is(error.code, 'ERR_NET_OPTION');
    return error.message;
  }
}

const ACCEPTED: readonly (readonly [label: string, parts: object])[] = [
  ['a link', { link }],
  ['a link to QEMU', { link: { peers: ['net-vm'], qemu: 'a.sock', dhcpFrom: 'net-vm' } }],
  ['a link to a QEMU that listens', { link: { peers: ['net-vm'], qemuConnect: 'a.sock' } }],
  ['a kept TAP device', { link: { ...link, persist: true } }],
  ['routes', { routes: { from: 'net-vm', device: 'eth0' } }],
  [
    'several streams',
    {
      listen: [
        { port: 20_080, to: '127.0.0.1:80' },
        { port: 20_081, to: '[::1]:80' },
      ],
    },
  ],
];
for (const [label, parts] of ACCEPTED) agent(`${label} is accepted`, () => assert.is(refusalOf(parts), 'accepted'));

const REFUSED: readonly (readonly [label: string, parts: object, named: RegExp])[] = [
  ['no part at all', {}, /no part/],
  ['an unknown key', { link, lnik: 1 }, /lnik/],
  ['a link without a peer', { link: { peers: [], tap: 'eth0' } }, /link\.peers/],
  ['a link without an attachment', { link: { peers: ['net-vm'] } }, /"qemu", "qemuConnect" and "tap"/],
  ['a link with two', { link: { ...link, qemu: 'a.sock' } }, /"qemu", "qemuConnect" and "tap"/],
  ['a link with both ways to QEMU', { link: { peers: ['net-vm'], qemu: 'a', qemuConnect: 'b' } }, /"qemuConnect"/],
  ['a kept device that is none', { link: { peers: ['net-vm'], qemu: 'a', persist: true } }, /"persist"/],
  ['asking and serving DHCP', { link: { ...link, dhcpFrom: 'net-vm', dhcpServe: true } }, /exclude/],
  ['two DHCP servers', { link: { ...link, dhcpServe: true }, dhcp: { config: 'a', leases: 'b' } }, /not both/],
  ['announcing and taking routes', { announce: { to: ['a'] }, routes: { from: 'b', device: 'eth0' } }, /not both/],
  ['a prefix with host bits', { announce: { to: ['a'], prefixes: ['10.0.0.1/8'] } }, /announce\.prefixes\.0/],
  ['a device that could be an option', { routes: { from: 'b', device: 'eth0 proto 2' } }, /routes\.device/],
  ['an endpoint without a port', { listen: [{ port: 1, to: '127.0.0.1' }] }, /listen\.0\.to/],
  ['port 0', { listen: [{ port: 0, to: '127.0.0.1:1' }] }, /listen\.0\.port/],
  ['a timeout of no time', { listen: [{ port: 1, to: '127.0.0.1:1', timeoutMs: 0 }] }, /listen\.0\.timeoutMs/],
];
for (const [label, parts, named] of REFUSED)
  agent(`${label} is refused by name`, () => assert.match(refusalOf(parts), named));

agent('paths in a file are relative to it', () => {
  const folder = temporaryDirectory();
  const file = join(folder, 'net.yaml');
  const parts = { link: { peers: ['net-vm'], qemu: 'vm.sock' }, dhcp: { config: 'dhcp.yaml', leases: '/var/leases' } };
  writeFileSync(file, JSON.stringify({ ...base, ...parts }));
  const config = readNetworkConfig(file);
  assert.is(config.identity, join(folder, 'identity'));
  assert.is(config.link?.qemu, join(folder, 'vm.sock'));
  assert.equal(config.dhcp, { config: join(folder, 'dhcp.yaml'), leases: '/var/leases' });
});

agent('endpoints are host and port', () => {
  assert.equal(parseHostPort('127.0.0.1:80'), { host: '127.0.0.1', port: 80 });
  assert.equal(parseHostPort('[::1]:80'), { host: '::1', port: 80 });
  for (const text of ['', ':80', 'host', 'host:65536', '::1:80', 'a b:80']) assert.is(parseHostPort(text), null, text);
});

agent.run();
