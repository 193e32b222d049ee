/**
 * First process of a guest: the least that makes virtio-serial ports, TAP devices and Node usable, then the guest's own
 * script. A shell script in a string, so that it is there in dist/ as well.
 */

/** Loaded by every guest, in this order. */
export const MODULES: readonly string[] = [
  'virtio_ring',
  'virtio',
  'virtio_pci_modern_dev',
  'virtio_pci_legacy_dev',
  'virtio_pci',
  'virtio_console',
  'tun',
  'veth',
];

/**
 * In the image, and loaded only by a guest that wants them: sockets between guests, within a guest, a network card, random
 * numbers, and PCI devices for programs.
 */
export const SPARE_MODULES: readonly string[] = [
  'vsock',
  'vmw_vsock_virtio_transport_common',
  'vmw_vsock_virtio_transport',
  'vsock_loopback',
  'failover',
  'net_failover',
  'virtio_net',
  'virtio-rng',
  'irqbypass',
  'vfio',
  'vfio_virqfd',
  'vfio_iommu_type1',
  'vfio-pci-core',
  'vfio-pci',
];

export const INIT_SCRIPT = `#!/bin/sh
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /tmp /run/argus /root /var /dev/virtio-ports
for module in ${MODULES.join(' ')}; do
  insmod "/lib/modules/$module.ko"*
done
# Ports appear a moment after the module, when the host has announced them; on a fast machine that is after this line.
waited=0
until cat /sys/class/virtio-ports/*/name >/dev/null 2>&1 || [ "$waited" -ge 100 ]; do
  waited=$((waited + 1))
  sleep 0.1
done
# What udev does elsewhere: ports by their name.
for port in /sys/class/virtio-ports/*; do
  [ -e "$port/name" ] && ln -s "/dev/\${port##*/}" "/dev/virtio-ports/$(cat "$port/name")"
done
echo "guest: up after $(cut -d' ' -f1 /proc/uptime) s"
. /etc/guest/main.sh
echo "guest: main ended"
# The last process must not end; the host ends the machine.
while :; do sleep 1000; done
`;
