/**
 * All system calls of the device process, and the only file here that calls native code. Guest memory is never mapped:
 * it is read and written with pread and pwrite (memory/memory-file.ts), so this file only moves file descriptors and
 * rings eventfds.
 *
 * koffi is an optional dependency. It is loaded when the first device starts, so that everything else works without it.
 * The layouts of msghdr and cmsghdr are those of 64-bit Linux, the same on x86-64 and arm64.
 */
import { type Native, requireKoffi } from '../../../broker/native/index.ts';
import { DeviceError, MAX_MESSAGE_DESCRIPTORS } from '../base/index.ts';
import { Descriptor } from './descriptor.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x8_0000;
const SUN_PATH_BYTES = 108;
const BACKLOG = 8;

const MSG_NOSIGNAL = 0x4000;
const MSG_DONTWAIT = 0x40;
const MSG_CTRUNC = 8;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSGHDR_BYTES = 56;
const CMSGHDR_BYTES = 16;
const AT = { iov: 16, iovLength: 24, control: 32, controlLength: 40, flags: 48 } as const;

const EFD_FLAGS = SOCK_NONBLOCK | SOCK_CLOEXEC;
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const F_ADD_SEALS = 1_033;
const F_GET_SEALS = 1_034;
const SEALS_OF_SIZE = 1 | 2 | 4; // SEAL, SHRINK, GROW: the size is final, the bytes are not
const EVENT_BYTES = 8;

const EINTR = 4;
const EAGAIN = 11;

export type Received =
  | { readonly status: 'again' }
  /** The other side closed, or the socket failed. */
  | { readonly status: 'end' }
  /** More descriptors came than fit. Those that did come are closed already. */
  | { readonly status: 'flood' }
  | { readonly status: 'bytes'; readonly bytes: Buffer; readonly descriptors: readonly Descriptor[] };

/** A descriptor that is watched until `close`. */
export interface Watch {
  close(): void;
}

export interface System {
  /** A listening unix stream socket. Its file has mode 0600. @throws DeviceError ERR_DEVICE_SOCKET */
  listen(path: string): Descriptor;
  /** The next connection, or null when none waits. */
  accept(listener: Descriptor): Descriptor | null;
  /** A connection to a unix stream socket. @throws DeviceError ERR_DEVICE_SOCKET */
  connect(path: string): Descriptor;
  /** At most `length` bytes, together with the descriptors that came with the first of them. */
  receive(socket: Descriptor, length: number): Received;
  /** All bytes, or false: the other side does not read, or is gone. */
  send(socket: Descriptor, bytes: Buffer, descriptors: readonly Descriptor[]): boolean;
  /** @throws DeviceError ERR_DEVICE_SYSTEM */
  eventfd(): Descriptor;
  /** Adds one to an eventfd. */
  signal(event: Descriptor): void;
  /** Takes the count of an eventfd; false when it was zero. */
  drain(event: Descriptor): boolean;
  /** A file in memory with a sealed size, which no process can change. @throws DeviceError ERR_DEVICE_SYSTEM */
  sealedMemory(name: string, bytes: number): Descriptor;
  /** True when the size of the file is sealed, so no process can change it. */
  isSizeSealed(file: Descriptor): boolean;
  /** A received descriptor may block for as long as its sender likes, until this is called. */
  setNonblocking(descriptor: Descriptor): void;
  /** Calls `onReadable` from the event loop whenever something can be read. */
  watch(descriptor: Descriptor, onReadable: () => void): Watch;
}

/** @throws DeviceError ERR_DEVICE_KOFFI when koffi is missing or does not support this system */
export function openSystem(): System {
  try {
    return bind(requireKoffi());
  } catch (error) {
    if (error instanceof DeviceError) throw error;
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new DeviceError(
      'ERR_DEVICE_KOFFI',
      `devices need the optional package "koffi" on 64-bit Linux; install it with: npm install koffi (${reason})`,
      { cause: error },
    );
  }
}

function bind(koffi: Native): System {
  const libc = koffi.load(null);
  const socket: (domain: number, type: number, protocol: number) => number = libc.func('int socket(int, int, int)');
  const bindTo: (fd: number, address: Buffer, bytes: number) => number = libc.func('int bind(int, const void *, int)');
  const listenOn: (fd: number, backlog: number) => number = libc.func('int listen(int, int)');
  const connectTo: (fd: number, address: Buffer, bytes: number) => number = libc.func(
    'int connect(int, const void *, int)',
  );
  const accept4: (fd: number, address: null, bytes: null, flags: number) => number = libc.func(
    'int accept4(int, void *, void *, int)',
  );
  const recvmsg: (fd: number, header: Buffer, flags: number) => number = libc.func('long recvmsg(int, void *, int)');
  const sendmsg: (fd: number, header: Buffer, flags: number) => number = libc.func('long sendmsg(int, void *, int)');
  const eventfd: (value: number, flags: number) => number = libc.func('int eventfd(unsigned int, int)');
  const read: (fd: number, into: Buffer, bytes: number) => number = libc.func('long read(int, void *, size_t)');
  const write: (fd: number, from: Buffer, bytes: number) => number = libc.func('long write(int, const void *, size_t)');
  const closeFd: (fd: number) => number = libc.func('int close(int)');
  const memfdCreate: (name: string, flags: number) => number = libc.func(
    'int memfd_create(const char *, unsigned int)',
  );
  const ftruncate: (fd: number, bytes: number) => number = libc.func('int ftruncate(int, int64_t)');
  const fcntl: (fd: number, command: number, argument: number) => number = libc.func('int fcntl(int, int, int)');

  const own = (fd: number): Descriptor => new Descriptor(fd, closeFd);
  const failed = (code: 'ERR_DEVICE_SOCKET' | 'ERR_DEVICE_SYSTEM', what: string): DeviceError =>
    new DeviceError(code, `${what}: errno ${koffi.errno()}`);

  const one = Buffer.alloc(EVENT_BYTES);
  one.writeBigUInt64LE(1n);
  const count = Buffer.alloc(EVENT_BYTES);
  // A watch without a reference is garbage-collected, and then silently closed.
  const watches = new Set<Watch>();

  /** One msghdr over `data`; the buffers belong to the caller until the system call returns. */
  const messageOver = (data: Buffer, length: number, control: Buffer | null): Buffer => {
    const header = Buffer.alloc(MSGHDR_BYTES + 16);
    header.writeBigUInt64LE(koffi.address(data), MSGHDR_BYTES);
    header.writeBigUInt64LE(BigInt(length), MSGHDR_BYTES + 8);
    header.writeBigUInt64LE(koffi.address(header) + BigInt(MSGHDR_BYTES), AT.iov);
    header.writeBigUInt64LE(1n, AT.iovLength);
    if (control !== null) {
      header.writeBigUInt64LE(koffi.address(control), AT.control);
      header.writeBigUInt64LE(BigInt(control.length), AT.controlLength);
    }
    return header;
  };

  const openSocket = (): Descriptor => {
    const fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) throw failed('ERR_DEVICE_SYSTEM', 'socket');
    return own(fd);
  };

  return {
    listen: (path) => {
      const address = unixAddress(path);
      const descriptor = openSocket();
      const umask = process.umask(0o177); // bind makes the file, so this is the moment for its mode
      const bound = bindTo(descriptor.fd, address, address.length);
      process.umask(umask);
      if (bound < 0 || listenOn(descriptor.fd, BACKLOG) < 0) {
        const error = failed('ERR_DEVICE_SOCKET', `cannot listen at "${path}"`);
        descriptor.close();
        throw error;
      }
      return descriptor;
    },
    accept: (listener) => {
      const fd = accept4(listener.fd, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
      return fd < 0 ? null : own(fd);
    },
    connect: (path) => {
      const address = unixAddress(path);
      const descriptor = openSocket();
      if (connectTo(descriptor.fd, address, address.length) === 0) return descriptor;
      const error = failed('ERR_DEVICE_SOCKET', `cannot connect to "${path}"`);
      descriptor.close();
      throw error;
    },
    receive: (from, length) => {
      const bytes = Buffer.alloc(length);
      const control = Buffer.alloc(CMSGHDR_BYTES + 4 * MAX_MESSAGE_DESCRIPTORS);
      const header = messageOver(bytes, length, control);
      const got = recvmsg(from.fd, header, MSG_CMSG_CLOEXEC);
      if (got < 0) {
        const errno = koffi.errno();
        return { status: errno === EAGAIN || errno === EINTR ? 'again' : 'end' };
      }
      const descriptors = descriptorsIn(control, Number(header.readBigUInt64LE(AT.controlLength))).map(own);
      if ((header.readInt32LE(AT.flags) & MSG_CTRUNC) !== 0) {
        for (const descriptor of descriptors) descriptor.close();
        return { status: 'flood' };
      }
      if (got === 0) {
        for (const descriptor of descriptors) descriptor.close();
        return { status: 'end' };
      }
      return { status: 'bytes', bytes: bytes.subarray(0, got), descriptors };
    },
    send: (to, bytes, descriptors) => {
      const header = messageOver(bytes, bytes.length, descriptors.length === 0 ? null : controlOf(descriptors));
      return sendmsg(to.fd, header, MSG_NOSIGNAL | MSG_DONTWAIT) === bytes.length;
    },
    eventfd: () => {
      const fd = eventfd(0, EFD_FLAGS);
      if (fd < 0) throw failed('ERR_DEVICE_SYSTEM', 'eventfd');
      return own(fd);
    },
    signal: (event) => {
      write(event.fd, one, EVENT_BYTES);
    },
    drain: (event) => read(event.fd, count, EVENT_BYTES) === EVENT_BYTES,
    sealedMemory: (name, bytes) => {
      const fd = memfdCreate(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
      if (fd < 0) throw failed('ERR_DEVICE_SYSTEM', 'memfd_create');
      const file = own(fd);
      if (ftruncate(fd, bytes) < 0 || fcntl(fd, F_ADD_SEALS, SEALS_OF_SIZE) < 0) {
        const error = failed('ERR_DEVICE_SYSTEM', `memory of ${bytes} bytes`);
        file.close();
        throw error;
      }
      return file;
    },
    isSizeSealed: (file) => {
      const seals = fcntl(file.fd, F_GET_SEALS, 0);
      return seals >= 0 && (seals & SEALS_OF_SIZE) === SEALS_OF_SIZE;
    },
    setNonblocking: (descriptor) => {
      fcntl(descriptor.fd, F_SETFL, fcntl(descriptor.fd, F_GETFL, 0) | SOCK_NONBLOCK);
    },
    watch: (descriptor, onReadable) => {
      const handle = koffi.node.poll(descriptor.fd, { readable: true, disconnect: false }, onReadable);
      const watch = {
        close: () => {
          if (watches.delete(watch)) handle.close();
        },
      };
      watches.add(watch);
      return watch;
    },
  };
}

function unixAddress(path: string): Buffer {
  const name = Buffer.from(path);
  if (name.length >= SUN_PATH_BYTES || name.includes(0))
    throw new DeviceError(
      'ERR_DEVICE_SOCKET',
      `the path of a socket has at most ${SUN_PATH_BYTES - 1} bytes: "${path}"`,
    );
  const address = Buffer.alloc(2 + name.length + 1);
  address.writeUInt16LE(AF_UNIX);
  name.copy(address, 2);
  return address;
}

function controlOf(descriptors: readonly Descriptor[]): Buffer {
  const bytes = CMSGHDR_BYTES + 4 * descriptors.length;
  const control = Buffer.alloc((bytes + 7) & ~7);
  control.writeBigUInt64LE(BigInt(bytes), 0);
  control.writeInt32LE(SOL_SOCKET, 8);
  control.writeInt32LE(SCM_RIGHTS, 12);
  for (const [index, { fd }] of descriptors.entries()) control.writeInt32LE(fd, CMSGHDR_BYTES + 4 * index);
  return control;
}

function descriptorsIn(control: Buffer, length: number): number[] {
  const found: number[] = [];
  let at = 0;
  while (at + CMSGHDR_BYTES <= length) {
    const bytes = Number(control.readBigUInt64LE(at));
    if (bytes < CMSGHDR_BYTES || at + bytes > length) break;
    if (control.readInt32LE(at + 8) === SOL_SOCKET && control.readInt32LE(at + 12) === SCM_RIGHTS) {
      for (let each = at + CMSGHDR_BYTES; each + 4 <= at + bytes; each += 4) found.push(control.readInt32LE(each));
    }
    at += (bytes + 7) & ~7;
  }
  return found;
}
