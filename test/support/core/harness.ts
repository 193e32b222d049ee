/**
 * A core with real parts around it: a policy compiled from text, its reference monitor, the audit log in memory, and
 * sessions that record the frames that they get. All permits come from the policy.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AuditLog, type MemoryAudit, memoryAudit } from '../../../broker/audit/index.ts';
import {
  ACCEPTED,
  Argo,
  type DomainState,
  type FrameSink,
  INSPECTORS,
  type RingAnswer,
  type SendAnswer,
  UNDECIDED,
} from '../../../broker/core/index.ts';
import {
  type BrokerFrame,
  DATA_FRAME_HEADER_BYTES,
  DataField,
  type DataFrame,
  DOMID_ANY,
  decodeDataFrame,
  encodeDataFrame,
  type NotifyAnswer,
  type NotifyQuery,
  Op,
} from '../../../broker/wire/index.ts';
import {
  compilePolicy,
  type Grant,
  type PolicyFiles,
  type PolicyRevision,
  SHIPPED_POLICY_DIRECTORY,
} from '../../../policy/index.ts';

export interface PolicyText {
  /** `name` or `name:domid`. The default domid is the position, counted from 1. */
  readonly domains: readonly string[];
  /** Rows as in policy.csv. */
  readonly rows: readonly string[];
  /** Rows as in assertions.csv. */
  readonly assertions?: readonly string[];
  /** Lines for a domain of domains.yaml: `{ a: 'labels: ["@app"]' }`. */
  readonly about?: Readonly<Record<string, string>>;
  readonly labels?: readonly string[];
  readonly grants?: readonly Grant[];
  readonly permissive?: readonly string[];
}

/** Allows everything to all domains, at the ports of class `data`. */
export const OPEN: readonly string[] = [
  'p, @any, broker, argo, *, allow',
  'p, @any, @any, argo, *, allow',
  'p, @any, @any, data, *, allow',
];

/** A port of class `data`. Port 4713 has class `pcm`, 4714 has `control`, 4715 has `ethernet`, and other ports have none. */
export const PORT = 70;

const SERVICES = `classes:
  - { name: data, ports: ["1-999"], inspector: opaque, permissions: [send], flow: to-destination }
  - { name: audited, ports: [1000], inspector: opaque, permissions: [send], flow: to-destination, auditallow: [send] }
  - { name: strict, ports: [1001], inspector: opaque, permissions: [send], flow: to-destination, strict: [send] }
  - { name: digested, ports: [1002], inspector: opaque, permissions: [send], flow: to-destination, digest: [send] }
  - { name: pcm, ports: [4713], inspector: pcm, permissions: [send], flow: to-destination }
  - name: control
    ports: [4714]
    inspector: audio-control
    permissions: [source-start, source-stop, sink-cork, sink-uncork, other]
    flow: to-destination
  - { name: ethernet, ports: [4715], inspector: ethernet, permissions: [arp, ipv4, ipv6, other], flow: to-destination }
`;

/** The six files of a policy directory. */
export function policyFiles(text: PolicyText): PolicyFiles {
  const bytes = (lines: readonly string[]): Uint8Array => Buffer.from(lines.map((line) => `${line}\n`).join(''));
  const labels = text.labels?.map((label) => `  - { name: "${label}", grantable: true }`) ?? [];
  const domains = text.domains.flatMap((entry, index) => {
    const [name = '', domid = String(index + 1)] = entry.split(':');
    const about = text.about?.[name];
    return [`  - name: ${name}`, `    domid: ${domid}`, ...(about === undefined ? [] : [`    ${about}`])];
  });
  return {
    'model.conf': readFileSync(join(SHIPPED_POLICY_DIRECTORY, 'model.conf')),
    'domains.yaml': bytes([...(labels.length > 0 ? ['labels:', ...labels] : []), 'domains:', ...domains]),
    'services.yaml': Buffer.from(SERVICES),
    'policy.csv': bytes(text.rows),
    'assertions.csv': bytes(text.assertions ?? []),
    'tests.csv': bytes([]),
  };
}

/** @throws PolicyError */
export async function compile(text: PolicyText, revision = 1): Promise<PolicyRevision> {
  const files = policyFiles(text);
  const { grants: overlay = [], permissive = [] } = text;
  const compiled = await compilePolicy(files, { revision, inspectors: INSPECTORS, overlay, permissive });
  return { ...compiled, directory: '/policy', files };
}

/** A session that takes each frame at once, unless a test sets `heldBack`. */
export class RecordingSink implements FrameSink {
  readonly messages: DataFrame[] = [];
  readonly events: BrokerFrame[] = [];
  readonly introduced: number[] = [];
  /** Number of deliveries that count as still queued, unsealed, in the broker. */
  heldBack = 0;

  get departed(): number {
    return this.messages.length - this.heldBack;
  }

  /** Number of messages that had arrived at each `holdForRecords`. */
  readonly holds: number[] = [];

  holdForRecords(): void {
    this.holds.push(this.messages.length);
  }

  deliver(frames: Uint8Array, start: number, end: number): void {
    const frame = decodeDataFrame(frames.slice(start, end));
    if (frame === null) throw new Error('the core delivered something that is no frame');
    this.messages.push(frame);
  }

  event(frame: BrokerFrame): void {
    this.events.push(frame);
  }

  introduce(domid: number): void {
    this.introduced.push(domid);
  }

  /** Events of one kind, in order. */
  of<T extends BrokerFrame['op']>(op: T): Extract<BrokerFrame, { op: T }>[] {
    return this.events.filter((event): event is Extract<BrokerFrame, { op: T }> => event.op === op);
  }

  get payloads(): string[] {
    return this.messages.map(({ payload }) => Buffer.from(payload).toString('latin1'));
  }
}

export interface SendOptions {
  readonly payload?: Uint8Array | string;
  readonly port?: number;
  readonly flags?: number;
  readonly reserved?: number;
  readonly source?: number;
  readonly sourcePort?: number;
  /** A domid instead of that of the named destination. */
  readonly destination?: number;
  readonly type?: number;
}

export interface RegisterOptions {
  readonly port?: number;
  readonly length?: number;
  readonly flags?: number;
  readonly pad?: number;
  readonly unread?: number;
}

const LIMITS = { ringBytesPerDomain: 64 * 1024 * 1024, routesPerDomain: 64, memoryBytes: 2 ** 40 };
/** Offset of a frame in its record. Not 0, because frames rarely begin at the start of a record. */
const FRAME_AT = 5;

export class CoreHarness {
  readonly argo: Argo;
  readonly audit: MemoryAudit = memoryAudit();
  /** The answer to the last `send`. */
  lastSend: SendAnswer = ACCEPTED;
  readonly outlets = new Map<string, RecordingSink>();

  private constructor(policy: PolicyRevision, limits: ConstructorParameters<typeof Argo>[2], log: AuditLog | null) {
    this.argo = new Argo(policy, log ?? this.audit, limits);
  }

  /** A harness in which every domain of the policy has a session. `log` null: the log in memory, `audit`. */
  static async of(
    text: PolicyText,
    limits: Partial<typeof LIMITS> = {},
    log: AuditLog | null = null,
  ): Promise<CoreHarness> {
    const harness = new CoreHarness(await compile(text), { ...LIMITS, ...limits }, log);
    for (const state of harness.argo.domains()) harness.connect(state.domain.name);
    return harness;
  }

  static open(...domains: string[]): Promise<CoreHarness> {
    return CoreHarness.of({ domains, rows: OPEN });
  }

  state(name: string): DomainState {
    const state = this.argo.domain(name);
    if (state === undefined) throw new Error(`no domain "${name}"`);
    return state;
  }

  domid(name: string): number {
    return this.state(name).domain.domid;
  }

  connect(name: string): RecordingSink {
    const sink = new RecordingSink();
    this.argo.attach(this.state(name), sink, { session: `session-of-${name}` });
    this.outlets.set(name, sink);
    return sink;
  }

  at(name: string): RecordingSink {
    const sink = this.outlets.get(name);
    if (sink === undefined) throw new Error(`"${name}" has no session`);
    return sink;
  }

  disconnect(name: string): void {
    this.argo.detach(this.state(name));
    this.outlets.delete(name);
  }

  /** `partner`: a name, or a domid as in the frame. */
  register(owner: string, partner: string | number | 'ANY', options: RegisterOptions = {}): RingAnswer {
    const { port = PORT, length = 4096, flags = 0, pad = 0, unread = 0 } = options;
    return this.argo.registerRing(this.state(owner), {
      port,
      partner: this.#partner(partner),
      length,
      flags,
      pad,
      unread,
    });
  }

  unregister(owner: string, partner: string | number | 'ANY', port = PORT, pad = 0): number {
    return this.argo.unregisterRing(this.state(owner), port, this.#partner(partner), pad).status;
  }

  #partner(partner: string | number): number {
    if (typeof partner === 'number') return partner;
    return partner === 'ANY' ? DOMID_ANY : this.domid(partner);
  }

  send(from: string, to: string, options: SendOptions = {}): number {
    const { payload = '', port = PORT, flags = 0, reserved = 0, sourcePort = 0, type = 0 } = options;
    const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
    const length = DATA_FRAME_HEADER_BYTES + bytes.length;
    const frames = new Uint8Array(FRAME_AT + length);
    const view = new DataView(frames.buffer);
    encodeDataFrame(view, FRAME_AT, {
      op: Op.sendv,
      flags,
      id: 1,
      source: options.source ?? this.domid(from),
      destination: options.destination ?? this.domid(to),
      sourcePort,
      destinationPort: port,
      messageType: type,
      payload: bytes,
    });
    view.setUint16(FRAME_AT + DataField.reserved, reserved, true);
    const outcome = this.argo.sendv(this.state(from), frames, view, FRAME_AT, length);
    if (outcome === UNDECIDED) throw new Error('no domain of this harness has another home');
    this.lastSend = outcome;
    return outcome.status;
  }

  notify(
    caller: string,
    queries: readonly Partial<NotifyQuery>[] | null,
  ): { status: number; answers: readonly NotifyAnswer[] } {
    const whole = queries?.map((query) => ({ domid: 0, pad: 0, port: PORT, spaceRequired: 0, ...query })) ?? null;
    const result = this.argo.notify(this.state(caller), whole);
    if (result === null) throw new Error('no domain of this harness has another home');
    const { answer, answers } = result;
    return { status: answer.status, answers };
  }

  /** Returns credit for whole messages of these payload sizes. */
  consume(owner: string, handle: number, ...payloadBytes: number[]): boolean {
    const bytes = payloadBytes.reduce((sum, each) => sum + 16 + Math.ceil(each / 16) * 16, 0);
    return this.argo.credit(this.state(owner), handle, bytes);
  }

  /**
   * Puts another policy in force, while no frames are queued in sessions. Returns the names of the destroyed domains.
   */
  async adopt(text: PolicyText): Promise<string[]> {
    const policy = await compile(text, this.argo.policy.revision + 1);
    const { removed, withdrawals } = this.argo.adopt(policy);
    withdrawals.settle();
    withdrawals.announce();
    return removed.map(({ domain }) => domain.name);
  }

  /** `event reason src>dst permission` of each record, without `broker.start`. */
  get log(): string[] {
    return this.audit.records.slice(1).map((record) => {
      const parties = `${record.src?.domain ?? '-'}>${record.dst?.domain ?? '-'}`;
      return [record.event, record.reason ?? '-', parties, record.permission ?? '-'].join(' ');
    });
  }

  denials(): string[] {
    return this.log.filter((line) => /\.denied |session\.refused /.test(line));
  }
}
