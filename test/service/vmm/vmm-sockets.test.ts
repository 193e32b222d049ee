/**
 * Sockets of VMMs that run as users of their own: which user reaches which socket. The table of plants shows that the
 * owner of such a directory cannot misuse a broker that runs as root.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Carrier, carrierPlace, type Reachable } from '../../../broker/carrier/index.ts';
import { DomainListeners, prepareRuntime } from '../../../broker/carrier/listeners.ts';
import type { BrokerError } from '../../../broker/index.ts';
import { openEnrolment } from '../../../clients/vm/index.ts';
import { createAuthority } from '../../../keys/index.ts';
import { codeOf } from '../../support/installation/installation.ts';
import { ALICE, asUser, BOB, newCorner, newRuntime, reach, startAs, withUsers } from './vmm.ts';

const sockets = suite('sockets of VMMs that are users');

const machine = (name: string, vmm: string | number | null, carrier: string | null = 'serial'): Reachable => ({
  name,
  carrier,
  vmm,
});
const HOUSE: readonly Reachable[] = [machine('a-vm', ALICE), machine('b-vm', BOB), machine('host-process', null, null)];

class Host {
  readonly runtime = newRuntime();
  readonly corner = newCorner();
  readonly accepted: Carrier[] = [];
  readonly reported: string[] = [];
  #listeners: DomainListeners | null = null;
  #onAccept: (() => void) | null = null;

  async start(domains: readonly Reachable[] = HOUSE): Promise<void> {
    await prepareRuntime(this.runtime);
    this.#listeners = new DomainListeners(
      this.runtime,
      (carrier) => {
        this.accepted.push(carrier);
        carrier.open({ onChunk: () => {}, onDrain: () => {}, onClosed: () => {} });
        this.#onAccept?.();
      },
      (domain, error: BrokerError) => this.reported.push(`${domain} ${error.code}`),
    );
    await this.#listeners.sync(domains);
  }

  async sync(domains: readonly Reachable[]): Promise<void> {
    await this.#listeners?.sync(domains);
  }

  nextAccepted(): Promise<void> {
    return new Promise((resolve) => {
      this.#onAccept = resolve;
    });
  }

  async stop(): Promise<void> {
    for (const carrier of this.accepted) carrier.destroy();
    await this.#listeners?.close();
  }

  path(name: string): string {
    return join(this.runtime, name);
  }
}

async function withHost(run: (host: Host) => Promise<void>): Promise<void> {
  const host = new Host();
  try {
    await run(host);
  } finally {
    await host.stop();
  }
}

const ownerAndMode = (path: string): string => {
  const { uid, mode } = lstatSync(path);
  return `${uid} ${(mode & 0o777).toString(8)}`;
};

withUsers(sockets, 'a VMM reaches its own domain’s socket and no other, and cannot look around', () =>
  withHost(async (host) => {
    await host.start();
    const [a, b, plain] = [host.path('a-vm/argus.sock'), host.path('b-vm/argus.sock'), host.path('host-process.sock')];
    assert.equal(await reach(ALICE, a, b, plain), ['ok', 'EACCES', 'EACCES']);
    assert.equal(await reach(BOB, a, b, plain), ['EACCES', 'ok', 'EACCES']);
    assert.is(host.accepted.map(({ domain }) => domain).join(), 'a-vm,b-vm');
    const look =
      "for (const path of argv) try { fs.readdirSync(path); console.log('seen') } catch (e) { console.log(e.code) }";
    const seen = await asUser(ALICE, look, host.runtime, host.path('b-vm'), host.path('.making'), host.path('a-vm'));
    assert.equal(seen.trimEnd().split('\n'), ['EACCES', 'EACCES', 'EACCES', 'seen']);
  }),
);

withUsers(sockets, 'directories are 0700 and sockets 0600, both of the VMM’s user; the one above is the broker’s', () =>
  withHost(async (host) => {
    await host.start();
    assert.is(ownerAndMode(host.path('a-vm')), `${ALICE} 700`);
    assert.is(ownerAndMode(host.path('a-vm/argus.sock')), `${ALICE} 600`);
    assert.is(ownerAndMode(host.runtime), '0 711');
    assert.is(ownerAndMode(host.path('.making')), '0 700');
    assert.equal(readdirSync(host.path('.making')), []);
    await host.stop();
    assert.not.ok(existsSync(host.path('a-vm/argus.sock')));
    assert.not.ok(existsSync(host.path('host-process.sock')));
  }),
);

/**
 * Entries that a user may have put in place of the broker's socket. `secret` is a file of root, `served` a socket of
 * root.
 */
const PLANTS: readonly (readonly [what: string, plant: (at: string, secret: string, served: string) => void])[] = [
  ['a link to a file of root’s', (at, secret) => symlinkSync(secret, at)],
  ['a link to nothing', (at, secret) => symlinkSync(`${secret}.not`, at)],
  ['a link to a socket that is served', (at, _, served) => symlinkSync(served, at)],
  // The kernel refuses this to the user where fs.protected_hardlinks is 1; root does it for the test.
  ['a hard link to a file of root’s', (at, secret) => linkSync(secret, at)],
  ['a hard link to a socket that is served', (at, _, served) => linkSync(served, at)],
  ['a file', (at) => writeFileSync(at, '')],
];

for (const [what, plant] of PLANTS) {
  withUsers(sockets, `a broker that starts over ${what} replaces it and touches nothing else`, () =>
    withHost(async (host) => {
      await host.start();
      await host.stop();
      const secret = join(host.corner, 'secret');
      writeFileSync(secret, 'of root', { mode: 0o640 });
      const served = join(host.corner, 'served.sock');
      const callers: unknown[] = [];
      const server = await serve(served, (socket) => callers.push(socket));
      chmodSync(served, 0o640);
      const before = [ownerAndMode(secret), ownerAndMode(served), readFileSync(secret, 'utf8')];
      const at = host.path('a-vm/argus.sock');
      plant(at, secret, served);
      await host.start();
      assert.equal([ownerAndMode(secret), ownerAndMode(served), readFileSync(secret, 'utf8')], before);
      assert.not.ok(existsSync(`${secret}.not`));
      assert.equal(callers, []);
      assert.is(ownerAndMode(at), `${ALICE} 600`);
      assert.equal(await reach(ALICE, at), ['ok']);
      // If it is planted while the broker runs, stopping the broker removes only the link and not its target.
      unlinkSync(at);
      plant(at, secret, served);
      await host.stop();
      assert.equal([ownerAndMode(secret), ownerAndMode(served), readFileSync(secret, 'utf8')], before);
      server.close();
    }),
  );
}

withUsers(sockets, 'a user who changes files under a starting broker’s hands leads it nowhere', () =>
  withHost(async (host) => {
    const secret = join(host.corner, 'secret');
    writeFileSync(secret, 'of root', { mode: 0o640 });
    await host.start();
    const swap = `process.stdout.write('.'); for (;;) {
      try { fs.symlinkSync(argv[1], argv[0] + '.new'); fs.renameSync(argv[0] + '.new', argv[0]); } catch {}
      try { fs.renameSync(argv[0], argv[0] + '.old'); } catch {} }`;
    const attacker = startAs(ALICE, swap, host.path('a-vm/argus.sock'), secret);
    await new Promise((resolve) => attacker.stdout?.once('data', resolve));
    for (let restart = 0; restart < 25; restart++) {
      await host.stop();
      await host.start();
    }
    const gone = new Promise((resolve) => attacker.once('exit', resolve));
    attacker.kill('SIGKILL');
    await gone;
    assert.is(ownerAndMode(secret), '0 640');
    assert.is(ownerAndMode(host.path('a-vm')), `${ALICE} 700`);
    assert.equal(await reach(BOB, host.path('b-vm/argus.sock')), ['ok']);
  }),
);

withUsers(sockets, 'a user who blocks its own way in is reported, and stops nobody else’s', () =>
  withHost(async (host) => {
    await host.start();
    await host.stop();
    mkdirSync(host.path('a-vm/argus.sock'));
    await host.start();
    assert.equal(host.reported, ['a-vm ERR_BROKER_VMM_DIRECTORY']);
    assert.equal(await reach(BOB, host.path('b-vm/argus.sock')), ['ok']);
    await asUser(ALICE, 'fs.rmdirSync(argv[0])', host.path('a-vm/argus.sock')).catch(() => {});
    chownSync(host.path('a-vm'), ALICE, 0);
    await host.sync(HOUSE);
    assert.equal(await reach(ALICE, host.path('a-vm/argus.sock')), ['ok']);
  }),
);

withUsers(sockets, 'a domain that gets another user gets another directory, once the old one is left', () =>
  withHost(async (host) => {
    const moved = [machine('a-vm', BOB), machine('host-process', null, null)];
    await host.start();
    await host.sync(moved);
    const path = host.path('a-vm/argus.sock');
    assert.is(ownerAndMode(host.path('a-vm')), `${BOB} 700`);
    assert.equal([await reach(ALICE, path), await reach(BOB, path)], [['EACCES'], ['ok']]);
    assert.not.ok(existsSync(host.path('b-vm')), 'the directory of a domain that left the inventory');

    await host.sync(HOUSE);
    await asUser(ALICE, "fs.writeFileSync(argv[0], '')", host.path('a-vm/left-behind'));
    await host.sync(moved);
    assert.equal(host.reported, ['a-vm ERR_BROKER_VMM_DIRECTORY']);
    assert.is(statSync(host.path('a-vm')).uid, ALICE);
    unlinkSync(host.path('a-vm/left-behind'));
    await host.sync(moved);
    assert.equal(await reach(BOB, path), ['ok']);
  }),
);

withUsers(sockets, 'a socket that the VMM makes is dialled only if it is the VMM’s user’s own', () =>
  withHost(async (host) => {
    const served = join(host.corner, 'served.sock');
    const callers: unknown[] = [];
    const server = await serve(served, (socket) => callers.push(socket));
    // Sockets of other domains and a socket of root. The broker as root could open all of them.
    const plants: readonly ((at: string) => void)[] = [
      (at) => symlinkSync(host.path('b-vm/argus.sock'), at),
      (at) => symlinkSync(host.path('a-vm/argus.sock'), at),
      (at) => symlinkSync(served, at),
      (at) => linkSync(served, at),
    ];
    const names = plants.map((_, index) => `planted-${index}`);
    const dialled = names.map((name) => machine(name, ALICE, `serial:${host.path(`${name}/qemu.sock`)}`));
    await host.start([machine('a-vm', ALICE), machine('b-vm', BOB), ...dialled]);
    await host.stop();
    for (const [index, plant] of plants.entries()) plant(host.path(`planted-${index}/qemu.sock`));
    await host.start([machine('a-vm', ALICE), machine('b-vm', BOB), ...dialled]);
    assert.equal(
      host.reported,
      names.map((name) => `${name} ERR_BROKER_VMM_DIRECTORY`),
    );
    const path = host.path('planted-0/qemu.sock');
    unlinkSync(path);
    const called = host.nextAccepted();
    const qemu = startAs(ALICE, 'net.createServer().listen(argv[0])', path);
    await called;
    assert.equal(
      host.accepted.map(({ name, domain }) => [name, domain]),
      [[`unix:${path}`, 'planted-0']],
    );
    assert.equal(callers, []);
    qemu.kill('SIGKILL');
    server.close();
  }),
);

sockets('a path on which the broker listens lies in the directory of the VMM’s user', async () => {
  const listening = (carrier: string) => carrierPlace('/run/argus', machine('a-vm', ALICE, carrier));
  assert.is(listening('vsock:/run/argus/a-vm/vsock:7100').path, '/run/argus/a-vm/vsock_7100');
  assert.is(listening('serial').path, '/run/argus/a-vm/argus.sock');
  assert.is(listening('serial:/anywhere/qemu.sock').path, '/anywhere/qemu.sock');
  for (const carrier of ['vsock:/run/argus/b-vm/vsock:7100', 'unix:/run/argus/a-vm.sock', 'unix:/run/argus/a-vm/x/y']) {
    const refused = await codeOf((async () => listening(carrier))());
    assert.is(refused, 'ERR_BROKER_SOCKET_PATH', carrier);
  }
});

withUsers(sockets, 'nothing is listened on in a directory that somebody else can write', () =>
  withHost(async (host) => {
    for (const [uid, mode, code] of [
      [ALICE, 0o755, 'ERR_BROKER_SOCKET_PATH'],
      [0, 0o777, 'ERR_BROKER_SOCKET_PATH'],
      [0, 0o1777, 'none'],
    ] as const) {
      chownSync(host.corner, uid, 0);
      chmodSync(host.corner, mode);
      const carrier = `unix:${join(host.corner, 'x.sock')}`;
      assert.is(await codeOf(host.start([machine('host-process', null, carrier)])), code);
      await host.stop();
    }
    mkdirSync(host.runtime, { recursive: true });
    chownSync(host.runtime, ALICE, 0);
    assert.is(await codeOf(host.start()), 'ERR_BROKER_SOCKET_PATH');
  }),
);

withUsers(sockets, 'the socket of an enrolment can be the VMM’s user’s, where nobody else can write', () =>
  withHost(async (host) => {
    await host.start();
    const authority = await createAuthority(join(host.corner, 'authority'), 'unsealed');
    const terms = { name: 'a-vm', ttlSeconds: 60, socket: host.path('a-vm.enrol'), vmm: ALICE };
    const enrolment = await openEnrolment(authority, terms);
    assert.equal([await reach(ALICE, terms.socket), await reach(BOB, terms.socket)], [['ok'], ['EACCES']]);
    await enrolment.close();
    const inHisDirectory = openEnrolment(authority, { ...terms, socket: host.path('a-vm/enrol') });
    assert.is(await codeOf(inHisDirectory), 'ERR_BROKER_SOCKET_PATH');
    assert.is(await codeOf(openEnrolment(authority, { ...terms, vmm: 'no-such-user-here' })), 'ERR_BROKER_VMM_USER');
  }),
);

function serve(path: string, onCaller: (socket: unknown) => void): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer(onCaller);
    server.listen(path, () => resolve(server));
  });
}

sockets.run();
