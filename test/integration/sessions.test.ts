/** Who gets a session, who does not and is told why, and what happens to those that end. */
import { createConnection } from 'node:net';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { tailAudit } from '../../broker/audit/index.ts';
import { createAuthority, type Identity, loadIdentity } from '../../keys/index.ts';
import { type InstallationCarrier, onEachCarrier } from '../support/installation/carriers.ts';
import {
  codeOf,
  DATA_PORT,
  type Installation,
  nextEvent,
  withInstallation,
} from '../support/installation/installation.ts';
import { temporaryDirectory } from '../support/temp.ts';

const sessions = onEachCarrier('sessions with a broker');

const TO_MAIL = { domain: 'mail-vm', port: DATA_PORT };
const DAY_SECONDS = 86_400;

async function refusalsOf(installation: Installation): Promise<unknown[]> {
  const reasons = [];
  for await (const { parsed } of tailAudit(installation.audit, { lines: 1_000 })) {
    if (typeof parsed !== 'string' && parsed.event === 'session.refused') reasons.push(parsed.fields.reason);
  }
  return reasons;
}

/** An identity as a machine with another clock, or with a copied credential, would load it. */
async function identityAt(installation: Installation, place: string, now: number): Promise<Identity> {
  return loadIdentity(installation.identityOf(place), { now });
}

const STRANGERS: readonly (readonly [
  who: string,
  code: string,
  reason: string,
  is: (installation: Installation) => Promise<Identity>,
  /** Why it does not come so far over NATS. */
  notOverNats?: string,
])[] = [
  [
    'an expired credential',
    'ERR_CLIENT_CREDENTIAL_EXPIRED',
    'EXPIRED',
    async (installation) => {
      const past = Date.now() - DAY_SECONDS * 1_000;
      await installation.issue('chrome-vm', 'domain', { now: past, ttlSeconds: 3_600 });
      return identityAt(installation, 'chrome-vm', past);
    },
  ],
  [
    'a credential from a clock that is far ahead',
    'ERR_CLIENT_CREDENTIAL_NOT_YET_VALID',
    'NOT_YET_VALID',
    async (installation) => {
      const future = Date.now() + DAY_SECONDS * 1_000;
      await installation.issue('chrome-vm', 'domain', { now: future });
      return identityAt(installation, 'chrome-vm', future);
    },
  ],
  [
    'a credential of a foreign authority',
    'ERR_CLIENT_CREDENTIAL_FOREIGN',
    'FOREIGN_AUTHORITY',
    async (installation) => {
      const authority = await createAuthority(join(temporaryDirectory(), 'authority'), 'unsealed');
      await installation.issue('foreign', 'domain', { name: 'chrome-vm', authority });
      return identityAt(installation, 'foreign', Date.now());
    },
  ],
  [
    'the credential of another domain',
    'ERR_CLIENT_WRONG_CARRIER',
    'WRONG_PEER',
    (installation) => identityAt(installation, 'mail-vm', Date.now()),
    'its nkey has no subjects but its own',
  ],
  [
    'the credential of a broker',
    'ERR_CLIENT_REFUSED',
    'WRONG_ROLE',
    async (installation) => identityAt(installation, 'broker', Date.now()),
    'its nkey has no subjects but its own',
  ],
];

for (const [who, code, reason, identity, notOverNats] of STRANGERS) {
  const name = `${who} opens no session: ${code}, and a record of the refusal`;
  const isRefused = (carrier: InstallationCarrier): Promise<void> =>
    withInstallation({ carrier }, async (installation) => {
      const broker = await installation.broker();
      const attempt = installation.connect('chrome-vm', { identity: await identity(installation) });
      assert.is(await codeOf(attempt), code);
      assert.is(broker.status().domains.filter(({ session }) => session !== null).length, 0);
      await broker.close();
      assert.equal(await refusalsOf(installation), [reason]);
    });
  if (notOverNats === undefined) sessions(name, isRefused);
  else sessions.only('unix', notOverNats, name, isRefused);
}

sessions.only(
  'unix',
  'the stranger is a bare socket',
  'a stranger that was refused and does not hang up is hung up on',
  () =>
    withInstallation({}, async (installation) => {
      await installation.broker();
      const stranger = createConnection({ path: join(installation.runtime, 'chrome-vm.sock'), allowHalfOpen: true });
      const closed = new Promise<void>((resolve) => stranger.once('close', () => resolve()));
      stranger.on('error', () => {});
      const isEnded = new Promise<void>((resolve) => stranger.once('end', resolve));
      stranger.resume();
      stranger.write('no record at all, and long enough for a header');
      await isEnded;
      // It goes on talking, which fails once the broker has let go of the socket.
      const talk = setInterval(() => stranger.write('still here'), 10);
      await closed;
      clearInterval(talk);
    }),
);

sessions.only(
  'unix',
  'over TCP, where anybody can come',
  'a domain that is not in the inventory is refused and recorded',
  () =>
    withInstallation({}, async (installation) => {
      const broker = await installation.broker({ tcp: '127.0.0.1:0' });
      await installation.issue('stranger-vm', 'domain');
      assert.is(await codeOf(installation.connect('stranger-vm', { carrier: broker.tcp ?? '' })), 'ERR_CLIENT_REMOVED');
      await broker.close();
      assert.equal(await refusalsOf(installation), ['UNKNOWN_DOMAIN']);
    }),
);

sessions('clocks that differ by less than a minute do not matter', (carrier) =>
  withInstallation({ carrier }, async (installation) => {
    await installation.broker();
    const ahead = Date.now() + 50_000;
    await installation.issue('chrome-vm', 'domain', { now: ahead });
    const vm = await installation.connect('chrome-vm', {
      identity: await identityAt(installation, 'chrome-vm', ahead),
    });
    assert.is(vm.state, 'connected');
  }),
);

sessions('a client that expects another broker does not talk to this one', (carrier) =>
  withInstallation({ carrier }, async (installation) => {
    await installation.broker();
    assert.is(await codeOf(installation.connect('chrome-vm', { broker: 'other' })), 'ERR_CLIENT_BROKER_IDENTITY');
    assert.is((await installation.connect('chrome-vm', { broker: 'argus' })).brokerName, 'argus');
  }),
);

sessions.only('unix', 'over NATS the server is there', 'a broker that is not there is ERR_CLIENT_UNREACHABLE', () =>
  withInstallation({}, async (installation) => {
    assert.is(await codeOf(installation.connect('chrome-vm')), 'ERR_CLIENT_UNREACHABLE');
    assert.is(
      await codeOf(installation.connect('chrome-vm', { carrier: 'tcp:127.0.0.1:1' })),
      'ERR_CLIENT_UNREACHABLE',
    );
  }),
);

sessions('a newer session of the same domain supersedes the older, which does not come back', (carrier) =>
  withInstallation({ carrier }, async (installation) => {
    const broker = await installation.broker();
    const older = await installation.connect('chrome-vm');
    const superseded = nextEvent(older, 'disconnected');
    const newer = await installation.connect('chrome-vm');
    const { reason, isFinal } = await superseded;
    assert.is(reason.code, 'ERR_CLIENT_SUPERSEDED');
    assert.is(isFinal, true);
    assert.is(older.state, 'closed');
    assert.is(newer.state, 'connected');
    assert.is(broker.status().domains.filter(({ session }) => session !== null).length, 1);
  }),
);

sessions('senders are told when a receiver goes, and how much it has not consumed', (carrier) =>
  withInstallation({ carrier }, async (installation) => {
    await installation.broker();
    const [mail, chrome] = [await installation.connect('mail-vm'), await installation.connect('chrome-vm')];
    await mail.registerRing({ port: DATA_PORT, partner: 'any', length: 65_536 });
    for (let sent = 0; sent < 3; sent++) await chrome.sendv({ to: TO_MAIL, iov: new Uint8Array(100) });
    const gone = nextEvent(chrome, 'peer-gone');
    await mail.close();
    assert.equal(await gone, { domid: 3, port: DATA_PORT, messages: 3, bytes: 3 * (16 + 112) });
    assert.is(await codeOf(chrome.sendv({ to: TO_MAIL, iov: new Uint8Array(1) })), 'ECONNREFUSED');
  }),
);

sessions(
  'after a restart of the broker a client comes back by itself, its rings are there, and messages flow',
  (carrier) =>
    withInstallation({ carrier }, async (installation) => {
      const first = await installation.broker();
      const [mail, chrome] = [await installation.connect('mail-vm'), await installation.connect('chrome-vm')];
      const ring = await mail.registerRing({ port: DATA_PORT, partner: 'any', length: 4_096 });
      await chrome.sendv({ to: TO_MAIL, type: 1, iov: new Uint8Array(8) });
      const lost = nextEvent(mail, 'disconnected');
      const back = [nextEvent(mail, 'reconnected'), nextEvent(chrome, 'reconnected')];
      await first.close();
      const { reason, isFinal } = await lost;
      assert.is(reason.code, 'ERR_CLIENT_SHUTDOWN');
      assert.is(isFinal, false);
      await installation.broker();
      await Promise.all(back);
      await chrome.sendv({ to: TO_MAIL, type: 2, iov: new Uint8Array(8) });
      assert.equal([(await ring.receive())?.type, (await ring.receive())?.type], [1, 2]);
    }),
);

sessions('what was in flight when the session was lost is reported: ECONNRESET, outcome unknown', (carrier) =>
  withInstallation({ carrier }, async (installation) => {
    const broker = await installation.broker();
    const mail = await installation.connect('mail-vm');
    const { gate, carrier: gated } = await installation.gateOf('chrome-vm');
    try {
      const chrome = await installation.connect('chrome-vm', { carrier: gated });
      const ring = await mail.registerRing({ port: DATA_PORT, partner: 'any', length: 65_536 });
      await chrome.sendv({ to: TO_MAIL, iov: new Uint8Array(8) }); // the name is known from here on
      gate.shut();
      const sends = Array.from({ length: 5 }, () => chrome.sendv({ to: TO_MAIL, iov: new Uint8Array(8) }));
      const outcomes = Promise.allSettled(sends);
      for (let read = 0; read < 6; read++) await ring.receive();
      const lost = nextEvent(chrome, 'disconnected');
      gate.close();
      assert.is((await lost).inFlight, 5);
      for (const outcome of await outcomes) {
        assert.is(outcome.status, 'rejected');
        if (outcome.status === 'rejected')
          assert.equal([outcome.reason.code, outcome.reason.outcome], ['ECONNRESET', 'unknown']);
      }
      assert.is(broker.status().messages, 6);
    } finally {
      gate.close();
    }
  }),
);

sessions.run();
