/**
 * Two guests without a network card: `argus agent` in net-vm gives out an address and announces the way outside, `argus agent`
 * in chrome-vm links a TAP device to it; every frame, DHCP message and route is a message that policy decides.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  CHROME_VM_FILES,
  CHROME_VM_NETWORK,
  CHROME_VM_USE,
  NET_VM_FILES,
  NET_VM_MAIN,
  yaml,
} from '../../clients/demo/vms/index.ts';
import { MAX_AGENT_MIB, residentMib } from './agent-memory.ts';
import { type AuditRecord, audited, closeVms, openVms, withMachines } from './vm-fixture.ts';

const network = suite('network between machines');

/** The agent with a link and routes, an address and pings; then a packet with the address of mail-vm as its source. */
const CHROME_VM_MAIN = `
node --max-semi-space-size=1 /argus.mjs agent --config /etc/argus/agent.yaml &
agent=$!
${CHROME_VM_USE}
/bin/ip addr add 10.137.1.2/16 dev eth0
ping -c 1 -W 2 -I 10.137.1.2 10.137.0.2 > /tmp/spoofed; grep transmitted /tmp/spoofed | sed 's/^/spoofed: /'
grep VmRSS /proc/$agent/status
`;

/** Measured once the agent has worked with all its parts. */
const NET_VM_AND_MEMORY = `
${NET_VM_MAIN}
until [ -s /var/leases.json ]; do sleep 0.5; done
grep VmRSS /proc/$agent/status
`;

withMachines(network, 'address, route and packets pass over the agents’ link, a spoofed packet does not', async () => {
  const vms = await openVms();
  try {
    // With sound, too: what all parts together take of the guest's memory is measured below.
    const audio = { vchan: '/run/argus/vchan' };
    const config = { identity: '/etc/argus/identity', audio, network: CHROME_VM_NETWORK };
    const net = await vms.boot('net-vm', NET_VM_AND_MEMORY, { files: NET_VM_FILES });
    const files = new Map([...CHROME_VM_FILES, yaml('etc/argus/agent.yaml', config)]);
    const chrome = await vms.boot('chrome-vm', CHROME_VM_MAIN, { files });
    await net.line(/^network ready$/);
    const [, lease = '', server = ''] = await chrome.line(/^lease (\S+) from (\S+)$/);
    assert.equal([lease, server], ['10.137.1.1', '10.137.0.2']);
    await chrome.line(/^route default via 10\.137\.0\.2 dev eth0 proto 177/);
    for (const where of ['near', 'outside'])
      assert.match((await chrome.line(new RegExp(`^${where}: .*`)))[0], '2 packets received, 0% packet loss');
    assert.match((await chrome.line(/^spoofed: .*/))[0], '0 packets received');
    for (const machine of [net, chrome]) {
      const mib = await residentMib(machine);
      assert.ok(mib < MAX_AGENT_MIB, `${mib} MiB`);
    }

    await vms.stopBroker();
    const log = vms.path('audit');
    assert.ok(said(audited(log, 'send.allowed'), 'net-vm', 'dhcp.ack'), 'giving an address is recorded');
    assert.ok(said(audited(log, 'send.allowed'), 'net-vm', 'route.announce-default'), 'announcing a route is recorded');
    assert.ok(said(audited(log, 'send.denied'), 'chrome-vm', 'ethernet.'), 'a spoofed packet is recorded');
  } finally {
    await closeVms(vms);
  }
});

network.run();

function said(records: readonly AuditRecord[], source: string, permission: string): boolean {
  return records.some(
    (record) =>
      JSON.stringify(record).includes(source) && `${record.class}.${record.permission}`.startsWith(permission),
  );
}
