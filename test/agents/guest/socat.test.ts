/**
 * The recipes with socat, as docs/hosts.md and `argus vm command` give them, run as they stand but for what this machine
 * lacks: a unix socket is in place of vsock between host and guest, and a pair of pseudo-terminals in place of a UART.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, connect as dial } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connect, type Vm } from '../../../clients/sdk/index.ts';
import { attachmentOf, guestRecipe } from '../../../clients/vm/index.ts';
import { needs } from '../../support/needs.ts';
import { GuestFixture } from './guest-fixture.ts';

const recipes = suite('recipes with socat');
const withSocat = needs('socat', 'socat');
const PORT = 7_100;

const PAGE = readFileSync(new URL('../../../docs/hosts.md', import.meta.url), 'utf8');

/** The lines for socat below a heading. Those for vhost-vsock run in a machine: test/vm/vsock.test.ts. */
function recipesBelow(heading: string): readonly string[] {
  const [, section = ''] = new RegExp(`\n### ${heading}[^\n]*\n([^]*?)\n#`).exec(PAGE) ?? [];
  const lines = section.split('\n').filter((line) => line.startsWith('socat '));
  return lines.map((line) => line.replace(/ +#.*$/, ''));
}

const [FIRECRACKER = ''] = recipesBelow('Firecracker');
const [UART_HOST = '', UART_GUEST = ''] = recipesBelow('Qubes-like');

/** Their programs, ended with the fixture. */
class Site {
  readonly fixture: GuestFixture;
  readonly #children: ChildProcess[] = [];

  private constructor(fixture: GuestFixture) {
    this.fixture = fixture;
  }

  static async with(carrier: string | null): Promise<Site> {
    const fixture = await GuestFixture.build();
    await fixture.stopBroker();
    const file = fixture.path('policy/domains.yaml');
    const declared = carrier === null ? '' : `\n    carrier: "${carrier.replace('@', fixture.directory)}"`;
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^( +- name: chrome-vm)$/m, `$1${declared}`));
    await fixture.startBroker();
    return new Site(fixture);
  }

  path(name: string): string {
    return this.fixture.path(name);
  }

  /** Runs a recipe of host or guest; each of `instead` is a word of it that this machine lacks, and what stands in. */
  run(recipe: string, instead: readonly (readonly [there: string, here: string])[]): ChildProcess {
    let command = recipe
      .replaceAll('/run/argus/broker.sock', this.path('guest.sock'))
      .replaceAll('/run/argus/', `${this.path('run')}/`);
    for (const [there, here] of instead) {
      assert.match(command, there);
      command = command.replace(there, here);
    }
    // A shell that becomes socat, unless the recipe is a loop: a group, so that all of it can be ended.
    const child = spawn('sh', ['-c', command.startsWith('socat') ? `exec ${command}` : command], {
      stdio: ['ignore', 'ignore', 'ignore'],
      detached: true,
    });
    this.#children.push(child);
    return child;
  }

  async stop(child: ChildProcess): Promise<void> {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    // Its children are in its group; it may have ended by itself meanwhile, and 'exit' is on its way.
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {}
    await gone;
  }

  /** The guest's agent: comes by the socket that socat offers. */
  async guest(): Promise<Vm> {
    for (;;) {
      // As the agent does: again until socat, and whoever is behind it, is there.
      const options = { carrier: `unix:${this.path('guest.sock')}`, identity: this.path('chrome-vm') };
      const vm = await connect(options).catch(() => delay(50));
      if (vm !== undefined) return vm;
    }
  }

  async close(): Promise<void> {
    for (const child of this.#children) await this.stop(child);
    await this.fixture.close();
  }
}

async function withSite(carrier: string | null, use: (site: Site) => Promise<void>): Promise<void> {
  const site = await Site.with(carrier);
  try {
    await use(site);
  } finally {
    await site.close();
  }
}

/** Every byte value through it and back: what a terminal that is not raw, or a line that ends early, would spoil. */
async function carries(site: Site, vm: Vm): Promise<void> {
  const audio = await connect({ carrier: `unix:${site.path('run/audio-vm.sock')}`, identity: site.path('audio-vm') });
  const ring = await audio.registerRing({ port: 5_000, partner: 'any', length: 262_144 });
  const payload = Uint8Array.from({ length: 60_000 }, (_, index) => index);
  const sent = vm.sendv({ to: { domain: 'audio-vm', port: 5_000 }, iov: payload, deadline: 20_000 });
  for await (const message of ring) {
    assert.equal(Buffer.from(message.payload), Buffer.from(payload));
    break;
  }
  await sent;
  await audio.close();
}

recipes('the page and the command give the same line', () => {
  const attachment = attachmentOf(
    { name: 'chrome-vm', domid: 101, carrier: `vsock:/run/argus/chrome-vm.vsock:${PORT}`, vmm: null },
    '/run/argus',
  );
  assert.is(attachment.kind === 'vsock' ? guestRecipe(attachment) : '', `${FIRECRACKER}\n`);
});

withSocat(recipes, 'Firecracker, Cloud Hypervisor: the guest calls, and calls again when socat was killed', () =>
  withSite(`vsock:@/v:${PORT}`, async (site) => {
    const vsock = [['VSOCK-CONNECT:2:7100', `UNIX-CONNECT:${site.path(`v_${PORT}`)}`]] as const;
    const first = site.run(FIRECRACKER, vsock);
    const vm = await site.guest();
    await carries(site, vm);
    const again = new Promise((resolve) => vm.on('reconnected', resolve));
    // Its child that carries the connection ends with the group.
    await site.stop(first);
    assert.ok(existsSync(site.path('guest.sock')), 'left behind, and in the way of one without unlink-early');
    site.run(FIRECRACKER, vsock);
    await again;
    await carries(site, vm);
    await vm.close();
  }),
);

withSocat(recipes, 'the guest listens: each of the broker’s calls is joined with one of the agent’s', () =>
  withSite(`vsock-connect:@/v:${PORT}`, async (site) => {
    const attachment = attachmentOf(
      { name: 'chrome-vm', domid: 101, carrier: `vsock-connect:/v:${PORT}`, vmm: null },
      '/run/argus',
    );
    const guestVsock = site.path('guest-vsock');
    const recipe = attachment.kind === 'vsock' ? guestRecipe(attachment).trimEnd() : '';
    site.run(recipe, [[`VSOCK-LISTEN:${PORT}`, `UNIX-LISTEN:${guestVsock},unlink-early`]]);
    // The VMM, as its documentation has it: OK once the guest has accepted.
    const vmm = createServer((broker) => {
      broker.on('error', () => {});
      broker.once('data', (line) => {
        assert.is(line.toString(), `CONNECT ${PORT}\n`);
        broker.pause();
        const guest = dial(guestVsock);
        guest.on('error', () => broker.destroy());
        guest.once('close', () => broker.destroy());
        broker.once('close', () => guest.destroy());
        guest.once('connect', () => {
          broker.write('OK 1073741824\n');
          broker.pipe(guest).pipe(broker);
        });
      });
    });
    vmm.listen(site.path('v'));
    const vm = await site.guest();
    await carries(site, vm);
    const again = new Promise((resolve) => vm.on('reconnected', resolve));
    await site.fixture.stopBroker();
    await site.fixture.startBroker();
    await again;
    await vm.close();
    vmm.close();
  }),
);

withSocat(recipes, 'a console or UART, raw at both ends', () =>
  withSite('serial', async (site) => {
    const [atHost, atGuest] = [site.path('ttyS-host'), site.path('ttyS-guest')];
    // The wire itself. Terminals as a kernel makes them: it is for the recipes to make them raw.
    site.run('socat PTY,link=HOST PTY,link=GUEST', [
      ['HOST', atHost],
      ['GUEST', atGuest],
    ]);
    while (!existsSync(atHost) || !existsSync(atGuest)) await delay(10);
    site.run(UART_HOST, [['/dev/ttyS1', atHost]]);
    site.run(UART_GUEST, [['/dev/ttyS1', atGuest]]);
    const vm = await site.guest();
    await carries(site, vm);
    await vm.close();
  }),
);

recipes.run();
