/**
 * All VMs by way of one NATS server, set up as `argus nats config` does it, and told step by step. The server is trusted with
 * nothing, so the demo is everything that an attacker at its place could be: it reads what the server sees, and rogue-vm has
 * chrome-vm's nkey.
 */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { INSPECTORS, makeNkey, NatsServerDirectory, natsMembersOf } from '../../../broker/index.ts';
import { loadPolicy } from '../../../policy/index.ts';
import type { Narrator } from '../output/narrator.ts';
import { BROKER, DOMAINS, type Scene } from '../setup/installation.ts';
import type { Way } from './demo-carrier.ts';
import { type Testimony, Witness } from './nats-search.ts';
import { freeTcpPort, NatsServer } from './nats-server.ts';
import { Trace } from './nats-trace.ts';

export interface Seen extends Testimony {
  readonly version: string;
  /** There was something to see, all of it could be read, and none of it was of the recording. */
  readonly sealed: boolean;
}

const CHROME_VM_UP = `argus.${BROKER}.up.chrome-vm`;
const SHOWN_BYTES = 16;

export class NatsWay implements Way {
  readonly #scene: Scene;
  readonly #program: string;
  readonly #recording: Uint8Array;
  readonly #narrator: Narrator;
  readonly #witness: Witness;
  readonly #trace: Trace;
  #address = '';
  #server: NatsServer | null = null;

  constructor(scene: Scene, program: string, recording: Uint8Array, narrator: Narrator) {
    this.#scene = scene;
    this.#program = program;
    this.#recording = recording;
    this.#narrator = narrator;
    this.#witness = new Witness(recording, CHROME_VM_UP);
    this.#trace = new Trace((message) => this.#witness.see(message));
  }

  get config(): Readonly<Record<string, unknown>> {
    return { nats: this.#address };
  }

  async prepare(): Promise<void> {
    const inventory = join(this.#scene.policy, 'domains.yaml');
    const name = new RegExp(`^( +- name: (?:${DOMAINS.join('|')}))$`, 'gm');
    await writeFile(inventory, (await readFile(inventory, 'utf8')).replaceAll(name, '$1\n    carrier: nats'));

    const listen = `127.0.0.1:${await freeTcpPort()}`;
    this.#address = `nats://${listen}`;
    const directory = await this.#configure(listen);
    this.#server = await NatsServer.start(this.#program, directory.configFile, (line) => this.#trace.push(line));
    this.#narrator.step(`nats-server ${this.#server.version} on ${listen}, TLS, configured as by "argus nats config"`);
    this.#narrator.why('Each end has an nkey, by which the server knows it, and may use two subjects:');
    for (const line of describeUsers(await readFile(directory.configFile, 'utf8'))) this.#narrator.why(`  ${line}`);
    this.#narrator.why('Nobody else may connect, and nobody may publish to, or hear, anything else.');
  }

  /** What `argus nats config`, `key` and `enrol` do, one after the other. */
  async #configure(listen: string): Promise<NatsServerDirectory> {
    const { policy } = this.#scene;
    const directory = new NatsServerDirectory(this.#scene.path('nats'));
    const setup = { listen, hosts: ['127.0.0.1', 'localhost'], policy, broker: BROKER, tls: true };
    const { domains } = await loadPolicy(policy, { revision: 1, inspectors: INSPECTORS });
    const members = natsMembersOf(domains.all, BROKER);
    await directory.write(setup, members, Date.now());
    for (const name of [BROKER, ...DOMAINS]) {
      const { publicKey } = await makeNkey(this.#scene.identity(name));
      await directory.enrol(name === BROKER ? 'brokers' : 'domains', name, publicKey);
      await cp(directory.caFile, join(this.#scene.identity(name), 'nats-ca.pem'));
    }
    await directory.write(setup, members, Date.now());
    return directory;
  }

  async open(): Promise<void> {}

  carrierOf(): string {
    return `${this.#address}/${BROKER}`;
  }

  stolenCarrierOf(domain: string): string {
    return `${this.carrierOf()}?seed=${join(this.#scene.identity(domain), 'nats.seed')}`;
  }

  recorded(bytes: number): Promise<Uint8Array> {
    return this.#witness.recorded(bytes);
  }

  async close(): Promise<void> {
    await this.#server?.stop();
  }

  /** After everything is over: what the server could have told. */
  seen(): Seen {
    const testimony = this.#witness.testimony;
    const { messages, found } = testimony;
    const sealed = messages > 0 && found === 0 && this.#trace.unreadable === 0 && this.#witness.sample !== null;
    return { version: this.#server?.version ?? '', ...testimony, sealed };
  }

  /** Told, with one message to look at. */
  tell({ messages, bytes, pieces, found, sealed }: Seen): void {
    const narrator = this.#narrator;
    const { sample } = this.#witness;
    narrator.step(`what the server saw, by its own trace (-V): ${messages} messages, ${(bytes / 1e6).toFixed(1)} MB`);
    narrator.why(`  chrome-vm played  ${hex(this.#recording.subarray(-SHOWN_BYTES))}`);
    if (sample !== null) narrator.why(`  the server saw    ${hex(sample.payload.subarray(-SHOWN_BYTES))}`);
    narrator.why(
      sealed
        ? `All were searched for ${pieces} pieces of the recording: none holds any.`
        : `NOT proven sealed: ${found} messages hold a piece of the recording, ${this.#trace.unreadable} cannot be read.`,
    );
    narrator.step('what came of it');
  }
}

/** From the configuration as it was written: a line for each user. */
function describeUsers(text: string): string[] {
  const user =
    /# (\S+)\n\s*\{ nkey: \S+, permissions: \{ publish: \{ allow: \[(.*?)\] \}, subscribe: \{ allow: \[(.*?)\] \} \} \}/g;
  const users = [...text.matchAll(user)].map(([, name = '', publish = '', hear = '']) => ({ name, publish, hear }));
  const width = (key: 'name' | 'publish'): number => Math.max(...users.map((each) => each[key].length));
  return users.map(({ name, publish, hear }) =>
    `${name.padEnd(width('name'))}  publish ${publish.padEnd(width('publish'))}  hear ${hear}`.replaceAll('"', ''),
  );
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
