/** The watch over the own credential: when it asks, what it tells, and that it ends. */
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type RenewalParts, watchExpiry } from '../../clients/sdk/engine/renewal.ts';
import { ArgusError } from '../../clients/sdk/index.ts';
import { askForRenewal } from '../../clients/sdk/streams/renewal-request.ts';
import { createAuthority, type Identity, issueIdentity } from '../../keys/index.ts';
import { FakeClock } from '../support/clock.ts';
import { temporaryDirectory } from '../support/temp.ts';

const expiry = suite('sdk: the end of the own credential');

const TERM = 90 * 24 * 3_600;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const directory = temporaryDirectory();
const authority = await createAuthority(join(directory, 'authority'), 'unsealed');
const clock0 = new FakeClock();
const terms = { name: 'chrome-vm', role: 'domain', ttlSeconds: TERM } as const;
const fresh = await issueIdentity(authority, join(directory, 'chrome-vm'), terms, 'unsealed', { now: clock0.wall() });

interface Site {
  readonly clock: FakeClock;
  readonly told: string[];
  readonly end: () => void;
  pass(ms: number): Promise<void>;
}

function start(ask: RenewalParts['ask'], load: () => Promise<Identity> = async () => fresh): Site {
  const clock = new FakeClock();
  const told: string[] = [];
  const parts: RenewalParts = {
    load,
    ask,
    install: async (jwt) => {
      told.push(`install ${jwt}`);
      return { ...fresh.credential, expiresAt: 7 };
    },
    renewed: (expiresAt) => void told.push(`renewed ${expiresAt}`),
    expiring: (_expiresAt, cause) => void told.push(`expiring ${cause instanceof Error ? cause.message : cause}`),
  };
  const end = watchExpiry(parts, { schedule: clock.schedule, now: clock.mono, wallClock: clock.wall });
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= HOUR_MS) {
      clock.advance(Math.min(left, HOUR_MS));
      while (clock.pendingTimers === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { clock, told, end, pass };
}

expiry('nobody is asked before the last third of the term; then once an hour until it is done', async () => {
  let asked = 0;
  const site = start(async () => {
    asked += 1;
    if (asked === 1) throw new Error('no reply');
    return 'new';
  });
  await site.pass(59 * DAY_MS);
  assert.equal([asked, site.told.length], [0, 0]);
  await site.pass(DAY_MS + 2 * HOUR_MS);
  assert.equal(site.told.slice(0, 3), ['expiring no reply', 'install new', 'renewed 7']);
  site.end();
  assert.is(site.clock.pendingTimers, 0);
});

expiry('without an authority it says once a day that the credential ends', async () => {
  const { pass, told, end } = start(null);
  await pass(60 * DAY_MS + 2 * HOUR_MS);
  assert.equal(told, ['expiring null']);
  await pass(2 * DAY_MS);
  assert.equal(told, ['expiring null', 'expiring null', 'expiring null']);
  end();
});

expiry('a directory that cannot be read is looked at again', async () => {
  let loads = 0;
  const { pass, told, end } = start(null, async () => {
    loads += 1;
    throw new Error('half written');
  });
  await pass(5 * HOUR_MS);
  assert.ok(loads >= 5);
  assert.is(told.length, 0);
  end();
});

expiry('what comes after the end of the session is not installed', async () => {
  let answer: (jwt: string) => void = () => {};
  const site = start(() => new Promise((resolve) => (answer = resolve)));
  site.clock.advance(61 * DAY_MS);
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  site.end();
  answer('late');
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.equal([site.told.length, site.clock.pendingTimers], [0, 0]);
});

type AskedVm = Parameters<typeof askForRenewal>[0];

/** A VM whose authority answers with `payload`. */
function vmWith(payload: string, closed: string[] = []): AskedVm {
  return {
    registerRing: async () => ({}),
    unregisterRing: async () => void closed.push('closed'),
    request: async () => ({ payload: Buffer.from(payload) }),
  } as unknown as AskedVm;
}

expiry('the answer is a credential or a reason; its ring is closed in any case', async () => {
  const place = { domain: 'authority-vm', port: 17 };
  const closed: string[] = [];
  assert.is(await askForRenewal(vmWith('{"credential":"jwt"}', closed), place, fresh), 'jwt');
  for (const [payload, says] of [
    ['{"reason":"TOO_EARLY"}', /does not renew .*: TOO_EARLY$/],
    ['{"credential":5}', /no credential in its answer/],
    ['nonsense', /no credential in its answer/],
    ['null', /no credential in its answer/],
  ] as const) {
    const error = await askForRenewal(vmWith(payload, closed), place, fresh).catch((cause: unknown) => cause);
    assert.ok(error instanceof ArgusError && error.code === 'ERR_CLIENT_RENEWAL', payload);
    assert.match(error.message, says);
  }
  assert.is(closed.length, 5);
});

expiry.run();
