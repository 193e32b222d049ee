/** A broker in operation: stopped under load, with a full disk, with its log taken away, and with many idle domains. */

import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { tailAudit, verifyAudit } from '../../broker/audit/index.ts';
import { type BrokerStatus, callControl } from '../../broker/index.ts';
import type { Vm } from '../../clients/sdk/index.ts';
import { onEachCarrier } from '../support/installation/carriers.ts';
import {
  codeOf,
  DATA_PORT,
  type Installation,
  nextEvent,
  withInstallation,
} from '../support/installation/installation.ts';
import { findBinary, needsThat } from '../support/needs.ts';
import { nodeArguments, ROOT } from '../support/program.ts';

const MEASURED_BROKER = nodeArguments('test/integration/measured-broker.ts');

const operation = onEachCarrier('a broker in operation');

const TO_MAIL = { domain: 'mail-vm', port: DATA_PORT };
const TO_NOBODY = { domain: 'mail-vm', port: 5_000 };
/** Over NATS each domain has a TLS connection of its own at the broker, and up to 40 KiB here are a pool that all share. */
const MAX_IDLE_BYTES = { unix: 30 * 1024, nats: 140 * 1024 } as const;
const MOUNT = findBinary('mount');
const UNMOUNT = findBinary('umount');

/** Sends without end until `isOver`; how many were accepted. */
async function load(vm: Vm, isOver: () => boolean): Promise<number> {
  let accepted = 0;
  while (!isOver()) {
    const burst = Array.from({ length: 50 }, (_, index) =>
      codeOf(vm.sendv({ to: index % 10 === 0 ? TO_NOBODY : TO_MAIL, iov: new Uint8Array(100) })),
    );
    for (const code of await Promise.all(burst)) if (code === 'none') accepted++;
  }
  return accepted;
}

async function receiver(installation: Installation): Promise<void> {
  const mail = await installation.connect('mail-vm', { reconnect: false });
  const ring = await mail.registerRing({ port: DATA_PORT, partner: 'any', length: 65_536 });
  void (async () => {
    for await (const _ of ring);
  })().catch(() => {}); // ends with its broker
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  operation(`${signal} under load: exit 0, sessions are told, the log is whole and ends with broker.stop`, (carrier) =>
    withInstallation({ carrier }, async (installation) => {
      const broker = await installation.brokerProcess();
      await receiver(installation);
      const chrome = await installation.connect('chrome-vm', { reconnect: false });
      const told = nextEvent(chrome, 'disconnected');
      let isOver = false;
      const loading = load(chrome, () => isOver || chrome.state === 'closed');
      await chrome.sendv({ to: TO_MAIL, iov: new Uint8Array(1) });
      broker.signal(signal);
      assert.equal(await broker.exited, { code: 0, signal: null });
      assert.is((await told).reason.code, 'ERR_CLIENT_SHUTDOWN');
      isOver = true;
      await loading;
      assert.equal(broker.complaints, []);
      const { ok, uncleanShutdowns, live } = await installation.verify();
      assert.equal({ ok, uncleanShutdowns, live }, { ok: true, uncleanShutdowns: 0, live: false });
      for await (const { parsed } of tailAudit(installation.audit, { lines: 1 }))
        assert.is(typeof parsed === 'string' ? parsed : parsed.event, 'broker.stop');
      assert.equal(readdirSync(installation.runtime), [], 'no socket is left behind');
    }),
  );
}

/** A file system of a few pages, or null where this user may not mount one. */
async function mountTiny(): Promise<string | null> {
  const directory = await mkdtemp(join(tmpdir(), 'argus-tiny-'));
  if (MOUNT === null) return null;
  const { status } = spawnSync(MOUNT, ['-t', 'tmpfs', '-o', 'size=256k,mode=0700', 'tmpfs', directory]);
  if (status === 0) return directory;
  rmSync(directory, { recursive: true });
  return null;
}

function unmount(directory: string): void {
  if (UNMOUNT !== null) spawnSync(UNMOUNT, [directory]);
  rmSync(directory, { recursive: true, force: true });
}

async function canMount(): Promise<boolean> {
  const directory = await mountTiny();
  if (directory !== null) unmount(directory);
  return directory !== null;
}

const isMountable = await canMount();
const withTinyDisk = needsThat(() => isMountable, 'the right to mount a tmpfs (run as root)');

operation(
  'a full disk stops sends with EIO, and they go on when there is room again',
  (carrier) =>
    withInstallation({ carrier }, async (installation) => {
      const disk = await mountTiny();
      assert.ok(disk !== null);
      try {
        const audit = join(disk ?? '', 'audit');
        const broker = await installation.broker({ audit });
        await receiver(installation);
        const chrome = await installation.connect('chrome-vm');
        await chrome.sendv({ to: TO_MAIL, iov: new Uint8Array(1) });
        const rogue = await installation.connect('rogue-vm');
        const filler = join(disk ?? '', 'filler');
        fill(filler);
        // The last page of the log has room for a few records still. A denial needs its record, so one that finds no room
        // gets no answer, nor does what its sender asks after it; the allowed sends of others are refused from then on.
        const denials: Promise<string>[] = [];
        const code = await untilCode('EIO', () => {
          const to = { domain: 3, port: TO_NOBODY.port + denials.length };
          denials.push(codeOf(rogue.sendv({ to, iov: new Uint8Array(1) })));
          return chrome.sendv({ to: TO_MAIL, iov: new Uint8Array(1) });
        });
        assert.is(code, 'EIO');
        assert.is(broker.status().audit.healthy, false);

        unlinkSync(filler);
        await untilCode('none', () => chrome.sendv({ to: TO_MAIL, iov: new Uint8Array(1) }));
        const answers = new Set(await Promise.all(denials));
        answers.delete('EIO'); // the broker was refusing everything by then
        assert.equal([...answers], ['EACCES']);
        assert.is(broker.status().audit.healthy, true);
        await broker.close();
        const { ok, problems, gaps } = await verifyAudit(audit);
        assert.ok(ok, JSON.stringify(problems));
        assert.is(gaps, 1);
      } finally {
        await installation.close().catch(() => {}); // what went wrong before is what counts
        unmount(disk ?? '');
      }
    }),
  withTinyDisk,
);

function fill(path: string): void {
  for (let size = 1 << 16; size >= 1; size >>= 1) {
    for (;;) {
      try {
        writeFileSync(path, new Uint8Array(size), { flag: 'a' });
      } catch {
        break; // no room for that much: try less
      }
    }
  }
}

/** Sends until an answer is `wanted`; what else comes meanwhile must be one of the two that a failing log gives. */
async function untilCode(wanted: string, send: () => Promise<number>): Promise<string> {
  for (;;) {
    const code = await codeOf(send());
    if (code === wanted) return code;
    assert.ok(code === 'none' || code === 'EIO', code);
  }
}

operation(
  'a log file that is deleted while the broker runs is noticed and recorded, and nothing is lost silently',
  (carrier) =>
    withInstallation({ carrier }, async (installation) => {
      const broker = await installation.broker();
      await receiver(installation);
      const chrome = await installation.connect('chrome-vm');
      for (const name of readdirSync(installation.audit))
        if (name.endsWith('.jsonl')) unlinkSync(join(installation.audit, name));
      assert.is(await codeOf(chrome.sendv({ to: TO_NOBODY, iov: new Uint8Array(1) })), 'EACCES');
      await broker.close();
      const { ok, problems } = await installation.verify();
      assert.is(ok, false, 'what is gone shows');
      assert.ok(
        problems.some(({ code }) => code === 'SEQ_GAP'),
        JSON.stringify(problems),
      );
      const events = [];
      for await (const { parsed } of tailAudit(installation.audit, { lines: 1_000 }))
        if (typeof parsed !== 'string') events.push(parsed.event);
      assert.ok(events.includes('audit.gap'), events.join());
      assert.ok(events.includes('send.denied'), events.join());
    }),
);

operation('an idle domain costs the broker no more than its carrier needs', (carrier) => {
  const names = Array.from({ length: 111 }, (_, index) => `vm-${index}`);
  const declared = (count: number) => Object.fromEntries(names.slice(0, count).map((name) => [name, []]));
  return withInstallation({ carrier, domains: declared(11) }, async (installation) => {
    await installation.configure({ watchPolicy: false });
    const child = spawn(process.execPath, ['--expose-gc', ...MEASURED_BROKER, installation.config], {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const answer = (): Promise<number> =>
      new Promise((resolve) => child.once('message', (bytes) => resolve(Number(bytes))));
    const measure = (): Promise<number> => {
      const measured = answer();
      child.send('measure');
      return measured;
    };
    try {
      await answer();
      const reload = async (domains: ReturnType<typeof declared>): Promise<void> => {
        await installation.writeDomains(domains);
        assert.is((await callControl(installation.control, 'POST', '/v1/policy/reload')).ok, true);
      };
      // The first few sessions also bring the code and tables that all share.
      for (const name of names.slice(0, 11)) await installation.connect(name);
      // So does the first reload, and what it says to the sessions fills the pool of chunks.
      await reload({ ...declared(11), 'vm-other': [] });
      await reload(declared(11));
      const few = await measure();
      await Promise.all(names.slice(11).map((name) => installation.issue(name, 'domain')));
      // What it listens on for a domain is part of what the domain costs.
      await reload(declared(names.length));
      for (const name of names.slice(11)) await installation.connect(name);
      const many = await measure();
      const { body } = await callControl(installation.control, 'GET', '/v1/status');
      assert.is((body as BrokerStatus).domains.filter(({ session }) => session !== null).length, names.length);
      const bytes = Math.round((many - few) / (names.length - 11));
      assert.ok(bytes < MAX_IDLE_BYTES[carrier], `${bytes} bytes a domain`);
      process.stdout.write(`an idle domain costs ${bytes} bytes (${carrier})\n`);
    } finally {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await exited;
    }
  });
});

operation.run();
