/** The watch for a new credential: it looks at the file from time to time, and presents what is new in the session. */
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type DomainFrame, Op } from '../../broker/wire/index.ts';
import { watchCredential } from '../../clients/sdk/engine/credential-watch.ts';
import { CREDENTIAL_CHECK_MS } from '../../clients/sdk/limits.ts';
import { NODE_PLATFORM } from '../../clients/sdk/platform.ts';
import { createAuthority, issueIdentity } from '../../keys/index.ts';
import { FakeClock } from '../support/clock.ts';
import { temporaryDirectory } from '../support/temp.ts';

const watch = suite('sdk: a new credential');
const directory = temporaryDirectory();
const authority = await createAuthority(join(directory, 'authority'), 'unsealed');
const TERMS = { name: 'chrome-vm', role: 'domain', ttlSeconds: 60 } as const;
const renewed = await issueIdentity(authority, join(directory, 'chrome-vm'), TERMS, 'unsealed');

interface Site {
  readonly clock: FakeClock;
  readonly sent: DomainFrame[];
  readonly end: () => void;
  /** What the directory holds, and whether it can be loaded. */
  readonly disk: { credential: string; isBroken: boolean; loads: number; hasRoom: boolean };
  readonly look: () => Promise<void>;
}

function start(): Site {
  const clock = new FakeClock();
  const sent: DomainFrame[] = [];
  const disk = { credential: 'old', isBroken: false, loads: 0, hasRoom: true };
  const session = {
    request: (frame: DomainFrame): boolean => {
      if (disk.hasRoom) sent.push(frame);
      return disk.hasRoom;
    },
  };
  const source = {
    isReplaced: async (known: string) => disk.credential !== known,
    load: async () => {
      disk.loads += 1;
      if (disk.isBroken) throw new Error('half written');
      return renewed;
    },
  };
  const platform = { ...NODE_PLATFORM, schedule: clock.schedule };
  const end = watchCredential(session, 'transcript', 'old', source, platform);
  const look = async (): Promise<void> => {
    clock.advance(CREDENTIAL_CHECK_MS);
    // Loading and signing take turns of their own: the next look is scheduled when they are done.
    while (clock.pendingTimers === 0) await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, sent, end, disk, look };
}

watch('a credential that stays is not read twice; a new one is presented once', async () => {
  const { sent, disk, look, end, clock } = start();
  await look();
  assert.equal([sent.length, disk.loads], [0, 0]);
  disk.credential = renewed.credentialJwt;
  await look();
  await look();
  assert.equal(
    sent.map(({ op }) => op),
    [Op.credential],
  );
  assert.is(disk.loads, 1);
  end();
  assert.is(clock.pendingTimers, 0);
});

watch('what cannot be loaded or sent now is tried again', async () => {
  const { sent, disk, look, end } = start();
  disk.credential = renewed.credentialJwt;
  disk.isBroken = true;
  await look();
  disk.isBroken = false;
  disk.hasRoom = false;
  await look();
  assert.equal([sent.length, disk.loads], [0, 2]);
  disk.hasRoom = true;
  await look();
  assert.is(sent.length, 1);
  end();
});

watch('a watch that ended while it loaded presents nothing', async () => {
  const { sent, disk, end, clock } = start();
  disk.credential = renewed.credentialJwt;
  clock.advance(CREDENTIAL_CHECK_MS);
  end();
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.equal([sent.length, clock.pendingTimers], [0, 0]);
});

watch.run();
