/**
 * A guest that is saved in the middle of its session and started twice. What both clones say next is recorded at the
 * host's end of the carrier, where an attacker may be: records with the same key and the same nonce, under the suite that
 * survives it.
 */
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type DeframedRecord, Deframer, RecordType, TAG_BYTES } from '../../broker/wire/index.ts';
import { audited, closeVms, openVms, TEST_PROGRAM, withMachines } from './vm-fixture.ts';

const clones = suite('clones of a machine');

const MAX_BODY_BYTES = 2 ** 20;
const MESSAGES = 10;

/** A socket for one machine, which keeps what the machine says. `broker`: where everything is passed on to; null = nowhere. */
class Listener {
  readonly records: DeframedRecord[] = [];
  readonly #server;
  readonly #waiters = new Set<() => void>();
  #fault: string | null = null;

  constructor(path: string, broker: string | null) {
    this.#server = createServer((machine) => {
      const deframer = new Deframer(MAX_BODY_BYTES);
      machine.on('data', (chunk) => this.#hear(deframer, chunk));
      machine.on('error', () => machine.destroy());
      if (broker === null) return;
      const onwards = createConnection(broker);
      onwards.on('error', () => machine.destroy());
      machine.pipe(onwards).pipe(machine);
    }).listen(path);
  }

  #hear(deframer: Deframer, chunk: Uint8Array): void {
    deframer.push(Uint8Array.from(chunk));
    let record = deframer.next();
    for (; typeof record !== 'string'; record = deframer.next())
      this.records.push({ ...record, body: Uint8Array.from(record.body) });
    if (record !== 'more') this.#fault = record;
    deframer.keep();
    for (const wake of this.#waiters) wake();
  }

  /** Resolves once the machine has sealed this many messages. */
  async heard(messages: number): Promise<void> {
    while (this.records.filter(({ type }) => type === RecordType.data).length < messages) {
      if (this.#fault !== null) throw new Error(`the machine said what is no record: ${this.#fault}`);
      await new Promise<void>((resolve) => this.#waiters.add(resolve));
      this.#waiters.clear();
    }
  }

  async close(): Promise<void> {
    this.#server.close();
    await once(this.#server, 'close');
  }
}

const placeOf = ({ epoch, sequence }: DeframedRecord): string => `${epoch}.${sequence}`;
const tagOf = ({ body }: DeframedRecord): string => Buffer.from(body.subarray(-TAG_BYTES)).toString('hex');

withMachines(
  clones,
  'a guest saved in its session and started twice shows nothing of what its clones say',
  async () => {
    const vms = await openVms(TEST_PROGRAM, (host) => {
      const file = host.path('policy/domains.yaml');
      writeFileSync(file, readFileSync(file, 'utf8').replace('- name: chrome-vm\n', '$&    cloneSafe: true\n'));
    });
    const listeners: Listener[] = [];
    const listenerOf = (name: string, broker: string | null): { listener: Listener; socket: string } => {
      const socket = vms.path(`${name}.sock`);
      const listener = new Listener(socket, broker);
      listeners.push(listener);
      return { listener, socket };
    };
    try {
      const original = listenerOf('original', vms.socketOf('chrome-vm'));
      const machine = await vms.boot('chrome-vm', 'node /guest.mjs chatter', { socket: original.socket });
      await original.listener.heard(MESSAGES);
      const state = vms.path('state');
      await machine.save(state);
      await machine.kill();

      const said: (readonly DeframedRecord[])[] = [];
      for (const name of ['first', 'second']) {
        const { listener, socket } = listenerOf(name, null);
        const clone = await vms.boot('chrome-vm', '', { socket, restore: state });
        await listener.heard(MESSAGES);
        said.push(listener.records);
        await clone.kill();
      }

      // Both went on with the keys and the nonces of the session that was saved…
      const [first = [], second = []] = said;
      const places = new Map(first.map((record) => [placeOf(record), record]));
      const pairs = second.flatMap((record) => {
        const other = places.get(placeOf(record));
        return other === undefined ? [] : [[other, record] as const];
      });
      assert.ok(pairs.length > 0, 'the same key and nonce twice');
      const differing = pairs.filter(([one, other]) => Buffer.compare(one.body, other.body) !== 0);
      assert.ok(differing.length > 0, 'with another plaintext');
      // … but a key stream depends on the plaintext too: each record has one of its own, which begins at its tag.
      for (const [one, other] of differing) assert.is.not(tagOf(one), tagOf(other), placeOf(one));
      const bodies = new Set([...first, ...second].map(({ body }) => Buffer.from(body).toString('hex')));
      assert.is(new Set([...first, ...second].map(tagOf)).size, bodies.size, 'no key stream twice for two plaintexts');
      const sessions = audited(vms.path('audit'), 'session.open');
      assert.equal([...new Set(sessions.map(({ detail }) => (detail as { suite: string }).suite))], ['A256GCMSIV']);
    } finally {
      await closeVms(vms);
      await Promise.all(listeners.map((listener) => listener.close()));
    }
  },
);

clones.run();
