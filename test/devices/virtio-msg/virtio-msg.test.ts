/**
 * Virtio-msg without shared memory: both layouts byte for byte, the devices over it, what a hostile driver or a hostile
 * device can do, and what the broker reads in each message.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceError } from '../../../clients/devices/index.ts';
import { NetDevice } from '../../../clients/devices/net/index.ts';
import { SoundDevice } from '../../../clients/devices/sound/index.ts';
import { ConsoleDevice, MessageLayout } from '../../../clients/devices/virtio-msg/index.ts';
import { BusMessageId, decodeMessage, encodeMessage, MessageId } from '../../../clients/devices/virtio-msg/message.ts';
import * as payloads from '../../../clients/devices/virtio-msg/payload.ts';
import { fuzzUntil } from '../../support/seed.ts';
import { Room, words } from '../guest/sound-card.ts';
import { MessageBus, permissionOf } from '../guest/virtio-msg-bus.ts';

const bus = suite('virtio-msg');
const LAYOUTS = [MessageLayout.rfc, MessageLayout.draft] as const;
const CONSOLE = 3;

function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'done',
    (error: unknown) => (error instanceof DeviceError ? error.code : String(error)),
  );
}

function consoleBus(layout: MessageLayout = MessageLayout.draft) {
  const heard: string[] = [];
  const device = new ConsoleDevice({ take: (bytes) => heard.push(Buffer.from(bytes).toString()) });
  return { heard, device, bus: new MessageBus([{ device, deviceId: CONSOLE }], layout) };
}

// Layouts

/** Written by hand from the structures of the Linux RFC and of the drafts of 2026, with the prefix of this bus. */
const VECTORS: readonly [
  what: string,
  hex: string,
  message: Parameters<typeof encodeMessage>[0],
  permission: string,
][] = [
  [
    'DEVICE_INFO of device 1, RFC',
    '01000000 00 02 0100 0600',
    request(MessageLayout.rfc, MessageId.deviceInfo, 1, 0, Buffer.alloc(0)),
    'device-info',
  ],
  [
    'DEVICE_INFO of device 1, draft',
    '02000000 00 02 0100 3412 0800',
    request(MessageLayout.draft, MessageId.deviceInfo, 1, 0x1234, Buffer.alloc(0)),
    'device-info',
  ],
  [
    'its answer for a console',
    '02000000 01 02 0100 3412 2000 03000000 55475241 80000000 0c000000 02000000 00000000',
    {
      ...request(
        MessageLayout.draft,
        MessageId.deviceInfo,
        1,
        0x1234,
        payloads.encodeDeviceInfo({
          deviceId: 3,
          vendorId: 0x4152_4755,
          featureBits: 128,
          configBytes: 12,
          queues: 2,
        }),
      ),
      isResponse: true,
    },
    'answer',
  ],
  [
    'SET_DRV_FEATURES with VERSION_1',
    '01000000 00 04 0000 1600 00000000 02000000 00000000 01000000',
    request(MessageLayout.rfc, MessageId.setFeatures, 0, 0, payloads.encodeFeatures({ first: 0, blocks: [0, 1] })),
    'set-features',
  ],
  [
    'SET_VQUEUE, RFC: three words and three addresses',
    `01000000 00 0a 0000 2a00 01000000 00000000 40000000 ${'00'.repeat(24)}`,
    request(
      MessageLayout.rfc,
      MessageId.setQueue,
      0,
      0,
      payloads.encodeSetQueue(MessageLayout.rfc, { queue: 1, size: 64 }),
    ),
    'set-queue',
  ],
  [
    'SET_VQUEUE, draft: four words and three addresses',
    `02000000 00 0a 0000 0100 3000 01000000 00000000 40000000 00000000 ${'00'.repeat(24)}`,
    request(
      MessageLayout.draft,
      MessageId.setQueue,
      0,
      1,
      payloads.encodeSetQueue(MessageLayout.draft, { queue: 1, size: 64 }),
    ),
    'set-queue',
  ],
  [
    'the answer to GET_CONFIG: generation, offset, size, bytes',
    '02000000 01 05 0000 0200 1800 00000000 04000000 04000000 61626364',
    {
      ...request(
        MessageLayout.draft,
        MessageId.getConfig,
        0,
        2,
        payloads.encodeConfig({ generation: 0, offset: 4, bytes: Buffer.from('abcd') }),
      ),
      isResponse: true,
    },
    'answer',
  ],
  [
    'a chain with two bytes and room for 16',
    '02000000 00 c0 0000 0000 1600 01000000 05000000 10000000 6869',
    request(MessageLayout.draft, MessageId.chain, 0, 0, payloads.encodeChain(1, 5, 16, Buffer.from('hi'))),
    'chain',
  ],
  [
    'the chain as it comes back',
    '01000000 00 c1 0000 1000 01000000 05000000 6869',
    request(MessageLayout.rfc, MessageId.used, 0, 0, payloads.encodeUsed(1, 5, Buffer.from('hi'))),
    'used',
  ],
  [
    'GET_DEVICES of the bus',
    '02000000 02 02 0000 0900 0c00 0000 0800',
    {
      ...request(MessageLayout.draft, BusMessageId.getDevices, 0, 9, payloads.encodeDevicesRequest(0, 8)),
      isBus: true,
    },
    'get-devices',
  ],
];

function request(layout: MessageLayout, id: number, device: number, token: number, payload: Buffer) {
  return { layout, isResponse: false, isBus: false, id, device, token, payload };
}

for (const [what, hex, message, permission] of VECTORS)
  bus(`${what} has these bytes, and asks for ${permission}`, () => {
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    assert.equal(encodeMessage(message), bytes);
    assert.equal(decodeMessage(bytes), message);
    assert.is(permissionOf(bytes), permission);
  });

for (const [what, hex] of [
  ['another layout', '03000000 00 02 0100 0600'],
  ['a prefix that is not zero', '01010000 00 02 0100 0600'],
  ['another type', '01000000 04 02 0100 0600'],
  ['a size that is too long', '01000000 00 02 0100 0700'],
  ['a size that is too short', '01000000 00 02 0100 0600 00'],
  ['less than a header', '02000000 00 02 0100 0600'],
  ['a message of the bus about a device', '01000000 02 03 0100 0a00 00000000'],
] as const)
  bus(`${what} is no message, for the broker neither`, () => {
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    assert.is(decodeMessage(bytes), null);
    assert.is(permissionOf(bytes), 'malformed');
  });

for (const layout of LAYOUTS)
  bus(`an address is refused by the broker and by the device, also in an answer (layout ${layout})`, () => {
    for (let at = 1; at <= 24; at++) {
      const payload = payloads.encodeSetQueue(layout, { queue: 0, size: 64 });
      payload[payload.length - at] = 1;
      assert.is(payloads.decodeSetQueue(layout, payload), null);
      assert.is(permissionOf(encodeMessage(request(layout, MessageId.setQueue, 0, 0, payload))), 'malformed');
      const state = payloads.encodeQueueState(layout, { queue: 0, maxSize: 64, size: 64 });
      state[state.length - at] = 1;
      const answer = { ...request(layout, MessageId.getQueue, 0, 0, state), isResponse: true };
      assert.is(permissionOf(encodeMessage(answer)), 'malformed');
    }
  });

bus('what the class does not have is refused by the broker: shared memory, and numbers of others', () => {
  for (const id of [0x00, 0x01, 0x0c, 0x43, 0x80, 0xc2, 0xff])
    assert.is(permissionOf(encodeMessage(request(MessageLayout.draft, id, 0, 0, Buffer.alloc(64)))), 'malformed');
  const short = encodeMessage(request(MessageLayout.draft, MessageId.chain, 0, 0, Buffer.alloc(11)));
  assert.is(permissionOf(short), 'malformed', 'a chain without its header');
});

// Devices

for (const layout of LAYOUTS) {
  bus(`a console speaks both ways (layout ${layout})`, async () => {
    const { bus, heard, device } = consoleBus(layout);
    const { driver } = bus;
    await driver.start(0n);
    assert.equal(await driver.info(), {
      deviceId: CONSOLE,
      vendorId: 0x4152_4755,
      featureBits: 128,
      configBytes: 12,
      queues: 2,
    });
    assert.is(await driver.features(), 1n << 32n);
    assert.equal(await driver.config(4, 8), Buffer.alloc(8));
    assert.is((await driver.send(1, Buffer.from('login: '), 0)).length, 0);
    assert.equal(heard, ['login: ']);
    const buffers = [driver.send(0, Buffer.alloc(0), 4), driver.send(0, Buffer.alloc(0), 64)];
    assert.ok(device.write(Buffer.from('root\n')));
    assert.equal((await Promise.all(buffers)).map(String), ['root', '\n']);
    assert.not(bus.asked.includes('malformed'));
    assert.equal([...new Set(bus.answered)].sort(), ['answer', 'used']);
  });

  bus(`a network card takes and brings frames (layout ${layout})`, async () => {
    const sent: string[] = [];
    const device = new NetDevice({ send: (frame) => sent.push(Buffer.from(frame).toString()), maxFrameBytes: 1_514 });
    const { driver } = new MessageBus([{ device, deviceId: 1, config: Buffer.from('020000000101', 'hex') }], layout);
    await driver.start(0n);
    assert.is((await driver.config(0, 6)).toString('hex'), '020000000101', 'the MAC');
    const header = Buffer.alloc(12);
    await driver.send(1, Buffer.concat([header, Buffer.from('a frame of twenty by')]), 0);
    assert.equal(sent, ['a frame of twenty by']);
    const arrives = driver.send(0, Buffer.alloc(0), 1_526);
    await driver.info(); // by now the device has the buffer
    device.write(Buffer.from('another frame'));
    assert.is((await arrives).subarray(12).toString(), 'another frame');
    assert.equal(device.counts, { malformed: 0, tooLong: 0, nothingAttached: 0 });
  });

  bus(`a sound card plays at the pace of its clock (layout ${layout})`, async () => {
    const room = new Room();
    const bus = new MessageBus([], layout);
    const device = new SoundDevice(room, { now: bus.clock.now, schedule: bus.clock.after });
    const card = new MessageBus([{ device, deviceId: 25 }], layout);
    const { driver } = card;
    await driver.start(0n);
    const ask = async (request: Buffer): Promise<number> => (await driver.send(0, request, 4)).readUInt32LE(0);
    const parameters = Buffer.concat([words(0x101, 0, 3_528, 1_764, 0), Buffer.from([2, 5, 6, 0])]);
    for (const each of [parameters, words(0x102, 0), words(0x104, 0)]) assert.is(await ask(each), 0x8000);
    let isBack = false;
    const period = driver.send(2, Buffer.concat([words(0), Buffer.alloc(1_764, 1)]), 8).then((status) => {
      isBack = true;
      return status;
    });
    await driver.info();
    for (let step = 0; step < 9; step++) {
      bus.clock.advance(1);
      await driver.info();
    }
    assert.not(isBack, 'not before its last sample is due');
    bus.clock.advance(1);
    assert.equal(await period, words(0x8000, 0));
    assert.is(room.playedBytes, 1_764);
    assert.is(await ask(words(0x104, 1)), 0x8001, 'a stream that was not prepared');
  });
}

bus('two devices of a bus have numbers; the bus names them and answers a ping', () => {
  const heard: string[] = [];
  const make = (name: string) => ({
    deviceId: CONSOLE,
    device: new ConsoleDevice({ take: () => heard.push(name) }),
  });
  const bus = new MessageBus([make('first'), make('second')]);
  bus.tell(BusMessageId.getDevices, payloads.encodeDevicesRequest(0, 8), { isBus: true });
  bus.tell(BusMessageId.ping, words(0xfeed), { isBus: true });
  bus.tell(MessageId.getStatus, Buffer.alloc(0), { device: 1 });
  bus.tell(MessageId.getStatus, Buffer.alloc(0), { device: 2 });
  const [devices, ping, status, none] = bus.fromDevice;
  assert.equal(payloads.decodeDevices(devices?.payload ?? Buffer.alloc(0)), [0, 1]);
  assert.equal([ping?.isBus, ping?.token, ping?.payload], [true, 7, words(0xfeed)]);
  assert.equal([status?.device, status?.isResponse, status?.payload], [1, true, words(0)]);
  assert.is(none, undefined, 'no answer of a device that is not there');
  assert.is(bus.devices.dropped, 1);
});

// A hostile driver

bus('before DRIVER_OK nothing reaches the device, and features that are not offered are refused', async () => {
  const { bus, heard } = consoleBus();
  const chain = payloads.encodeChain(1, 0, 0, Buffer.from('early'));
  bus.tell(MessageId.chain, chain);
  bus.tell(MessageId.setStatus, words(15));
  bus.tell(MessageId.setQueue, payloads.encodeSetQueue(MessageLayout.draft, { queue: 1, size: 4 }));
  bus.tell(MessageId.chain, chain);
  bus.run();
  assert.equal(heard, []);
  assert.is(bus.fromDevice[0]?.payload.readUInt32LE(0), 3, 'no FEATURES_OK without VERSION_1, no DRIVER_OK without it');
  assert.is(await codeOf(bus.driver.start(1n << 5n)), 'ERR_DEVICE_ANSWER');
  assert.is(await codeOf(bus.driver.start(0n)), 'done');
});

bus('a chain that comes before DRIVER_OK is lost, also when the device runs later', () => {
  const { bus, heard } = consoleBus();
  bus.tell(MessageId.setStatus, words(3));
  bus.tell(MessageId.setFeatures, payloads.encodeFeatures({ first: 0, blocks: [0, 1] }));
  bus.tell(MessageId.setStatus, words(11));
  bus.tell(MessageId.setQueue, payloads.encodeSetQueue(MessageLayout.draft, { queue: 1, size: 4 }));
  bus.tell(MessageId.chain, payloads.encodeChain(1, 0, 0, Buffer.from('early')));
  bus.tell(MessageId.setStatus, words(15));
  bus.tell(MessageId.chain, payloads.encodeChain(1, 1, 0, Buffer.from('now')));
  bus.run();
  assert.equal(heard, ['now']);
});

bus('what was agreed cannot be changed while the device runs', async () => {
  const { bus } = consoleBus();
  await bus.driver.start(0n);
  const before = bus.fromDevice.length;
  bus.tell(MessageId.setFeatures, payloads.encodeFeatures({ first: 0, blocks: [0xffff_ffff] }));
  bus.tell(MessageId.setQueue, payloads.encodeSetQueue(MessageLayout.draft, { queue: 0, size: 1 }));
  bus.tell(MessageId.resetQueue, words(0));
  assert.is(bus.fromDevice.length, before, 'no answer');
});

for (const [what, payload, reason] of [
  ['more bytes than the device takes', payloads.encodeChain(1, 0, 0, Buffer.alloc(16_385)), /more bytes/],
  ['more room than an answer can have', payloads.encodeChain(0, 0, 65_520, Buffer.alloc(0)), /more room/],
] as const)
  bus(`a chain with ${what} stops the device until its driver resets it`, async () => {
    const { bus, heard } = consoleBus();
    await bus.driver.start(0n);
    const out = codeOf(bus.driver.send(0, Buffer.alloc(0), 16));
    await bus.driver.info();
    bus.tell(MessageId.chain, payload);
    assert.match(bus.reports.join(), reason);
    assert.is(await out, 'ERR_DEVICE_LOST', 'the driver is told');
    bus.tell(MessageId.chain, payloads.encodeChain(1, 1, 0, Buffer.from('more')));
    bus.run();
    assert.equal(heard, []);
    await bus.driver.start(0n);
    await bus.driver.send(1, Buffer.from('again'), 0);
    assert.equal(heard, ['again']);
  });

bus('more chains than places, and two of one name, stop the device', async () => {
  for (const ids of [Array.from({ length: 65 }, (_, id) => id), [7, 7]]) {
    const { bus } = consoleBus();
    await bus.driver.start(0n);
    for (const id of ids) bus.tell(MessageId.chain, payloads.encodeChain(0, id, 16, Buffer.alloc(0)));
    assert.match(bus.reports.join(), 'more chains than its queue has places');
  }
});

for (const [what, id, payload] of [
  ['DEVICE_INFO with a payload', MessageId.deviceInfo, words(1)],
  ['features beyond the last block', MessageId.getFeatures, words(0, 5)],
  ['features from far away', MessageId.getFeatures, words(0xffff_ffff, 1)],
  ['SET_DRV_FEATURES with fewer blocks than it says', MessageId.setFeatures, words(0, 2, 1)],
  ['SET_DRV_FEATURES beyond the last block', MessageId.setFeatures, words(4, 1, 1)],
  ['GET_CONFIG that is cut short', MessageId.getConfig, words(0)],
  ['SET_CONFIG with fewer bytes than it says', MessageId.setConfig, words(0, 0, 4)],
  ['SET_STATUS of two words', MessageId.setStatus, words(1, 0)],
  [
    'a queue that there is not',
    MessageId.setQueue,
    payloads.encodeSetQueue(MessageLayout.draft, { queue: 2, size: 4 }),
  ],
  ['a queue without places', MessageId.setQueue, payloads.encodeSetQueue(MessageLayout.draft, { queue: 0, size: 0 })],
  [
    'a queue with too many places',
    MessageId.setQueue,
    payloads.encodeSetQueue(MessageLayout.draft, { queue: 0, size: 65 }),
  ],
  [
    'SET_VQUEUE of the other layout',
    MessageId.setQueue,
    payloads.encodeSetQueue(MessageLayout.rfc, { queue: 0, size: 4 }),
  ],
  ['GET_SHM', 0x0c, words(0)],
  ['a chain without its header', MessageId.chain, words(1, 0)],
  ['an event of the device', MessageId.used, words(0, 0)],
] as const)
  bus(`${what} has no answer`, () => {
    const { bus } = consoleBus();
    bus.tell(id, payload);
    bus.run();
    assert.equal(bus.fromDevice, []);
  });

bus('config space is read inside its bounds only, and never set', () => {
  const { bus } = consoleBus();
  for (const payload of [words(8, 8), words(0xffff_ffff, 1), words(0, 0xffff_ffff)])
    bus.tell(MessageId.getConfig, payload);
  bus.tell(MessageId.setConfig, Buffer.concat([words(0, 0, 2), Buffer.from('no')]));
  for (const { payload } of bus.fromDevice) assert.is(payloads.decodeConfig(payload)?.bytes.length, 0);
  assert.is(bus.fromDevice.length, 4);
});

// A hostile device

bus('an answer counts only for the request that waits, with its token', async () => {
  const { bus } = consoleBus();
  const { driver } = bus;
  const asked = driver.features();
  await Promise.resolve();
  const answer = { ...request(MessageLayout.draft, MessageId.getFeatures, 0, 1, words(0, 2, 1, 1)), isResponse: true };
  for (const wrong of [{ token: 2 }, { id: MessageId.getConfig }, { layout: MessageLayout.rfc }])
    driver.receive({ ...answer, ...wrong });
  assert.is(await asked, 1n << 32n, 'the true answer');
  assert.is(driver.dropped, 3);
  driver.receive(answer);
  assert.is(driver.dropped, 4, 'nothing waits any more');
});

bus('a chain comes back once, with no more bytes than it has room for', async () => {
  const { bus } = consoleBus();
  const { driver } = bus;
  await driver.start(0n);
  bus.isConnected = false;
  const back = driver.send(0, Buffer.alloc(0), 4);
  const used = (queue: number, id: number, bytes: string): void =>
    driver.receive(
      request(MessageLayout.draft, MessageId.used, 0, 0, payloads.encodeUsed(queue, id, Buffer.from(bytes))),
    );
  used(0, 0, 'too long');
  used(0, 1, 'free');
  used(9, 0, 'none');
  assert.is(driver.dropped, 3);
  used(0, 0, 'fits');
  assert.is(String(await back), 'fits');
  used(0, 0, 'more');
  assert.is(driver.dropped, 4);
});

for (const [what, payload] of [
  ['an answer that is cut short', words(0)],
  ['an answer with fewer blocks than it says', words(0, 2, 1)],
] as const)
  bus(`${what} is an error of the driver's caller`, async () => {
    const { bus } = consoleBus();
    bus.isConnected = false;
    const asked = codeOf(bus.driver.features());
    await Promise.resolve();
    bus.driver.receive({ ...request(MessageLayout.draft, MessageId.getFeatures, 0, 1, payload), isResponse: true });
    assert.is(await asked, 'ERR_DEVICE_ANSWER');
  });

bus('a device that does not answer in time ends the driver, with all that is out', async () => {
  const { bus } = consoleBus();
  await bus.driver.start(0n);
  const out = codeOf(bus.driver.send(0, Buffer.alloc(0), 4));
  await bus.driver.info();
  bus.isConnected = false;
  const asked = codeOf(bus.driver.features());
  await Promise.resolve();
  bus.clock.advance(10_000);
  assert.equal(await Promise.all([asked, out]), ['ERR_DEVICE_LOST', 'ERR_DEVICE_LOST']);
  assert.is(await codeOf(bus.driver.info()), 'ERR_DEVICE_LOST');
});

bus('a full queue makes the driver wait; a chain that is too long is refused at once', async () => {
  const { bus, device } = consoleBus();
  await bus.driver.start(0n);
  const chains = Array.from({ length: 65 }, () => bus.driver.send(0, Buffer.alloc(0), 1));
  await bus.driver.info();
  assert.is(bus.asked.filter((permission) => permission === 'chain').length, 64);
  device.write(Buffer.alloc(65, 0x61));
  assert.is(Buffer.concat(await Promise.all(chains)).length, 65);
  assert.is(await codeOf(bus.driver.send(1, Buffer.alloc(65_520), 0)), 'ERR_DEVICE_OPTION');
  assert.is(await codeOf(bus.driver.send(1, Buffer.alloc(0), 65_520)), 'ERR_DEVICE_OPTION');
  assert.is(await codeOf(bus.driver.send(2, Buffer.alloc(0), 0)), 'ERR_DEVICE_LOST');
});

bus('the console refuses what it has no room for, and loses nothing else', async () => {
  const { bus, device } = consoleBus();
  await bus.driver.start(0n);
  assert.ok(device.write(Buffer.alloc(65_536, 0x61)));
  assert.not(device.write(Buffer.from('b')));
  const first = await bus.driver.send(0, Buffer.alloc(0), 60_000);
  assert.ok(device.write(Buffer.from('b')));
  const rest = await bus.driver.send(0, Buffer.alloc(0), 60_000);
  assert.is(first.length + rest.length, 65_537);
});

bus('any bytes: no throw, no answer but to a message, and the broker refuses what is none', async () => {
  await fuzzUntil(async (random) => {
    const { bus } = consoleBus(random.pick([...LAYOUTS]));
    if (random.oneIn(2)) await bus.driver.start(0n);
    const samples = VECTORS.map(([, hex]) => Buffer.from(hex.replaceAll(' ', ''), 'hex'));
    for (let count = 0; count < 20; count++) {
      const bytes = random.oneIn(4) ? random.bytes(random.below(64)) : random.mutate(random.pick(samples));
      const message = decodeMessage(bytes);
      const permission = permissionOf(bytes);
      if (message === null) assert.is(permission, 'malformed');
      else assert.equal(encodeMessage(message), Buffer.from(bytes));
      const before = bus.fromDevice.length;
      bus.devices.receive(bytes);
      if (permission === 'malformed') assert.is(bus.fromDevice.length, before, Buffer.from(bytes).toString('hex'));
      if (message !== null) bus.driver.receive(message);
      bus.run();
    }
    bus.driver.end('the test is over');
  });
});

bus.run();
