/** Lines of the devices: queues, vhost-user, vsock, ivshmem, and their inspectors. */
import type { Mutant } from '../../mutant.ts';

const QUEUE = ['test/devices/virtqueue/split-queue.test.ts'];
const VHOST = ['test/devices/vhost-user.test.ts'];
const VSOCK = ['test/devices/vsock/vsock-device.test.ts'];
const VSOCK_INSPECTOR = ['test/devices/vsock/vsock-inspector.test.ts'];
const IVSHMEM = ['test/devices/ivshmem.test.ts'];
const NET = ['test/devices/net-device.test.ts'];

const SOUND = ['test/devices/sound-device.test.ts'];
const SOUND_CARD = 'clients/devices/sound/device.ts';
const SOUND_CAPTURE = 'clients/devices/sound/capture.ts';
const SOUND_CONTROL = 'clients/devices/sound/control.ts';

const SPLIT = 'clients/devices/virtqueue/split-queue.ts';
const BUFFERS = 'clients/devices/virtqueue/buffers.ts';
const PACKED = 'clients/devices/virtqueue/packed-queue.ts';
const PACKED_TESTS = ['test/devices/virtqueue/packed-queue.test.ts'];
const BACKEND = 'clients/devices/vhost-user/backend.ts';
const DEVICE = 'clients/devices/vsock/device.ts';
const promise = 'a guest harms its own device only';

const CARD = 'clients/devices/net/device.ts';
const STEERING = 'clients/devices/net/steering.ts';
const ENTROPY = 'clients/devices/entropy/server.ts';
const ENTROPY_TESTS = ['test/devices/entropy.test.ts'];
const PACKET = 'clients/agents/network/link/packet.ts';

const HOST_STREAM = 'clients/devices/host-service/host-stream.ts';
const HOST_SERVICES = 'clients/devices/host-service/host-services.ts';
const HOST_TESTS = ['test/devices/host-service.test.ts'];
const VIRTIO_MSG = ['test/devices/virtio-msg/virtio-msg.test.ts'];
const VIRTIO_CONTROL = 'broker/core/inspectors/virtio-control.ts';
const DEVICE_END = 'clients/devices/virtio-msg/device-end.ts';
const DRIVER_END = 'clients/devices/virtio-msg/driver-end.ts';
const addresses = 'nothing in the memory of one domain has a name in another';

export const DEVICES: readonly Mutant[] = [
  {
    in: VIRTIO_CONTROL,
    find: 'if (bytes[at] !== 0) return true;',
    replace: '',
    promise: addresses,
    tests: VIRTIO_MSG,
  },
  { in: VIRTIO_CONTROL, find: 'isResponse ? id === GET_QUEUE : ', replace: '', promise: addresses, tests: VIRTIO_MSG },
  { in: VIRTIO_CONTROL, find: 'if (isResponse) return ANSWER;', replace: '', promise: addresses, tests: VIRTIO_MSG },
  {
    in: VIRTIO_CONTROL,
    find: 'return payload < known.minBytes ? MALFORMED : known.index;',
    replace: 'return known.index;',
    promise: addresses,
    tests: VIRTIO_MSG,
  },
  {
    in: 'clients/devices/virtio-msg/payload.ts',
    find: ' || bytes.subarray(addresses).some((byte) => byte !== 0)',
    replace: '',
    promise: addresses,
    tests: VIRTIO_MSG,
  },
  {
    in: DEVICE_END,
    find: "if (chain.bytes.length > this.#device.maxReadableBytes) return this.#stop('more bytes than the device takes');",
    replace: '',
    promise,
    tests: VIRTIO_MSG,
  },
  {
    in: DEVICE_END,
    find: 'chain.room > maxPayload',
    replace: 'chain.room > 2 * maxPayload',
    promise,
    tests: VIRTIO_MSG,
  },
  {
    in: DEVICE_END,
    find: ' || queue === null || !this.#isRunning',
    replace: ' || queue === null',
    promise,
    tests: VIRTIO_MSG,
  },
  {
    in: DEVICE_END,
    find: 'if ((this.#status & Status.featuresOk) !== 0) return null;',
    replace: '',
    promise,
    tests: VIRTIO_MSG,
  },
  { in: DEVICE_END, find: 'first + count <= this.#config.length', replace: 'true', promise, tests: VIRTIO_MSG },
  { in: DEVICE_END, find: 'this.#status |= Status.needsReset;', replace: '', promise, tests: VIRTIO_MSG },
  {
    in: 'clients/devices/virtio-msg/chain-queue.ts',
    find: 'this.#ids.size >= this.size || ',
    replace: '',
    promise,
    tests: VIRTIO_MSG,
  },
  {
    in: 'clients/devices/virtio-msg/chain-queue.ts',
    find: ' || this.#ids.has(id)',
    replace: '',
    promise,
    tests: VIRTIO_MSG,
  },
  { in: DRIVER_END, find: ' || waiting.token !== token', replace: '', promise, tests: VIRTIO_MSG },
  { in: DRIVER_END, find: ' || used.bytes.length > chain.room', replace: '', promise, tests: VIRTIO_MSG },
  { in: SOUND_CARD, find: 'index === CAPTURE_STREAM && !this.#side.mayHear', replace: 'false', promise, tests: SOUND },
  { in: SOUND_CAPTURE, find: ' || !this.#side.mayHear', replace: '', promise, tests: SOUND },
  { in: SOUND_CARD, find: 'if (!this.#side.mayHear) this.#capture.clear();', replace: '', promise, tests: SOUND },
  { in: SOUND_CARD, find: ' && bytes <= MAX_PERIOD_BYTES', replace: '', promise, tests: SOUND },
  { in: SOUND_CARD, find: ' || bytes > MAX_PERIOD_BYTES', replace: '', promise, tests: SOUND },
  { in: SOUND_CONTROL, find: ' || start + count > entries.length', replace: '', promise, tests: SOUND },
  { in: PACKET, find: '|| at + 2 > frame.length', replace: '', promise, tests: NET },
  { in: PACKET, find: 'start < ETHERNET_BYTES ||', replace: '', promise, tests: NET },
  { in: PACKET, find: 'payload + size > maxFrameBytes ||', replace: '', promise, tests: NET },
  { in: PACKET, find: ' || frame.length - payload > size * MAX_NET_PIECES', replace: '', promise, tests: NET },
  { in: PACKET, find: ' || payload >= frame.length', replace: '', promise, tests: NET },
  { in: CARD, find: ' && chains.length < maxBuffers', replace: '', promise, tests: NET },
  { in: CARD, find: 'if (this.#isPaused) return done;', replace: '', promise, tests: NET },
  { in: CARD, find: 'if (!writeHeader(packet, type)) return false;', replace: '', promise, tests: NET },
  { in: CARD, find: 'if (kind === GSO_TCP4) needed |= FEATURE_GUEST_TCP4;', replace: '', promise, tests: NET },
  { in: CARD, find: 'if (kind === GSO_TCP6) needed |= FEATURE_GUEST_TCP6;', replace: '', promise, tests: NET },
  { in: CARD, find: 'this.counts.nothingAttached += waiting.splice(0).length;', replace: '', promise, tests: NET },
  {
    in: CARD,
    find: 'this.#waiting[0]?.push(...(this.#waiting[index >> 1]?.splice(0) ?? []));',
    replace: '',
    promise,
    tests: NET,
  },
  { in: CARD, find: ' || index % QUEUES_PER_PAIR === SEND_QUEUE) return;', replace: ') return;', promise, tests: NET },
  { in: STEERING, find: 'learned < pairs ? learned', replace: 'learned < 8 ? learned', promise, tests: NET },
  { in: BACKEND, find: 'if (queuePairs !== 1) offered', replace: 'offered', promise, tests: VHOST },
  {
    in: BACKEND,
    find: 'if (queuePairs === undefined || queuePairs === 1) offered',
    replace: 'offered',
    promise,
    tests: VHOST,
  },
  {
    in: PACKED,
    find: "if (count > this.#left) return 'loop';",
    replace: "if (count > 2 * this.#size) return 'loop';",
    promise,
    tests: PACKED_TESTS,
  },
  { in: ENTROPY, find: 'if (detach !== null) {', replace: 'if (path === null) {', promise, tests: ENTROPY_TESTS },
  { in: ENTROPY, find: 'if (bytes[at] !== BLOCKING_READ) {', replace: 'if (at < 0) {', promise, tests: ENTROPY_TESTS },
  { in: ENTROPY, find: "end('the answer was not read');", replace: 'wanted = 0;', promise, tests: ENTROPY_TESTS },
  {
    in: ENTROPY,
    find: 'for (const descriptor of received.descriptors) descriptor.close();',
    replace: '',
    promise,
    tests: ENTROPY_TESTS,
  },
  {
    in: 'clients/devices/memory/guest-memory.ts',
    find: 'return length <= region.size - offset ? region : null;',
    replace: 'return region;',
    promise,
    tests: ['test/devices/virtqueue/racing-guest.test.ts'],
  },
  {
    in: HOST_STREAM,
    find: 'unconsumed + payload.length > HOST_STREAM_WINDOW_BYTES || ',
    replace: '',
    promise,
    tests: HOST_TESTS,
  },
  { in: HOST_STREAM, find: ' || (this.#peerFlags & NO_SEND) !== 0) {', replace: ') {', promise, tests: HOST_TESTS },
  { in: HOST_STREAM, find: 'if (!isInTurn || (', replace: 'if ((', promise, tests: HOST_TESTS },
  {
    in: HOST_STREAM,
    find: 'Math.min(room, MAX_VSOCK',
    replace: 'Math.min(1_000, MAX_VSOCK',
    promise,
    tests: HOST_TESTS,
  },
  { in: HOST_SERVICES, find: ' || ofPeer >= MAX_HOST_STREAMS_PER_PEER', replace: '', promise, tests: HOST_TESTS },
  { in: HOST_SERVICES, find: ' && type === SocketType.stream', replace: '', promise, tests: HOST_TESTS },
  {
    in: HOST_SERVICES,
    find: 'for (const stream of [...this.#streams.values()]) stream.probe();',
    replace: '',
    promise,
    tests: HOST_TESTS,
  },
  { in: PACKED, find: 'count > 1 || (flags', replace: '(flags', promise, tests: PACKED_TESTS },
  { in: PACKED, find: ' || !this.#options.hasIndirect', replace: '', promise, tests: PACKED_TESTS },
  {
    in: PACKED,
    find: "if ((flags & DESCRIPTOR_INDIRECT) !== 0) return 'indirect';",
    replace: '',
    promise,
    tests: PACKED_TESTS,
  },
  { in: PACKED, find: ' || entries > MAX_INDIRECT_DESCRIPTORS', replace: '', promise, tests: PACKED_TESTS },
  { in: SPLIT, find: 'if (isThere) this.#isDrained = false;', replace: '', promise, tests: NET },
  {
    in: SPLIT,
    find: 'this.#refresh() && this.#available !== before',
    replace: 'this.#next !== before',
    promise,
    tests: NET,
  },
  { in: SPLIT, find: "if (index >= size) return 'index';", replace: '', promise, tests: QUEUE },
  {
    in: SPLIT,
    find: "if (steps >= size) return 'loop';",
    replace: "if (steps >= 1e4) return 'order';",
    promise,
    tests: QUEUE,
  },
  {
    in: SPLIT,
    find: "if (count > this.#size) return this.#stop('ahead') !== null;",
    replace: '',
    promise,
    tests: QUEUE,
  },
  { in: SPLIT, find: 'isIndirect || !this.#options.hasIndirect ||', replace: 'isIndirect ||', promise, tests: QUEUE },
  { in: BUFFERS, find: "if (!memory.has(address, length)) return 'memory';", replace: '', promise, tests: QUEUE },
  {
    in: BUFFERS,
    find: "return chain.readableBytes > maxReadableBytes ? 'length' : null;",
    replace: 'return null;',
    promise,
    tests: QUEUE,
  },
  {
    in: BUFFERS,
    find: "if (!isWritable && chain.writable.length > 0) return 'order';",
    replace: '',
    promise,
    tests: QUEUE,
  },
  { in: BACKEND, find: 'words === null || among.overlaps(words)', replace: 'words === null', promise, tests: VHOST },
  { in: BACKEND, find: 'for (const descriptor of left) descriptor.close();', replace: '', promise, tests: VHOST },
  { in: BACKEND, find: 'this.#isStopped = true;', replace: '', promise, tests: VHOST },
  {
    in: 'clients/devices/memory/memory-file.ts',
    find: '!stat.isFile() || stat.size < bytes',
    replace: '!stat.isFile()',
    promise,
    tests: VHOST,
  },
  { in: DEVICE, find: 'packet.sourceCid !== this.#cid', replace: 'false', promise: 'no spoofed source', tests: VSOCK },
  {
    in: DEVICE,
    find: 'operation === Operation.data && !connection.send(payload.length)',
    replace: 'operation === Operation.data && !connection.send(0)',
    promise,
    tests: VSOCK,
  },
  {
    in: DEVICE,
    find: 'operation === Operation.data && !connection.receive(payload.length)',
    replace: 'operation === Operation.data && !connection.receive(0)',
    promise: 'memory is bounded',
    tests: VSOCK,
  },
  {
    in: DEVICE,
    find: '!isKnown || connection.place.servicePort !== servicePort ||',
    replace: '!isKnown ||',
    promise: 'no permission, no message',
    tests: VSOCK,
  },
  {
    in: DEVICE,
    find: 'since + VSOCK_REFUSAL_MS - this.#clock.now()',
    replace: '0',
    promise: 'no permission, no message',
    tests: VSOCK,
  },
  {
    in: 'broker/core/inspectors/vsock.ts',
    find: 'if (operation === OPERATION.request) return CONNECT;',
    replace: '',
    promise: 'payloads are of their class',
    tests: VSOCK_INSPECTOR,
  },
  {
    in: 'broker/core/inspectors/ivshmem.ts',
    find: 'return size === section ? vector : MALFORMED;',
    replace: 'return vector;',
    promise: 'payloads are of their class',
    tests: IVSHMEM,
  },
  {
    in: 'clients/devices/ivshmem/region.ts',
    find: 'doorbell.sender === from &&',
    replace: '',
    promise: 'no spoofed source',
    tests: IVSHMEM,
  },
  {
    in: 'clients/devices/ivshmem/layout.ts',
    find: 'return length <= sectionBytes - FRAME_HEADER_BYTES ? FRAME_HEADER_BYTES + length : null;',
    replace: 'return FRAME_HEADER_BYTES + length;',
    promise,
    tests: IVSHMEM,
  },
];
