/** Guests without any software of Argus, and the device processes next to their VMMs. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DemoHost, GUEST_PROGRAM } from '../../clients/demo/vms/index.ts';
import { type Entry, endWithUs, hostProgram, Machine, nodeArguments } from '../../clients/machines/index.ts';
import { temporaryDirectory } from '../support/temp.ts';

const MEMORY_MIB = 768;

/** Shared with the device process of this guest alone; its size is sealed by QEMU. */
const SHARED_MEMORY: readonly string[] = [
  ...['-object', `memory-backend-memfd,id=mem,size=${MEMORY_MIB}M,share=on`],
  ...['-machine', 'memory-backend=mem'],
];

/** A broker under the shipped policy and more rows, with identities of chrome-vm (CID 101) and gui-vm (CID 3). */
export async function openStockHost(rows: string): Promise<DemoHost> {
  const host = await DemoHost.build({
    directory: temporaryDirectory(),
    accelerator: 'tcg',
    domains: ['gui-vm', 'chrome-vm'],
    program: GUEST_PROGRAM,
    morePolicy: { 'policy.csv': rows },
  });
  await host.startBroker();
  return host;
}

/** `argus device` as a process. */
export class DeviceProcess {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #waiters = new Set<() => void>();

  constructor(host: DemoHost, domain: string, flags: readonly string[]) {
    const carrier = `unix:${host.socketOf(domain)}`;
    this.#child = spawn(
      process.execPath,
      [
        ...nodeArguments('clients/cli/main'),
        'device',
        ...['--domain', domain, '--carrier', carrier, '--identity', host.path(domain)],
        ...flags,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    endWithUs(this.#child);
    if (this.#child.stderr === null) throw new Error('no stderr');
    createInterface({ input: this.#child.stderr }).on('line', (line) => {
      this.#lines.push(line);
      for (const wake of this.#waiters) wake();
    });
  }

  get said(): string {
    return this.#lines.join('\n');
  }

  /** Waits for a line of its standard error. */
  async line(pattern: RegExp): Promise<void> {
    while (!this.#lines.some((line) => pattern.test(line))) {
      if (this.#child.exitCode !== null) throw new Error(`argus device ended:\n${this.said}`);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiters.delete(wake);
          resolve();
        };
        this.#waiters.add(wake);
        this.#child.once('exit', wake);
      });
    }
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await exited;
  }
}

const NET_MODULES = ['failover', 'net_failover', 'virtio_net'];
const RANDOM_MODULES = ['virtio-rng'];
const VFIO_MODULES = ['irqbypass', 'vfio', 'vfio_virqfd', 'vfio_iommu_type1', 'vfio-pci-core', 'vfio-pci'];
const VSOCK_MODULES = ['vsock', 'vmw_vsock_virtio_transport_common', 'vmw_vsock_virtio_transport'];

export interface StockGuest {
  readonly name: string;
  readonly main: string;
  /** Sockets of the devices. */
  readonly vsock: string;
  readonly net: string;
  readonly ivshmem: string;
  /** Null: no source of random numbers. */
  readonly entropy: string | null;
  /** A virtual IOMMU, so that programs get the interrupts of a PCI device. */
  readonly hasIommu: boolean;
  /** As in the shipped inventory. */
  readonly mac: string;
  /** The network card has packed virtqueues. The others cannot: QEMU 7.2 passes the feature on for this card only. */
  readonly isPacked: boolean;
  /** Pairs of queues of the network card, and processors. */
  readonly queuePairs: number;
}

/** Programs that the guests run besides busybox, with the Debian package of each. */
export const GUEST_PROGRAMS: ReadonlyMap<string, string> = new Map([
  ['socat', 'socat'],
  ['dropbear', 'dropbear-bin'],
  ['dbclient', 'dropbear-bin'],
  ['iperf3', 'iperf3'],
]);

/** A board with PCI Express, which an IOMMU needs. */
const IOMMU: readonly string[] = ['-machine', 'q35', '-device', 'intel-iommu,intremap=on'];

function egdArguments(socket: string): readonly string[] {
  return [
    ...['-chardev', `socket,id=egd,path=${socket}`, '-object', 'rng-egd,id=rng,chardev=egd'],
    ...['-device', 'virtio-rng-pci,rng=rng'],
  ];
}

/** A test program of the guests, built from `guest/NAME.c`. */
function builtProgram(directory: string, name: string): Entry {
  const source = fileURLToPath(new URL(`./guest/${name}.c`, import.meta.url));
  const program = join(directory, name);
  execFileSync('gcc', ['-Wall', '-Wextra', '-Werror', '-O2', '-static', '-o', program, source]);
  return { kind: 'file', bytes: readFileSync(program), mode: 0o755 };
}

/** A stock guest with a network card, a vsock and an ivshmem device; its programs are those of Debian, and three in C. */
export async function bootStockGuest(
  host: DemoHost,
  { name, main, vsock, net, ivshmem, entropy, hasIommu, mac, isPacked, queuePairs }: StockGuest,
): Promise<Machine> {
  const files = new Map<string, Entry>();
  for (const program of GUEST_PROGRAMS.keys())
    for (const [path, entry] of await hostProgram(program)) files.set(path, entry);
  for (const program of ['ivshmem', 'seqpacket', 'queues'])
    files.set(`bin/${program}`, builtProgram(host.directory, program));
  files.set('etc/passwd', { kind: 'file', bytes: Buffer.from('root::0:0:root:/root:/bin/sh\n'), mode: 0o644 });
  const several = `mq=${queuePairs > 1 ? 'on' : 'off'}`;
  const packed = `packed=${isPacked ? 'on' : 'off'}`;
  const modules = [...VSOCK_MODULES, ...NET_MODULES, ...RANDOM_MODULES, ...(hasIommu ? VFIO_MODULES : [])];
  return Machine.start({
    name,
    directory: host.path(`stock-${name}`),
    accelerator: 'tcg',
    socket: null,
    main: `for module in ${modules.join(' ')}; do insmod /lib/modules/$module.ko*; done\n${main}`,
    files,
    more: [
      ...SHARED_MEMORY,
      ...(hasIommu ? IOMMU : []),
      ...(entropy === null ? [] : egdArguments(entropy)),
      ...['-smp', `${queuePairs}`],
      ...['-chardev', `socket,id=vsock,path=${vsock}`, '-device', 'vhost-user-vsock-pci,chardev=vsock'],
      ...[
        '-chardev',
        `socket,id=net,path=${net},reconnect=1`,
        '-netdev',
        `vhost-user,id=net,chardev=net,queues=${queuePairs}`,
      ],
      // QEMU 7.2 in software emulation crashes with MSI-X here; without emulation it needs no `vectors`.
      ...['-device', `virtio-net-pci,netdev=net,mac=${mac},romfile=,vectors=0,${several},${packed}`],
      ...['-chardev', `socket,id=ivshmem,path=${ivshmem}`, '-device', 'ivshmem-doorbell,chardev=ivshmem,vectors=2'],
    ],
  });
}
