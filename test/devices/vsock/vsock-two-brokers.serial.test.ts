/** Vsock between guests at two brokers: the same rules as at one broker, and each message is decided by both. */
import { writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Operation } from '../../../clients/devices/vsock/index.ts';
import { NatsInstallation } from '../../support/nats/installation.ts';
import { needs } from '../../support/needs.ts';
import { bootGuest, type Guest, SERVICES } from '../guest/site.ts';

const vsock = suite('vsock between two brokers');
/** Their places are their domids; 1 and 2 are no CIDs. */
const MEMBERS = [
  { name: 'first', home: 'one' },
  { name: 'second', home: 'two' },
  { name: 'chrome-vm', home: 'one' },
  { name: 'mail-vm', home: 'two' },
];
const CID = { chrome: 3, mail: 4 } as const;
const ROWS = [
  'p, @vm, broker, argo, *, allow',
  'p, @vm, @vm, argo, *, allow',
  ...['connect', 'send'].map((permission) => `p, chrome-vm, mail-vm, vsock, ${permission}, allow`),
  ...['listen', 'send'].map((permission) => `p, mail-vm, chrome-vm, vsock, ${permission}, allow`),
];

needs('nats-server', 'nats-server')(vsock, 'a guest talks to one at another broker as policy lets it', async () => {
  const installation = await NatsInstallation.set();
  const guests: Guest[] = [];
  try {
    await installation.enrol(MEMBERS, ['one', 'two']);
    writeFileSync(installation.path('policy/services.yaml'), SERVICES);
    writeFileSync(installation.path('policy/policy.csv'), ROWS.map((row) => `${row}\n`).join(''));
    await installation.startServer();
    const [one, two] = [await installation.startBroker('one'), await installation.startBroker('two')];
    while (![one, two].every((broker) => broker.status().brokers.every(({ session }) => session !== null)))
      await new Promise((resolve) => setTimeout(resolve, 5));
    const boot = async (name: string, carrier: string, services: readonly number[]): Promise<Guest> => {
      const guest = await bootGuest(await installation.connect(name, { carrier }), services);
      guests.push(guest);
      return guest;
    };
    const mail = await boot('mail-vm', two.carrierOf('mail-vm'), [80, 22]);
    const chrome = await boot('chrome-vm', one.carrierOf('chrome-vm'), []);

    const ask = (cid: number, port: number): void =>
      chrome.driver.send(chrome.driver.packet(Operation.request, cid, [1_000, port]));
    // Not offered, another class without a row, and nobody: all the same to the guest.
    for (const [cid, port] of [
      [CID.mail, 81],
      [CID.mail, 22],
      [999, 80],
    ] as const) {
      ask(cid, port);
      assert.is(await chrome.hears(), 'reset');
    }
    ask(CID.mail, 80);
    const request = await mail.next();
    assert.equal([request.operation, request.sourceCid], [Operation.request, CID.chrome]);
    assert.is(mail.driver.heard.length, 1, 'the guest heard of the allowed request only');
    mail.driver.send(mail.driver.packet(Operation.response, CID.chrome, [80, 1_000]));
    assert.is(await chrome.hears(), 'response');
    chrome.driver.send(chrome.driver.packet(Operation.data, CID.mail, [1_000, 80]), 'GET /');
    assert.is((await mail.next()).text, 'GET /');
    mail.driver.send(mail.driver.packet(Operation.data, CID.chrome, [80, 1_000]), 'x'.repeat(10_000));
    let got = '';
    while (got.length < 10_000) got += (await chrome.next()).text;
    assert.is(got, 'x'.repeat(10_000));

    // The other broker ends: the guest here hears of it.
    await two.close();
    assert.is(await chrome.hears(), 'reset');
    assert.is(chrome.devices.vsock?.connections, 0);
  } finally {
    for (const guest of guests) guest.close();
    await installation.strike();
  }
});

vsock.run();
