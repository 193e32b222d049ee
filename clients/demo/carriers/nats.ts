/**
 * All VMs reach the broker through one NATS server, configured as by `argus nats config` and explained step by step. Nothing
 * is entrusted to the server, so the demo takes the part of an attacker who owns it: it reads all that the server sees, and
 * rogue-vm has chrome-vm's nkey.
 */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { INSPECTORS, makeNkey, NatsServerDirectory, natsMembersOf } from '../../../broker/index.ts';
import { loadPolicy } from '../../../policy/index.ts';
import type { Narrator } from '../output/narrator.ts';
import { BROKER, DOMAINS, type Installation } from '../setup/installation.ts';
import type { DemoCarrier } from './demo-carrier.ts';
import { freeTcpPort } from './free-port.ts';
import { RecordingSearch, type SearchResult } from './nats-search.ts';
import { NatsServer } from './nats-server.ts';
import { Trace } from './nats-trace.ts';

export interface Seen extends SearchResult {
  readonly version: string;
  /** The server saw messages, all could be read, and none held a piece of the recording. */
  readonly sealed: boolean;
}

const CHROME_VM_UP = `argus.${BROKER}.up.chrome-vm`;
const SHOWN_BYTES = 16;

export class NatsSetting implements DemoCarrier {
  readonly #installation: Installation;
  readonly #program: string;
  readonly #recording: Uint8Array;
  readonly #narrator: Narrator;
  readonly #search: RecordingSearch;
  readonly #trace: Trace;
  #address = '';
  #server: NatsServer | null = null;

  constructor(installation: Installation, program: string, recording: Uint8Array, narrator: Narrator) {
    this.#installation = installation;
    this.#program = program;
    this.#recording = recording;
    this.#narrator = narrator;
    this.#search = new RecordingSearch(recording, CHROME_VM_UP);
    this.#trace = new Trace((message) => this.#search.see(message));
  }

  get config(): Readonly<Record<string, unknown>> {
    return { nats: this.#address };
  }

  async prepare(): Promise<void> {
    const inventory = join(this.#installation.policy, 'domains.yaml');
    const name = new RegExp(`^( +- name: (?:${DOMAINS.join('|')}))$`, 'gm');
    await writeFile(inventory, (await readFile(inventory, 'utf8')).replaceAll(name, '$1\n    carrier: nats'));

    const listen = `127.0.0.1:${await freeTcpPort()}`;
    this.#address = `nats://${listen}`;
    const directory = await this.#configure(listen);
    this.#server = await NatsServer.start(this.#program, directory.configFile, (line) => this.#trace.push(line));
    this.#narrator.step(`nats-server ${this.#server.version} on ${listen}, TLS, configured as by "argus nats config"`);
    this.#narrator.why('The server knows each end by its nkey. Each end may use two subjects:');
    for (const line of describeUsers(await readFile(directory.configFile, 'utf8'))) this.#narrator.why(`  ${line}`);
    this.#narrator.why('No one else may connect, and no user may publish or subscribe to anything else.');
  }

  /** The steps of `argus nats config`, `key` and `enrol`. */
  async #configure(listen: string): Promise<NatsServerDirectory> {
    const { policy } = this.#installation;
    const directory = new NatsServerDirectory(this.#installation.path('nats'), 'unsealed');
    const setup = { listen, hosts: ['127.0.0.1', 'localhost'], policy, broker: BROKER, tls: true };
    const { domains } = await loadPolicy(policy, { revision: 1, inspectors: INSPECTORS });
    const members = natsMembersOf(domains.all, BROKER);
    await directory.write(setup, members, Date.now());
    for (const name of [BROKER, ...DOMAINS]) {
      const { publicKey } = await makeNkey(this.#installation.identity(name), 'unsealed');
      await directory.enrol(name === BROKER ? 'brokers' : 'domains', name, publicKey);
      await cp(directory.caFile, join(this.#installation.identity(name), 'nats-ca.pem'));
    }
    await directory.write(setup, members, Date.now());
    return directory;
  }

  async open(): Promise<void> {}

  carrierOf(): string {
    return `${this.#address}/${BROKER}`;
  }

  stolenCarrierOf(domain: string): string {
    return `${this.carrierOf()}?seed=${join(this.#installation.identity(domain), 'nats.seed')}`;
  }

  recorded(bytes: number): Promise<Uint8Array> {
    return this.#search.recorded(bytes);
  }

  async close(): Promise<void> {
    await this.#server?.stop();
  }

  /** Called after the run: returns the bytes that the server saw. */
  seen(): Seen {
    const result = this.#search.result;
    const { messages, found } = result;
    const sealed = messages > 0 && found === 0 && this.#trace.unreadable === 0 && this.#search.sample !== null;
    return { version: this.#server?.version ?? '', ...result, sealed };
  }

  /** Prints the result with one message as an example. */
  tell({ messages, bytes, pieces, found, sealed }: Seen): void {
    const narrator = this.#narrator;
    const { sample } = this.#search;
    narrator.step(`what the server saw, by its own trace (-V): ${messages} messages, ${(bytes / 1e6).toFixed(1)} MB`);
    narrator.why(`  chrome-vm played  ${hex(this.#recording.subarray(-SHOWN_BYTES))}`);
    if (sample !== null) narrator.why(`  the server saw    ${hex(sample.payload.subarray(-SHOWN_BYTES))}`);
    narrator.why(
      sealed
        ? `All were searched for ${pieces} pieces of the recording: none holds any.`
        : `NOT proven sealed: ${found} messages hold a piece of the recording, ${this.#trace.unreadable} cannot be read.`,
    );
    narrator.step('the result');
  }
}

/** One line per user of the written configuration. */
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
