/**
 * Stock guests that talk by AF_VSOCK, Ethernet and ivshmem, with no software of Argus inside: allowed, refused,
 * revoked.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Machine } from '../../clients/machines/index.ts';
import { findBinary, needsThat } from '../support/needs.ts';
import { bootStockGuest, DeviceProcess, GUEST_PROGRAMS, openStockHost } from './devices.ts';
import { audited, closeVms, withMachines } from './vm-fixture.ts';

const devices = suite('devices for stock guests');

const ROWS = `
p, gui-vm, broker, argo, register_any_source, allow
p, chrome-vm, gui-vm, argo, register_single_source, allow
p, chrome-vm, gui-vm, argo, send, allow
p, gui-vm, chrome-vm, argo, send, allow
p, chrome-vm, gui-vm, vsock, connect, allow
p, chrome-vm, gui-vm, vsock, send, allow
p, gui-vm, chrome-vm, vsock, listen, allow
p, gui-vm, chrome-vm, vsock, send, allow
p, gui-vm, chrome-vm, argo, register_single_source, allow
p, chrome-vm, gui-vm, ethernet, arp, allow
p, chrome-vm, gui-vm, ethernet, ipv4, allow
p, gui-vm, chrome-vm, ethernet, arp, allow
p, gui-vm, chrome-vm, ethernet, ipv4, allow
p, chrome-vm, gui-vm, ivshmem, vector-0, allow
p, gui-vm, chrome-vm, ivshmem, vector-0, allow
`;

const MIB = 4;
/** chrome-vm asks at place 0, gui-vm answers at place 1. */
const REGION = ['--peers', 'chrome-vm', 'gui-vm', '--section', '4096', '--ivshmem'];

const SERVER = `
socat VSOCK-LISTEN:5000,fork,reuseaddr EXEC:cat &
socat -u VSOCK-LISTEN:5001,reuseaddr - | sha256sum | sed 's/^/received /' &
ip link set eth0 up
ip addr add 10.137.0.3/16 dev eth0
socat -u TCP-LISTEN:5002,reuseaddr - | sha256sum | sed 's/^/downloaded /' &
seqpacket listen 5003 &
(socat -u VSOCK-LISTEN:5004,reuseaddr - 2>&1 | sed 's/^/killed: /'; echo "the stream of a killed machine ended") &
mkdir -p /etc/dropbear
socat VSOCK-LISTEN:22,fork,reuseaddr EXEC:'dropbear -i -R -B' &
ip link set lo up
iperf3 -s -1 >/dev/null &
socat VSOCK-LISTEN:5201,fork,reuseaddr TCP:127.0.0.1:5201 &
# The interrupts of the region go to a program: vfio-pci takes the device over (docs/ivshmem.md).
for device in /sys/bus/pci/devices/*; do
  [ "$(cat $device/vendor) $(cat $device/device)" = "0x1af4 0x1110" ] || continue
  echo vfio-pci > $device/driver_override
  echo "\${device##*/}" > /sys/bus/pci/drivers_probe
done
ivshmem interrupts &
echo "listening"
`;

const CLIENT = `
until echo up | socat -t 5 - VSOCK-CONNECT:3:5000 2>/dev/null | grep -q up; do sleep 0.5; done
ivshmem
echo "random numbers of $(cat /sys/class/misc/hw_random/rng_current)"
for round in 1 2; do echo "random: $(head -c 512 /dev/hwrng | od -A n -v -t x1 | tr -d ' \\n')"; done
yes argus | head -c ${MIB * 1024 * 1024} > /tmp/file
echo "hash $(sha256sum < /tmp/file)"
# VIRTIO_F_RING_PACKED is bit 34, as the driver and the card have agreed.
echo "packed: $(cut -c 35 /sys/class/net/eth0/device/features)"
ip link set eth0 up
ip addr add 10.137.1.1/16 dev eth0
until ping -c 1 -W 5 10.137.0.3; do echo "no answer yet"; done
echo "ping answered"
time socat -u /tmp/file TCP:10.137.0.3:5002,connect-timeout=20
ip addr add 10.137.1.2/16 dev eth0
# A processor sends at its own pair of queues, and the answers come back there.
for cpu in 0 1; do
  taskset -c $cpu ping -c 3 -W 5 -I 10.137.1.1 10.137.0.3 >/dev/null && echo "processor $cpu: ping answered"
  taskset -c $cpu ping -c 1 -W 1 -I 10.137.1.2 10.137.0.3 || echo "processor $cpu, spoofed: no answer"
done
queues eth0 | sed 's/^/eth0 /'
ip addr del 10.137.1.2/16 dev eth0
echo "echoed: $(echo hello | socat -t 5 - VSOCK-CONNECT:3:5000)"
time socat -u /tmp/file VSOCK-CONNECT:3:5001
ip link set lo up
socat TCP-LISTEN:5201,fork,reuseaddr VSOCK-CONNECT:3:5201 &
seqpacket 3 5003
dbclient -y -J 'socat - VSOCK-CONNECT:3:22' root@gui-vm 'echo "ssh: $(cat /etc/hostname)"' </dev/null 2>&1
iperf3 -c 127.0.0.1 -t 2 2>&1 | sed 's/^/iperf3: /'
for to in 3:5999 999:5000 1234567:5000; do
  echo hello | socat - VSOCK-CONNECT:$to 2>&1 | sed "s/^/refused $to: /"
done
stream() {
  (while :; do echo tick; sleep 0.2; done) | socat - VSOCK-CONNECT:3:5000 2>&1 | sed "s/^/$1: /"
}
stream revoked
echo "the revoked stream ended"
until echo up | socat -t 5 - VSOCK-CONNECT:3:5000 2>/dev/null | grep -q up; do sleep 0.5; done
stream broken
echo "the broken stream ended"
until echo up | socat -t 5 - VSOCK-CONNECT:3:5000 2>/dev/null | grep -q up; do sleep 0.5; done
echo "connected again"
while :; do echo tick; sleep 0.2; done | socat -u - VSOCK-CONNECT:3:5004
`;

/** The next machine with the same devices, after the first was killed. */
const NEXT_CLIENT = `
until echo up | socat -t 5 - VSOCK-CONNECT:3:5000 2>/dev/null | grep -q up; do sleep 0.5; done
echo "echoed by the old peer"
ip link set eth0 up
ip addr add 10.137.1.1/16 dev eth0
until ping -c 1 -W 5 10.137.0.3 >/dev/null; do echo "no answer yet"; done
echo "ping answered"
while ping -c 1 -W 2 10.137.0.3 >/dev/null; do sleep 0.2; done
echo "the other card is away"
until ping -c 1 -W 2 10.137.0.3 >/dev/null; do sleep 0.2; done
echo "the other card is back"
`;

const missing = [...GUEST_PROGRAMS].filter(([program]) => findBinary(program) === null).map(([, name]) => name);
const withPrograms =
  missing.length === 0 ? withMachines : needsThat(() => false, `apt-get install ${[...new Set(missing)].join(' ')}`);

withPrograms(
  devices,
  'two stock guests talk by vsock as policy lets them, through a revocation, killed processes and a killed machine',
  async () => {
    const host = await openStockHost(ROWS);
    const processes: DeviceProcess[] = [];
    const machines: Machine[] = [];
    try {
      const guiSocket = host.path('gui.vsock');
      const chromeSocket = host.path('chrome.vsock');
      const [guiNet, chromeNet] = [host.path('gui.net'), host.path('chrome.net')];
      const entropy = host.path('chrome.entropy');
      const [guiRegion, chromeRegion] = [host.path('gui.ivshmem'), host.path('chrome.ivshmem')];
      const guiDevices = [
        ...['--vsock', guiSocket, '--listen', '5000', '5001', '5003', '5004', '22', '5201'],
        ...['--net', guiNet, '--link', 'chrome-vm', ...REGION, guiRegion],
      ];
      processes.push(
        new DeviceProcess(host, 'gui-vm', guiDevices),
        new DeviceProcess(host, 'chrome-vm', [
          ...['--vsock', chromeSocket, '--net', chromeNet, '--link', 'gui-vm', '--queues', '2'],
          ...[...REGION, chromeRegion, '--entropy', entropy],
        ]),
      );
      for (const each of processes) {
        await each.line(/vsock: .*waiting for a VMM/);
        await each.line(/net: .*waiting for a VMM/);
        await each.line(/ivshmem: .*waiting for a VMM/);
      }
      await processes[1]?.line(/entropy: .*waiting for a VMM/);
      const gui = await bootStockGuest(host, {
        name: 'gui-vm',
        main: SERVER,
        vsock: guiSocket,
        net: guiNet,
        ivshmem: guiRegion,
        entropy: null,
        hasIommu: true,
        mac: '02:00:00:00:00:03',
        isPacked: false,
        queuePairs: 1,
      });
      machines.push(gui);
      const bootChrome = async (main: string): Promise<Machine> => {
        const machine = await bootStockGuest(host, {
          name: 'chrome-vm',
          main,
          vsock: chromeSocket,
          net: chromeNet,
          mac: '02:00:00:00:01:01',
          ivshmem: chromeRegion,
          entropy,
          hasIommu: false,
          isPacked: true,
          queuePairs: 2,
        });
        machines.push(machine);
        return machine;
      };
      const chrome = await bootChrome(CLIENT);
      await gui.line(/^listening$/);
      await chrome.line(/^ivshmem: place 0 of a region of 16384 bytes$/);
      await chrome.line(/^ivshmem: 50 rounds$/);
      await gui.line(/^ivshmem: 50 rounds$/);
      const [, interrupts] = await gui.line(/^ivshmem: ([0-9]+) interrupts$/);
      // A section may be seen a moment before its interrupt; without interrupts not even the second round would come.
      assert.ok(Number(interrupts) >= 25, `${interrupts} interrupts for 50 rounds`);
      await chrome.line(/^random numbers of virtio_rng/);
      const numbers = await Promise.all([1, 2].map((count) => chrome.line(/^random: ([0-9a-f]{1024})$/, count)));
      const [first = '', second = ''] = numbers.map(([, hex]) => hex);
      assert.is.not(first, second);
      for (const each of [first, second])
        assert.ok(new Set(Buffer.from(each, 'hex')).size > 150, 'bytes of a random source, not of a pattern');
      await chrome.line(/^seqpacket: each message came whole$/);
      await chrome.line(/^ssh: gui-vm$/);
      await chrome.line(/^iperf3: .* receiver$/);
      await chrome.line(/^packed: 1$/);
      await chrome.line(/^ping answered$/);
      for (const processor of [0, 1]) {
        await chrome.line(new RegExp(`^processor ${processor}: ping answered$`));
        await chrome.line(new RegExp(`^processor ${processor}, spoofed: no answer$`));
        await chrome.line(new RegExp(`^eth0 rx_queue_${processor}_packets: [1-9]`));
        await chrome.line(new RegExp(`^eth0 tx_queue_${processor}_packets: [1-9]`));
      }
      await chrome.line(/^echoed: hello$/);
      const [, sent] = await chrome.line(/^hash ([0-9a-f]{64})/);
      const [, received] = await gui.line(/^received ([0-9a-f]{64})/);
      assert.is(received, sent);
      const [, downloaded] = await gui.line(/^downloaded ([0-9a-f]{64})/);
      assert.is(downloaded, sent);
      for (const each of processes) await each.line(/net: .*segments of up to 64 KiB with /);
      for (const refused of ['3:5999', '999:5000', '1234567:5000'])
        await chrome.line(new RegExp(`^refused ${refused}: .*Connection reset by peer`));

      await chrome.line(/^revoked: tick$/);
      const policy = host.path('policy/policy.csv');
      const allowed = readFileSync(policy, 'utf8');
      writeFileSync(policy, `${allowed}p, chrome-vm, gui-vm, vsock, send, deny\n`);
      await chrome.line(/^revoked: .*(?:Connection reset by peer|Broken pipe)/);
      await chrome.line(/^the revoked stream ended$/);
      writeFileSync(policy, allowed);

      await chrome.line(/^broken: tick$/);
      await host.killBroker();
      await chrome.line(/^the broken stream ended$/);
      await host.startBroker();
      await chrome.line(/^connected again$/);

      await gui.line(/^killed: tick$/);
      await chrome.kill();
      await gui.line(/^the stream of a killed machine ended$/);
      const next = await bootChrome(NEXT_CLIENT);
      await next.line(/^echoed by the old peer$/);
      await next.line(/^ping answered$/);

      await processes[0]?.kill();
      await next.line(/^the other card is away$/);
      processes.push(new DeviceProcess(host, 'gui-vm', guiDevices));
      await next.line(/^the other card is back$/);

      await host.stopBroker();
      const log = host.path('audit');
      assert.ok(audited(log, 'send.allowed').some((each) => JSON.stringify(each).includes('vsock')));
      assert.ok(audited(log, 'send.denied').some(({ reason }) => reason === 'FOREIGN_ADDRESS'));
      assert.ok(audited(log, 'send.denied').some((each) => JSON.stringify(each).includes('vsock')));
    } finally {
      for (const each of processes) process.stdout.write(`${each.said}\n`);
      for (const each of machines) process.stdout.write(`-- ${each.name}\n${each.console}\n`);
      await Promise.all(machines.map((machine) => machine.kill()));
      await Promise.all(processes.map((each) => each.kill()));
      await closeVms(host);
    }
  },
);

devices.run();
