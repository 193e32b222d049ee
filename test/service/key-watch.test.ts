/** A new revocation list: what happens at once, what waits, and how much work it is. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { memoryAudit } from '../../broker/audit/index.ts';
import { type KeyStore, KeyWatch } from '../../broker/service/key-watch.ts';
import { findRevocation } from '../../keys/credential/revocation-list.ts';
import type { Credential, RevocationList, Role } from '../../keys/index.ts';
import { FakeClock } from '../support/clock.ts';

const watches = suite('revocation at a running broker');

const ISSUER = 'i'.repeat(43);

function holder(name: string, role: Role = 'domain'): Credential {
  const times = { issuedAt: 0, notBefore: 0, expiresAt: 2 ** 40 };
  return {
    ...times,
    jti: name,
    issuer: ISSUER,
    name,
    role,
    thumbprint: name.padEnd(43, 'x'),
    generation: 1,
    revocationSerial: 0,
  };
}

function entryOf(name: string): RevocationList['entries'][number] {
  const terms = { reason: 'stolen', at: 0, until: null };
  return { target: 'holder', role: 'domain', name, generation: 1, ...terms };
}

/** A list that counts how many of its entries were read. */
class CountedList implements RevocationList {
  readonly issuer = ISSUER;
  readonly serial = 1;
  readonly issuedAt = 0;
  read = 0;
  readonly entries: RevocationList['entries'];

  constructor(entries: RevocationList['entries']) {
    this.entries = new Proxy(entries, {
      get: (target, key) => {
        if (typeof key === 'string' && /^\d+$/.test(key)) this.read++;
        return Reflect.get(target, key) as unknown;
      },
    });
  }
}

/** Its disk never finishes. */
class StuckStore implements KeyStore {
  readonly list: RevocationList;
  readonly signedList = 'signed';
  readonly isStale = false;
  readonly onDisk: Promise<void>;
  finish: () => void = () => {};
  judged = 0;

  constructor(list: RevocationList) {
    this.list = list;
    this.onDisk = new Promise((resolve) => {
      this.finish = resolve;
    });
  }

  async install(): ReturnType<KeyStore['install']> {
    return { ok: true, isNew: true, list: this.list, written: this.onDisk };
  }

  judge(credential: Credential): ReturnType<KeyStore['judge']> {
    this.judged++;
    return findRevocation(this.list, credential, 1) === null ? null : 'REVOKED';
  }

  async noteProven(): Promise<void> {}

  holders(): ReturnType<KeyStore['holders']> {
    return [];
  }
}

function watchOf(store: KeyStore): { watch: KeyWatch; order: string[] } {
  const audit = memoryAudit();
  const order: string[] = [];
  const log = { warn: () => undefined, error: () => undefined };
  const recording = { record: (event: Parameters<typeof audit.record>[0]) => void order.push(event.event) };
  return { watch: new KeyWatch(store, recording, log, new FakeClock() as never), order };
}

watches('sessions end and other brokers get the list before the log and the disk have it', async () => {
  const store = new StuckStore(new CountedList([entryOf('thief')]));
  const { watch, order } = watchOf(store);
  watch.watch({
    endRevoked: (isRevoked) => {
      const ended = [holder('thief'), holder('other')].filter(isRevoked);
      order.push(`ended ${ended.map(({ name }) => name)}`);
      return ended.length;
    },
  });
  watch.announceTo({ listInstalled: (jws) => void order.push(`announced ${jws}`) });
  const installed = watch.install('signed');
  // The store verified the list: all that follows is one turn.
  await Promise.resolve();
  await Promise.resolve();
  assert.equal(order, ['ended thief', 'announced signed', 'key.list']);
  store.finish();
  assert.is((await installed).ended, 1);
  watch.close();
});

watches('each session is looked at once, and the entries of a long list are read once for all of them', async () => {
  const list = new CountedList(Array.from({ length: 8_000 }, (_, index) => entryOf(`gone-${index}`)));
  const store = new StuckStore(list);
  const { watch } = watchOf(store);
  const open = Array.from({ length: 1_000 }, (_, index) => holder(`vm-${index}`));
  watch.watch({ endRevoked: (isRevoked) => open.filter(isRevoked).length });
  watch.watch({ endRevoked: (isRevoked) => [holder('gone-7999'), holder('two', 'broker')].filter(isRevoked).length });
  const installed = watch.install('signed');
  store.finish();
  assert.is((await installed).ended, 1);
  assert.is(store.judged, 1_002);
  assert.is(list.read, 8_000);
  watch.close();
});

watches.run();
