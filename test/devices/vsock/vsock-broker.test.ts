/** Vsock between two guests through a real broker: what policy allows, refuses and revokes, and what happens when a part dies. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type DeviceError, resolveDevices, startDevices } from '../../../clients/devices/index.ts';
import { Operation, SocketType, VSOCK_PORT_BASE } from '../../../clients/devices/vsock/index.ts';
import { codeOf, nextEvent } from '../../support/installation/installation.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { CID, type Guest, OPEN_ROWS, withGuests } from '../guest/site.ts';

const vsock = suite('vsock through the broker');
const NONE = new Uint8Array(0);

/** chrome-vm connects from its port to a service of mail-vm. */
async function connect(chrome: Guest, mail: Guest, ports: readonly [number, number] = [1_000, 80]): Promise<void> {
  chrome.driver.send(chrome.driver.packet(Operation.request, CID.mail, ports));
  assert.is(await mail.hears(), 'request');
  mail.driver.send(mail.driver.packet(Operation.response, CID.chrome, [ports[1], ports[0]]));
  assert.is(await chrome.hears(), 'response');
}

vsock('a request, data both ways and a shutdown pass between two guests; CIDs are domids', () =>
  withGuests(OPEN_ROWS, async (installation, boot) => {
    await installation.broker();
    const [mail, chrome] = [await boot('mail-vm', [80]), await boot('chrome-vm')];
    assert.equal([chrome.driver.cid, mail.driver.cid], [CID.chrome, CID.mail]);
    await connect(chrome, mail);
    chrome.driver.send(chrome.driver.packet(Operation.data, CID.mail, [1_000, 80]), 'GET /');
    const request = await mail.next();
    assert.equal([request.text, request.sourceCid, request.sourcePort], ['GET /', CID.chrome, 1_000]);
    mail.driver.send(mail.driver.packet(Operation.data, CID.chrome, [80, 1_000]), 'x'.repeat(10_000));
    let got = '';
    while (got.length < 10_000) got += (await chrome.next()).text;
    assert.is(got, 'x'.repeat(10_000));
    chrome.driver.send(chrome.driver.packet(Operation.shutdown, CID.mail, [1_000, 80], { flags: 3 }));
    assert.is((await mail.next()).flags, 3);
    mail.driver.send(mail.driver.packet(Operation.reset, CID.chrome, [80, 1_000]));
    assert.is(await chrome.hears(), 'reset');
    assert.equal([chrome.devices.vsock?.connections, mail.devices.vsock?.connections], [0, 0]);
    assert.equal(chrome.devices.vsock?.counts.refused, 0);
  }),
);

vsock(
  'denied, not offered, unknown CID and another class of port: the guest hears the same reset, its peer nothing',
  () =>
    withGuests(OPEN_ROWS, async (installation, boot) => {
      await installation.broker();
      const [mail, chrome, web] = [await boot('mail-vm', [80, 22]), await boot('chrome-vm'), await boot('web-vm')];
      const ways: readonly [guest: Guest, cid: number, port: number][] = [
        [chrome, CID.mail, 81], // not offered
        [chrome, CID.mail, 22], // class vsock-ssh, for which there is no row
        [chrome, CID.web, 80], // no row for this destination
        [chrome, 999, 80], // no such domain
        [web, CID.mail, 80], // may send, may not connect
        [mail, CID.chrome, 80], // may listen, may not connect
      ];
      for (const [guest, cid, port] of ways) {
        guest.driver.send(guest.driver.packet(Operation.request, cid, [1_000, port]));
        const { operation, sourceCid, sourcePort, destinationPort, flags, bufAlloc } = await guest.next();
        assert.equal(
          { operation, sourceCid, sourcePort, destinationPort, flags, bufAlloc },
          {
            operation: Operation.reset,
            sourceCid: cid,
            sourcePort: port,
            destinationPort: 1_000,
            flags: 0,
            bufAlloc: 0,
          },
        );
      }
      await connect(chrome, mail);
      const requests = mail.driver.heard.filter(({ operation }) => operation === Operation.request);
      assert.is(requests.length, 1, 'the guest of mail-vm heard of the allowed request only');
    }),
);

vsock('a policy that changes in the middle of a stream ends it on both sides, also while nobody speaks', () =>
  withGuests(OPEN_ROWS, async (installation, boot) => {
    const broker = await installation.broker({ watchPolicy: false });
    const [mail, chrome] = [await boot('mail-vm', [80]), await boot('chrome-vm')];
    await connect(chrome, mail);
    await installation.writeRows([
      ...OPEN_ROWS,
      'p, chrome-vm, mail-vm, vsock, send, deny',
      'p, mail-vm, chrome-vm, vsock, send, deny',
    ]);
    await broker.reload();
    assert.equal(await Promise.all([chrome.hears(), mail.hears()]), ['reset', 'reset']);
    await installation.writeRows(OPEN_ROWS);
    await broker.reload();
    await connect(chrome, mail, [1_001, 80]);
  }),
);

vsock('a grant that is missing from the start and comes later is enough: the port is offered then', () =>
  withGuests([...OPEN_ROWS, 'p, mail-vm, broker, argo, register_any_source, deny'], async (installation, boot) => {
    const broker = await installation.broker({ watchPolicy: false });
    const [mail, chrome] = [await boot('mail-vm', [80]), await boot('chrome-vm')];
    chrome.driver.send(chrome.driver.packet(Operation.request, CID.mail, [1_000, 80]));
    assert.is(await chrome.hears(), 'reset');
    await installation.writeRows(OPEN_ROWS);
    await broker.reload();
    while (!mail.said.some((line) => line.includes('offered again'))) await new Promise((done) => setImmediate(done));
    await connect(chrome, mail, [1_001, 80]);
  }),
);

vsock('the device process of the server dies: the client is reset at once', () =>
  withGuests(OPEN_ROWS, async (installation, boot) => {
    await installation.broker();
    const [mail, chrome] = [await boot('mail-vm', [80]), await boot('chrome-vm')];
    await connect(chrome, mail);
    mail.close();
    await mail.vm.close();
    assert.is(await chrome.hears(), 'reset');
  }),
);

vsock('the broker dies: both guests are reset, and connect again when it is back', () =>
  withGuests(OPEN_ROWS, async (installation, boot) => {
    const broker = await installation.broker();
    const [mail, chrome] = [await boot('mail-vm', [80]), await boot('chrome-vm')];
    await connect(chrome, mail);
    const back = [chrome, mail].map(({ vm }) => nextEvent(vm, 'reconnected'));
    await broker.close();
    assert.equal(await Promise.all([chrome.hears(), mail.hears()]), ['reset', 'reset']);
    await installation.broker();
    await Promise.all(back);
    await connect(chrome, mail, [1_001, 80]);
  }),
);

vsock('the guest is reset by its VMM: its peer is reset, and its device serves the next boot', () =>
  withGuests(OPEN_ROWS, async (installation, boot) => {
    await installation.broker();
    const [mail, chrome] = [await boot('mail-vm', [80]), await boot('chrome-vm')];
    await connect(chrome, mail);
    chrome.vmm.close();
    assert.is(await mail.hears(), 'reset');
    assert.is(mail.devices.vsock?.connections, 0);
  }),
);

vsock('a forged source CID reaches nobody', () =>
  withGuests(OPEN_ROWS, async (installation, boot) => {
    await installation.broker();
    const [mail, chrome] = [await boot('mail-vm', [80]), await boot('chrome-vm')];
    chrome.driver.send(chrome.driver.packet(Operation.request, CID.mail, [1_000, 80], { sourceCid: CID.web }));
    await connect(chrome, mail, [1_001, 80]);
    assert.is(chrome.devices.vsock?.counts.forged, 1);
    assert.equal(
      mail.driver.heard.map(({ sourceCid, sourcePort }) => [sourceCid, sourcePort]),
      [[CID.chrome, 1_001]],
    );
  }),
);

vsock('a domain that speaks the SDK itself gains nothing: the inspector and the device hold it to the protocol', () =>
  withGuests(OPEN_ROWS, async (installation, boot) => {
    await installation.broker();
    const [mail, chrome] = [await boot('mail-vm', [80, 81]), await boot('chrome-vm')];
    await connect(chrome, mail);
    const web = await installation.connect('web-vm');
    // Data for the connection of chrome-vm, which web-vm may send by policy: it is no connection of web-vm.
    const header = Buffer.alloc(24);
    header.set([1, Operation.data, SocketType.stream, 0]);
    header.writeUInt32LE(1_000, 4);
    header.writeUInt32LE(80, 8);
    const to = { domain: 'mail-vm', port: VSOCK_PORT_BASE + 80 };
    await web.sendv({ to, iov: [header, Buffer.from('smuggled')] });
    chrome.driver.send(chrome.driver.packet(Operation.data, CID.mail, [1_000, 80]), 'genuine');
    assert.is(await mail.hears(), 'data genuine');
    header[0] = 2;
    assert.is(await codeOf(web.sendv({ to, iov: [header, NONE] })), 'EINVAL');
  }),
);

vsock('a guest reaches a service of the host that policy names, and no other', () =>
  withGuests(
    [...OPEN_ROWS, 'p, chrome-vm, web-vm, vsock, *, allow', 'p, web-vm, chrome-vm, vsock, *, allow'],
    async (installation, boot) => {
      const broker = await installation.broker({ watchPolicy: false });
      const path = join(temporaryDirectory(), 'service');
      const service = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(path);
      await once(service, 'listening');
      const config = resolveDevices({ hostService: [`5000=${path}`, `22=${path}`] });
      const host = await startDevices(await installation.connect('web-vm'), config, () => {});
      const [chrome, mail] = [await boot('chrome-vm'), await boot('mail-vm')];
      const packet = (guest: Guest, operation: Operation, port: number, more = {}) =>
        guest.driver.packet(operation, CID.web, [1_000, port], more);
      // mail-vm has no row; port 22 is of another class; nothing is at port 5001.
      for (const [guest, port] of [
        [mail, 5000],
        [chrome, 22],
        [chrome, 5001],
      ] as const) {
        guest.driver.send(packet(guest, Operation.request, port));
        assert.is(await guest.hears(), 'reset');
      }
      chrome.driver.send(packet(chrome, Operation.request, 5000));
      assert.is(await chrome.hears(), 'response');
      chrome.driver.send(packet(chrome, Operation.data, 5000), 'hello');
      assert.is(await chrome.hears(), 'data hello');
      assert.is(host.hostServices?.connections, 1);
      await installation.writeRows(OPEN_ROWS);
      await broker.reload();
      assert.is(await chrome.hears(), 'reset', 'a revocation ends it');
      await host.close();
      service.close();
    },
  ),
);

vsock('a domain whose domid is no CID is refused with what to do', () =>
  withGuests(OPEN_ROWS, async (installation) => {
    await installation.broker();
    const vm = await installation.connect('first');
    const config = resolveDevices({ vsock: `${installation.directory}/v.sock` });
    const error = await startDevices(vm, config, () => {}).then(
      () => null,
      (reason: DeviceError) => reason,
    );
    assert.is(error?.code, 'ERR_DEVICE_CID');
    assert.match(error?.message ?? '', 'domains.yaml');
  }),
);

vsock.run();
