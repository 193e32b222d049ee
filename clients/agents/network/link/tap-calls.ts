/**
 * The system calls of a TAP device that hands over segments of up to 64 KiB, and the only file of the network agents that
 * calls native code. Without koffi a link uses the helper of tap-helper.ts, and frames of one MTU.
 *
 * Memory: the kernel reads and writes only `Buffer`s of this process during a call, and each call checks its length against
 * the buffer. The numbers are those of linux/if_tun.h, the same on x86-64 and arm64.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { reasonOf } from '../../../../broker/base/index.ts';
import { type Native, requireKoffi } from '../../../../broker/native/index.ts';
import { NetError } from '../errors.ts';
import { NET_HEADER_BYTES } from './headers.ts';

const TUNSETIFF = 0x4004_54ca;
const TUNSETPERSIST = 0x4004_54cb;
const TUNSETOFFLOAD = 0x4004_54d0;
const TUNSETVNETHDRSZ = 0x4004_54d8;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const IFREQ_BYTES = 40;
const IFREQ_FLAGS = 16;
/** TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6: checksums are left out, and long TCP segments come in one packet. */
const OFFLOADS = 1 | 2 | 4;

/** An open TAP device: packets with a virtio_net_hdr in front of each frame. */
export interface TapDevice {
  /** Bytes of the next packet, in `into`; 0 when none waits, -1 when the device is gone. */
  read(into: Buffer): number;
  /** False: the kernel refused it, for example because the device is down. */
  write(packet: Buffer, length: number): boolean;
  /** Whether this end's kernel may leave work to the other ends. */
  setOffload(isOn: boolean): void;
  /** Calls `onReadable` from the event loop while packets wait. */
  watch(onReadable: () => void): void;
  unwatch(): void;
  close(): void;
}

export interface TapCalls {
  /** Makes the device if it is not there. @throws NetError ERR_NET_TAP */
  open(device: string, persist: boolean): TapDevice;
}

const ENOENT = 2;
const EINTR = 4;
const EAGAIN = 11;
const EPERM = 1;
const EBUSY = 16;
const WORDS: Readonly<Record<number, string>> = { [EPERM]: 'EPERM', [ENOENT]: 'ENOENT', [EBUSY]: 'EBUSY' };

/** The calls, or why this process cannot make them. `load` is another way to koffi. */
export function tapCalls(load: () => Native = requireKoffi): TapCalls | string {
  try {
    return bind(load());
  } catch (error) {
    return `the optional package "koffi" does not load (${reasonOf(error).split('\n')[0]})`;
  }
}

function bind(koffi: Native): TapCalls {
  const libc = koffi.load(null);
  const ioctl: (fd: number, request: number, argument: Buffer) => number = libc.func(
    'int ioctl(int, unsigned long, void *)',
  );
  const setNumber: (fd: number, request: number, value: number) => number = libc.func(
    'int ioctl(int, unsigned long, unsigned long)',
  );
  const readFrom: (fd: number, into: Buffer, bytes: number) => number = libc.func('long read(int, void *, size_t)');
  const writeTo: (fd: number, from: Buffer, bytes: number) => number = libc.func(
    'long write(int, const void *, size_t)',
  );

  return {
    open: (device, persist) => {
      const refuse = (what: string): NetError => {
        const errno = koffi.errno();
        return new NetError('ERR_NET_TAP', `TAP device "${device}": ${what}: ${WORDS[errno] ?? `errno ${errno}`}`);
      };
      const fd = openTun(device);
      try {
        const request = Buffer.alloc(IFREQ_BYTES);
        request.write(device, 0, IFREQ_FLAGS - 1, 'latin1');
        request.writeUInt16LE(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, IFREQ_FLAGS);
        if (ioctl(fd, TUNSETIFF, request) < 0) throw refuse('cannot attach to it');
        const size = Buffer.alloc(4);
        size.writeInt32LE(NET_HEADER_BYTES);
        if (ioctl(fd, TUNSETVNETHDRSZ, size) < 0) throw refuse('cannot set the size of its header');
        if (setNumber(fd, TUNSETOFFLOAD, 0) < 0) throw refuse('cannot set its offloads');
        if (persist && setNumber(fd, TUNSETPERSIST, 1) < 0) throw refuse('cannot keep it');
      } catch (error) {
        closeSync(fd);
        throw error;
      }
      let watch: ReturnType<Native['node']['poll']> | null = null;
      let isWatching = false;
      let isOpen = true;
      return {
        read: (into) => {
          const got = isOpen ? readFrom(fd, into, into.length) : -1;
          if (got >= 0) return got;
          const errno = koffi.errno();
          return isOpen && (errno === EAGAIN || errno === EINTR) ? 0 : -1;
        },
        write: (packet, length) => isOpen && length <= packet.length && writeTo(fd, packet, length) === length,
        setOffload: (isOn) => {
          if (isOpen) setNumber(fd, TUNSETOFFLOAD, isOn ? OFFLOADS : 0);
        },
        watch: (onReadable) => {
          if (isWatching || !isOpen) return;
          isWatching = true;
          const options = { readable: true, disconnect: false };
          if (watch === null) watch = koffi.node.poll(fd, options, onReadable);
          else watch.start(options, onReadable);
        },
        unwatch: () => {
          if (isWatching) watch?.stop();
          isWatching = false;
        },
        close: () => {
          if (!isOpen) return;
          // A device that stays may be opened next by a program that knows no header.
          setNumber(fd, TUNSETOFFLOAD, 0);
          isOpen = false;
          watch?.close();
          closeSync(fd);
        },
      };
    },
  };
}

function openTun(device: string): number {
  try {
    return openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK);
  } catch (error) {
    throw new NetError('ERR_NET_TAP', `TAP device "${device}": ${reasonOf(error)}`, error);
  }
}
