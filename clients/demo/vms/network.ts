/**
 * A network that is nothing but messages: net-vm gives chrome-vm its address and the way to a host "outside", which is a
 * network namespace in net-vm. Neither guest has a network card; each has a TAP device of its agent's.
 */
import type { Entry } from '../../machines/index.ts';

/** As the shipped inventory has them. */
const NET_VM = { mac: '02:00:00:00:00:02', ipv4: '10.137.0.2' } as const;
export const CHROME_VM = { mac: '02:00:00:00:01:01', ipv4: '10.137.1.1' } as const;
const NETWORK = '10.137.0.0/16';
/** Documentation addresses (RFC 5737). */
const UPLINK = '192.0.2.2/24';
export const OUTSIDE = '192.0.2.1';

/** Frames of other kinds than the policy allows would only fill the log. */
const NO_IPV6 =
  'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6';

/** net-vm's life: an uplink with a host behind it, then the agent with three parts on its one session. */
export const NET_VM_MAIN = `
${NO_IPV6}
/bin/ip link set lo up
/bin/ip netns add outside
/bin/ip link add uplink type veth peer name eth0 netns outside
/bin/ip addr add ${UPLINK} dev uplink
/bin/ip link set uplink up
/bin/ip netns exec outside ip addr add ${OUTSIDE}/24 dev eth0
/bin/ip netns exec outside ip link set eth0 up
/bin/ip netns exec outside ip route add ${NETWORK} via ${UPLINK.replace(/\/.*/, '')}
/bin/ip route add default via ${OUTSIDE}
echo 1 > /proc/sys/net/ipv4/ip_forward
node --max-semi-space-size=1 /argus.mjs agent --config /etc/argus/agent.yaml &
agent=$!
until /bin/ip link show argus0 2>/dev/null | grep -q LOWER_UP; do sleep 0.2; done
/bin/ip addr add ${NET_VM.ipv4}/16 dev argus0
echo "network ready"
`;

export const NET_VM_FILES: ReadonlyMap<string, Entry> = new Map([
  yaml('etc/argus/agent.yaml', {
    identity: '/etc/argus/identity',
    network: {
      link: { peers: ['chrome-vm'], tap: 'argus0', mac: NET_VM.mac },
      dhcp: { config: '/etc/argus/dhcp.yaml', leases: '/var/leases.json' },
      announce: { to: ['chrome-vm'], ipv4: NET_VM.ipv4, internet: true, internal: [NETWORK], device: 'argus0' },
    },
  }),
  yaml('etc/argus/dhcp.yaml', {
    server: NET_VM.ipv4,
    network: NETWORK,
    leaseSeconds: 3600,
    hosts: [{ name: 'chrome-vm', ...CHROME_VM }],
  }),
]);

/** The parts of chrome-vm's agent. */
export const CHROME_VM_NETWORK = {
  link: { peers: ['net-vm'], tap: 'eth0', mac: CHROME_VM.mac, dhcpFrom: 'net-vm' },
  routes: { from: 'net-vm', device: 'eth0' },
} as const;

/** In chrome-vm, next to the program that links it: asks for an address until it has one, waits for the route, uses both. */
export const CHROME_VM_USE = `
${NO_IPV6}
until /bin/ip link show eth0 2>/dev/null | grep -q LOWER_UP; do sleep 0.2; done
udhcpc -i eth0 -f -q -t 5 -T 3 -A 1 -s /etc/guest/udhcpc.sh
until /bin/ip route show | grep -q '^default via ${NET_VM.ipv4} .*proto 177'; do sleep 0.2; done
echo "route $(/bin/ip route show | grep ^default)"
until ping -c 1 -W 10 ${OUTSIDE} > /tmp/first; do sleep 0.2; done
ping -c 2 -W 10 ${NET_VM.ipv4} > /tmp/near; grep transmitted /tmp/near | sed 's/^/near: /'
ping -c 2 -W 10 ${OUTSIDE} > /tmp/far; grep transmitted /tmp/far | sed 's/^/outside: /'
`;

export const CHROME_VM_FILES: ReadonlyMap<string, Entry> = new Map([
  [
    'etc/guest/udhcpc.sh',
    {
      kind: 'file',
      mode: 0o755,
      // The server's own routes are left alone: routes come over their own class.
      bytes: Buffer.from(
        '#!/bin/sh\n[ "$1" = bound ] || exit 0\n/bin/ip addr add "$ip/$mask" dev "$interface"\necho "lease $ip from $serverid"\n',
      ),
    },
  ],
]);

/** JSON is YAML. */
export function yaml(path: string, content: unknown): [string, Entry] {
  return [path, { kind: 'file', bytes: Buffer.from(JSON.stringify(content)), mode: 0o644 }];
}
