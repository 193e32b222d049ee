/** Fixtures of the audit tests: decisions from a real AVC, a disk in memory that fails on demand, and a fake clock. */

import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AuditError } from '../../broker/audit/errors.ts';
import type { AuditFile, AuditFiles, SegmentInfo } from '../../broker/audit/files/files.ts';
import type { AuditHost, AuditLog, AuditOptions, CheckpointSigner, VerifyResult } from '../../broker/audit/index.ts';
import { noteKeyOf, openAuditLog, verifyAudit } from '../../broker/audit/index.ts';
import type { Clock } from '../../broker/base/index.ts';
import { type AuditRecord, recordFault } from '../../broker/record/index.ts';
import {
  compilePolicy,
  type Decision,
  type Denial,
  type Domain,
  type Permit,
  SHIPPED_POLICY_DIRECTORY,
} from '../../policy/index.ts';
import { FakeClock } from '../support/clock.ts';

// ---- decisions

/** chrome-vm may send audio. Nothing else is allowed. What net-vm tries at chrome-vm and rogue-vm is only counted. */
const FILES = {
  'domains.yaml': `
labels:
  - name: "@app"
domains:
  - { name: audio-vm, domid: 1, labels: ["@app"] }
  - { name: chrome-vm, domid: 2, labels: ["@app"] }
  - { name: rogue-vm, domid: 3, labels: ["@app"] }
  - { name: net-vm, domid: 4, labels: [] }
`,
  'services.yaml': `
classes:
  - { name: audio-playback, ports: [4713], inspector: opaque, permissions: [send], flow: to-destination }
`,
  'policy.csv': `p, chrome-vm, @app, audio-playback, send, allow
p, chrome-vm, net-vm, audio-playback, send, allow
dontaudit, net-vm, chrome-vm, audio-playback, send
dontaudit, net-vm, rogue-vm, audio-playback, send
`,
  'assertions.csv': '',
  'tests.csv': '',
};

const text = new TextEncoder();
const policy = await compilePolicy(
  {
    'model.conf': await readFile(join(SHIPPED_POLICY_DIRECTORY, 'model.conf')),
    'domains.yaml': text.encode(FILES['domains.yaml']),
    'services.yaml': text.encode(FILES['services.yaml']),
    'policy.csv': text.encode(FILES['policy.csv']),
    'assertions.csv': text.encode(FILES['assertions.csv']),
    'tests.csv': text.encode(FILES['tests.csv']),
  },
  { revision: 1, inspectors: new Map([['opaque', { permissions: ['send'] }]]) },
);

export function named(name: string): Domain {
  const found = policy.domains.byName(name);
  if (found === undefined) throw new Error(`no domain ${name}`);
  return found;
}

/** The denials when rogue-vm tries the permissions of class argo. */
export function argoDenials(): Denial[] {
  const { monitor } = policy;
  const [rogue, audio] = [named('rogue-vm'), named('audio-vm')];
  const asked = [
    monitor.enable(rogue),
    monitor.registerAnySource(rogue),
    monitor.registerSingleSource(rogue, audio),
    monitor.send(rogue, audio),
  ];
  return asked.filter((decision) => !decision.allowed);
}

function audioDecision(source: string, destination: string): Decision {
  const audio = policy.classes.byName('audio-playback');
  const decision = audio && policy.monitor.vector(named(source), named(destination), audio).decisions[0];
  if (decision === undefined) throw new Error('no decision');
  return decision;
}

/** Interned: the same object each time. */
export function denialOf(source = 'rogue-vm', destination = 'audio-vm'): Denial {
  const decision = audioDecision(source, destination);
  if (decision.allowed) throw new Error('expected a denial');
  return decision;
}

/** A denial with a `dontaudit` row. */
export function knownDenial(destination: 'chrome-vm' | 'rogue-vm' = 'chrome-vm'): Denial {
  return denialOf('net-vm', destination);
}

export function permitOf(destination = 'audio-vm'): Permit {
  const decision = audioDecision('chrome-vm', destination);
  if (!decision.allowed) throw new Error('expected a permit');
  return decision;
}

/** A key of a broker of this name, made again. */
export function signerOf(name: string): CheckpointSigner & { readonly privateKey: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  return {
    privateKey,
    key: noteKeyOf(name, raw),
    sign: async (text) => sign(null, Buffer.from(text), privateKey),
  };
}

// ---- a disk that breaks

function errno(code: string): Error {
  return Object.assign(new Error(code), { code });
}

export class MemoryDisk implements AuditFiles {
  readonly files = new Map<number, Buffer>();
  /** Free bytes. A write takes the bytes that fit, and the next one fails with ENOSPC. */
  room = Number.POSITIVE_INFINITY;
  /** Limit of the bytes that one write takes. */
  bite = Number.POSITIVE_INFINITY;
  /** While set, the operation of this name fails with this errno word. */
  readonly broken = new Map<'append' | 'datasync' | 'create' | 'open' | 'read' | 'remove', string>();
  writes = 0;
  syncs = 0;
  /** When set, datasync waits for it. */
  gate: Promise<void> | null = null;
  locked = false;

  async prepare(): Promise<void> {}

  async lock(): Promise<() => Promise<void>> {
    if (this.locked) throw new AuditError('ERR_AUDIT_LOCKED', 'locked');
    this.locked = true;
    return async () => {
      this.locked = false;
    };
  }

  async hasWriter(): Promise<boolean> {
    return this.locked;
  }

  async segments(): Promise<readonly SegmentInfo[]> {
    return [...this.files.keys()]
      .sort((a, b) => a - b)
      .map((number) => {
        const bytes = this.bytes(number).length;
        return this.compressed.has(number) ? { number, bytes, stored: Math.ceil(bytes / 10) } : { number, bytes };
      });
  }

  async read(segment: number, offset: number, length: number): Promise<Uint8Array> {
    this.check('read');
    return this.bytes(segment).subarray(offset, offset + length);
  }

  async create(segment: number): Promise<AuditFile> {
    this.check('create');
    if (this.files.has(segment)) throw errno('EEXIST');
    this.files.set(segment, Buffer.alloc(0));
    return new MemoryFile(this, segment);
  }

  async open(segment: number): Promise<AuditFile> {
    this.check('open');
    return new MemoryFile(this, segment);
  }

  async rewrite(segment: number, offset: number, bytes: Uint8Array): Promise<void> {
    this.check('datasync');
    this.syncs += 1;
    this.bytes(segment).set(bytes, offset);
  }

  /** Removed segments, in order. */
  readonly removed: number[] = [];
  /** Segments that were compressed. They stay plain here and say that they take a tenth. */
  readonly compressed = new Set<number>();

  async compress(segment: number): Promise<void> {
    this.check('append');
    this.compressed.add(segment);
  }

  /** What the file system would say. */
  fileSystem = { free: 1_000, size: 1_000 };

  async remove(segments: readonly number[]): Promise<void> {
    for (const segment of segments) {
      this.check('remove');
      this.files.delete(segment);
      this.removed.push(segment);
    }
  }

  async space(): Promise<{ readonly free: number; readonly size: number }> {
    return this.fileSystem;
  }

  readonly beside = new Map<string, string>();

  async readBeside(name: string, tailBytes = Number.POSITIVE_INFINITY): Promise<string | null> {
    this.check('read');
    const text = this.beside.get(name);
    if (text === undefined) return null;
    const bytes = Buffer.from(text);
    return bytes.subarray(Math.max(0, bytes.length - tailBytes)).toString();
  }

  async appendBeside(name: string, text: string): Promise<void> {
    this.check('append');
    this.beside.set(name, (this.beside.get(name) ?? '') + text);
  }

  async replaceBeside(name: string, text: string): Promise<void> {
    this.check('append');
    this.beside.set(name, text);
  }

  bytes(segment: number): Buffer {
    const bytes = this.files.get(segment);
    if (bytes === undefined) throw errno('ENOENT');
    return bytes;
  }

  check(operation: 'append' | 'datasync' | 'create' | 'open' | 'read' | 'remove'): void {
    const code = this.broken.get(operation);
    if (code !== undefined) throw errno(code);
  }

  /** The disk after a kill -9: all bytes, no lock. */
  crashed(): MemoryDisk {
    const copy = new MemoryDisk();
    for (const [number, bytes] of this.files) copy.files.set(number, Buffer.from(bytes));
    for (const [name, text] of this.beside) copy.beside.set(name, text);
    return copy;
  }

  text(): string {
    return [...this.files.keys()]
      .sort((a, b) => a - b)
      .map((number) => this.bytes(number).toString())
      .join('');
  }

  records(): AuditRecord[] {
    const whole: AuditRecord[] = [];
    for (const number of [...this.files.keys()].sort((a, b) => a - b)) {
      const lines = this.bytes(number).toString().split('\n');
      // The last piece is empty or torn.
      for (const line of lines.slice(0, -1)) {
        const record: unknown = JSON.parse(line);
        const fault = recordFault(record);
        if (fault !== null) throw new Error(`not as the schema says: ${fault}: ${line}`);
        whole.push(record as AuditRecord);
      }
    }
    return whole;
  }

  verify(): Promise<VerifyResult> {
    return verifyAudit('unused', { reader: this });
  }
}

class MemoryFile implements AuditFile {
  readonly #disk: MemoryDisk;
  readonly #segment: number;
  #content: Buffer;

  constructor(disk: MemoryDisk, segment: number) {
    this.#disk = disk;
    this.#segment = segment;
    this.#content = disk.bytes(segment);
  }

  async append(bytes: Uint8Array): Promise<number> {
    this.#disk.writes += 1;
    const taken = Math.min(bytes.length, this.#disk.room, this.#disk.bite);
    this.#disk.check('append');
    if (taken === 0) throw errno('ENOSPC');
    this.#disk.room -= taken;
    const inPlace = this.#disk.files.get(this.#segment) === this.#content;
    this.#content = Buffer.concat([this.#content, bytes.subarray(0, taken)]);
    if (inPlace) this.#disk.files.set(this.#segment, this.#content);
    return taken;
  }

  async datasync(): Promise<void> {
    this.#disk.syncs += 1;
    await this.#disk.gate;
    this.#disk.check('datasync');
  }

  async state(): Promise<{ bytes: number; inPlace: boolean }> {
    return { bytes: this.#content.length, inPlace: this.#disk.files.get(this.#segment) === this.#content };
  }

  async close(): Promise<void> {}
}

// ---- opening

export function hostClock(fake: FakeClock): Clock {
  const start = fake.mono();
  return { wall: fake.wall, mono: () => fake.mono() - start, after: fake.after };
}

export interface LogFixture {
  readonly log: AuditLog;
  readonly disk: MemoryDisk;
  readonly clock: FakeClock;
}

export async function openOn(disk = new MemoryDisk(), options: Partial<AuditOptions> = {}): Promise<LogFixture> {
  const clock = new FakeClock();
  const host: AuditHost = { files: disk, clock: hostClock(clock), boot: `boot-${disk.files.size}` };
  const log = await openAuditLog({ directory: 'unused', broker: 'test', ...options }, host);
  return { log, disk, clock };
}

export function durable(log: AuditLog, source?: Domain): Promise<boolean> {
  return new Promise((resolve) => log.whenDurable(resolve, source));
}

/** Runs everything that does not wait for the clock. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Denials that the records of a log stand for. */
export function deniedCount(records: readonly AuditRecord[]): number {
  return records.filter((one) => one.event === 'send.denied').reduce((sum, { count }) => sum + (count ?? 1), 0);
}
