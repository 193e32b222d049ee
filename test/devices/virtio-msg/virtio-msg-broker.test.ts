/** Virtio-msg through a real broker: a console between two domains, each message a permission, and nothing from others. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceError } from '../../../clients/devices/index.ts';
import {
  ConsoleDevice,
  MessageLayout,
  NetDevice,
  offerVirtioMsg,
  openVirtioMsg,
  SoundDevice,
} from '../../../clients/devices/virtio-msg/index.ts';
import { ArgusError } from '../../../clients/sdk/index.ts';
import { withInstallation } from '../../support/installation/installation.ts';
import { Room, words } from '../guest/sound-card.ts';

const bus = suite('virtio-msg through a broker');

const SERVICES = `classes:
  - name: virtio-control
    ports: ["2101000000-2101000999"]
    inspector: virtio-control
    permissions:
      [device-info, get-features, set-features, get-config, set-config, get-status, set-status, get-queue, set-queue,
       reset-queue, event-config, event-avail, event-used, chain, used, get-devices, ping, event-device, answer]
    flow: to-destination
`;
const ROWS = [
  'p, @member, broker, argo, *, allow',
  'p, @member, @member, argo, *, allow',
  ...['device-info', 'set-status', 'set-features', 'get-queue', 'set-queue', 'chain'].map(
    (permission) => `p, mail-vm, chrome-vm, virtio-control, ${permission}, allow`,
  ),
  ...['answer', 'used', 'event-config'].map(
    (permission) => `p, chrome-vm, mail-vm, virtio-control, ${permission}, allow`,
  ),
];

function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'done',
    (error: unknown) => (error instanceof ArgusError || error instanceof DeviceError ? error.code : String(error)),
  );
}

bus('a console speaks both ways in both layouts; what policy does not allow is refused, and ends with the device', () =>
  withInstallation({ domains: { 'chrome-vm': [], 'mail-vm': [], 'web-vm': [] }, rows: ROWS }, async (installation) => {
    await installation.writePolicyFile('services.yaml', SERVICES);
    await installation.broker({ watchPolicy: false });
    const [offering, driving, other] = [
      await installation.connect('chrome-vm'),
      await installation.connect('mail-vm'),
      await installation.connect('web-vm'),
    ];
    const none = { device: new ConsoleDevice({ take: () => {} }), deviceId: 3 };
    for (const wrong of [
      { driver: 'mail-vm', devices: [] },
      { driver: 'mail-vm', bus: 1_000, devices: [none] },
    ])
      assert.is(await codeOf(offerVirtioMsg(offering, wrong)), 'ERR_DEVICE_OPTION');
    const heard: string[] = [];
    const device = new ConsoleDevice({ take: (bytes) => heard.push(Buffer.from(bytes).toString()) });
    const service = await offerVirtioMsg(offering, { driver: 'mail-vm', devices: [{ device, deviceId: 3 }] });
    for (const layout of [MessageLayout.rfc, MessageLayout.draft]) {
      const opened = await openVirtioMsg(driving, { from: 'chrome-vm', layout });
      await opened.device.start(0n);
      const line = opened.device.send(0, Buffer.alloc(0), 64);
      await opened.device.send(1, Buffer.from(`layout ${layout}`), 0);
      device.write(Buffer.from('heard'));
      assert.is(String(await line), 'heard');
      assert.is(await codeOf(opened.device.config(0, 4)), 'EACCES', 'get-config has no row');
      await opened.close();
      assert.is(await codeOf(opened.device.info()), 'ERR_DEVICE_LOST');
    }
    assert.equal(heard, ['layout 1', 'layout 2']);
    // Another domain finds no ring that takes its messages.
    const stranger = await openVirtioMsg(other, { from: 'chrome-vm' });
    assert.is.not(await codeOf(stranger.device.info()), 'done');
    await stranger.close();
    const last = await openVirtioMsg(driving, { from: 'chrome-vm' });
    await last.device.start(0n);
    const out = codeOf(last.device.send(0, Buffer.alloc(0), 64));
    await last.device.info();
    await offering.close();
    assert.is(await out, 'ERR_DEVICE_LOST', 'the domain of the device has gone');
    await service.ended;
    await last.close();
  }),
);

bus('a network card and a sound card of one bus carry frames and sound, each chain decided', () =>
  withInstallation({ domains: { 'chrome-vm': [], 'mail-vm': [] }, rows: ROWS }, async (installation) => {
    await installation.writePolicyFile('services.yaml', SERVICES);
    await installation.broker({ watchPolicy: false });
    const frames: string[] = [];
    const net = new NetDevice({ send: (frame) => frames.push(Buffer.from(frame).toString()), maxFrameBytes: 1_514 });
    const room = new Room();
    const sound = new SoundDevice(room);
    const service = await offerVirtioMsg(await installation.connect('chrome-vm'), {
      driver: 'mail-vm',
      devices: [
        { device: net, deviceId: 1, config: Buffer.from('020000000102', 'hex') },
        { device: sound, deviceId: 25 },
      ],
    });
    const driving = await installation.connect('mail-vm');
    const card = await openVirtioMsg(driving, { from: 'chrome-vm', bus: 0, number: 0 });
    await card.device.start(0n);
    const header = Buffer.alloc(12);
    await card.device.send(1, Buffer.concat([header, Buffer.from('a frame of twenty by')]), 0);
    assert.equal(frames, ['a frame of twenty by']);
    const arrives = card.device.send(0, Buffer.alloc(0), 1_526);
    await card.device.info();
    net.write(Buffer.from('another frame'));
    assert.is((await arrives).subarray(12).toString(), 'another frame');
    await card.close();

    const speaker = await openVirtioMsg(driving, { from: 'chrome-vm', number: 1 });
    await speaker.device.start(0n);
    const parameters = Buffer.concat([words(0x101, 0, 3_528, 1_764, 0), Buffer.from([2, 5, 6, 0])]);
    for (const request of [parameters, words(0x102, 0), words(0x104, 0)])
      assert.equal(await speaker.device.send(0, request, 4), words(0x8000));
    const status = await speaker.device.send(2, Buffer.concat([words(0), Buffer.alloc(1_764, 1)]), 8);
    assert.equal([status, room.playedBytes], [words(0x8000, 0), 1_764]);
    await speaker.close();
    await service.close();
  }),
);

bus.run();
