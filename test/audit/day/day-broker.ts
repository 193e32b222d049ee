/** A broker's life in the day: real policies decide, the real log records, and the real archive keeps the revisions. */
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { type AuditLog, type CheckpointSigner, noteKeyOf, openAuditLog } from '../../../broker/audit/index.ts';
import { INSPECTORS } from '../../../broker/index.ts';
import { accessDetail, firstAccess } from '../../../broker/service/index.ts';
import {
  type ChangeCause,
  compileFiles,
  type Decision,
  type Domain,
  finish,
  type Grant,
  type Permit,
  PolicyError,
  type PolicyFiles,
  type PolicyRevision,
  type RevisionArchive,
  regrantPolicy,
  summarizeAccess,
} from '../../../policy/index.ts';
import type { FakeClock } from '../../support/clock.ts';
import { durable, hostClock, type MemoryDisk, settle } from '../fixtures.ts';

const NAME = 'host-1';
/** PKCS #8 of Ed25519: this prefix and 32 bytes, which are the same in each run. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const PRIVATE_KEY = createPrivateKey({
  key: Buffer.concat([PKCS8, Buffer.alloc(32, 7)]),
  format: 'der',
  type: 'pkcs8',
});
const PUBLIC_KEY = Buffer.from(createPublicKey(PRIVATE_KEY).export({ format: 'jwk' }).x ?? '', 'base64url');

const SIGNER: CheckpointSigner = {
  key: noteKeyOf(NAME, PUBLIC_KEY),
  sign: async (text) => sign(null, Buffer.from(text), PRIVATE_KEY),
};

interface Host {
  readonly disk: MemoryDisk;
  readonly clock: FakeClock;
  readonly archive: RevisionArchive;
}

export interface Change {
  readonly cause: ChangeCause;
  readonly by: string;
  readonly why: string;
}

export class DayBroker {
  readonly #host: Host;
  readonly log: AuditLog;
  #policy: PolicyRevision;
  #before: string | null = null;
  /** Flows of the revision in force. */
  readonly #flows = new Map<string, { readonly permit: Permit; readonly port: number }>();

  private constructor(host: Host, log: AuditLog, policy: PolicyRevision) {
    this.#host = host;
    this.log = log;
    this.#policy = policy;
  }

  static async start(host: Host, boot: string, files: PolicyFiles): Promise<DayBroker> {
    const log = await openAuditLog(
      { directory: 'unused', broker: NAME, signer: SIGNER },
      { files: host.disk, clock: hostClock(host.clock), boot },
    );
    const policy = await compile(files, host.archive.newest + 1);
    const broker = new DayBroker(host, log, policy);
    await broker.#put(policy, { cause: 'start', by: 'broker', why: '' });
    return broker;
  }

  domain(name: string): Domain {
    const found = this.#policy.domains.byName(name);
    if (found === undefined) throw new Error(`no domain ${name}`);
    return found;
  }

  open(name: string): void {
    this.log.record({ event: 'session.open', src: this.domain(name), session: `s-${name}` });
  }

  close(name: string, reason: string): void {
    this.log.record({ event: 'session.close', src: this.domain(name), session: `s-${name}`, reason });
  }

  register(name: string, port: number): void {
    const by = this.#policy.monitor.registerAnySource(this.domain(name));
    if (!by.allowed) throw new Error(`${name} may not register`);
    this.log.record({ event: 'ring.register', by, port, ringBytes: 65_536 });
  }

  /** A domain that no row allows to use the broker. */
  refuse(name: string): void {
    const by = this.#policy.monitor.enable(this.domain(name));
    if (by.allowed) throw new Error(`${name} may use the broker`);
    this.log.denied(by, null, 0);
  }

  /** So many messages, each decided as the broker decides: first the pair, then the class of the port. */
  send(source: string, target: string, what: string, port: number, messages: number, bytes: number): void {
    const [src, dst] = [this.domain(source), this.domain(target)];
    const [className = '', permission = ''] = what.split(':');
    const decision = this.#decide(src, dst, className, permission);
    if (!decision.allowed) {
      for (let message = 0; message < messages; message++) this.log.denied(decision, port, bytes);
      return;
    }
    const serviceClass = this.#policy.classes.byName(className);
    if (serviceClass?.name === 'audio-control') this.log.record({ event: 'send.allowed', by: decision, port, bytes });
    const flow = this.log.flow(decision, port);
    flow.messages += messages;
    flow.bytes += messages * bytes;
    this.#flows.set(`${source} ${target} ${what} ${port}`, { permit: decision, port });
  }

  async apply(files: PolicyFiles, change: Change): Promise<void> {
    const number = this.#host.archive.newest + 1;
    try {
      const policy = await compile(files, number);
      this.#admin('policy.apply', 'DONE', change);
      await this.#put(policy, change);
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      this.#admin('policy.apply', error.code, change);
      const detail = { ...attributed(change), revision: this.#policy.revision, refused: number };
      this.log.record({ event: 'policy.reject', reason: error.code, detail });
    }
  }

  async grant(grant: Grant, change: Change, forMs: number): Promise<void> {
    const { domain, label } = grant;
    const policy = regrantPolicy(this.#policy, this.#host.archive.newest + 1, [...this.#policy.grants, grant]);
    this.#admin('grants.add', 'DONE', change);
    const detail = { label, by: change.by, why: change.why, forMs, keep: false, from: policy.revision };
    this.log.record({ event: 'grant.add', src: this.domain(domain), reason: 'GRANTED', detail });
    await this.#put(policy, change);
  }

  async expire({ domain, label }: Grant): Promise<void> {
    const rest = this.#policy.grants.filter((one) => one.domain !== domain || one.label !== label);
    const policy = regrantPolicy(this.#policy, this.#host.archive.newest + 1, rest);
    const detail = { label, by: 'broker', from: policy.revision };
    this.log.record({ event: 'grant.expire', src: this.domain(domain), reason: 'EXPIRED', detail });
    await this.#put(policy, { cause: 'grants', by: 'broker', why: 'EXPIRED' });
  }

  /** The key of a domain is taken back, and the domain tries to come again with it. */
  revokeKey(name: string, change: Change): void {
    this.#admin('keys.revoke', 'DONE', change);
    this.close(name, 'KEY_REVOKED');
    this.log.record({ event: 'key.list', reason: 'INSTALLED', detail: { serial: 2, entries: 1, ended: 1 } });
    const detail = { role: 'domain', name, key: 'c0ffee00c0ffee00', generation: 1, count: 3 };
    this.log.record({ event: 'key.incident', reason: 'REVOKED', detail });
  }

  /** An auditor has reviewed all that is there. */
  review(by: string, why: string): void {
    const { seq: through, hash } = this.log.head;
    this.#use('audit.review', { by, key: 'a0d170a0d170a0d1', through, hash, why });
  }

  /** Records were shown, or have left the log. */
  read(by: string, what: string, question: string, records?: number): void {
    const isExport = records !== undefined;
    this.#use(isExport ? 'audit.export' : 'audit.read', { by, what, ...(isExport ? { records } : {}), question });
  }

  /** Until all that was recorded is on the disk, and signed if it was time to. */
  async settled(): Promise<void> {
    await durable(this.log, this.#policy.domains.broker);
    await settle();
  }

  #decide(source: Domain, target: Domain, className: string, permission: string): Decision {
    const pair = this.#policy.monitor.send(source, target);
    if (!pair.allowed) return pair;
    const serviceClass = this.#policy.classes.byName(className);
    const at = serviceClass?.permissions.indexOf(permission) ?? -1;
    const decision = serviceClass && this.#policy.monitor.vector(source, target, serviceClass).decisions[at];
    if (decision === undefined) throw new Error(`no permission ${className}:${permission}`);
    return decision;
  }

  /** As the broker compares: with the policy in force, at a start with that of the run before. */
  async #access(policy: PolicyRevision): Promise<{ access?: ReturnType<typeof accessDetail> }> {
    const isStart = this.#policy === policy;
    const access = isStart
      ? await firstAccess(policy, this.#host.archive)
      : finish(summarizeAccess(this.#policy, policy));
    return access === undefined ? {} : { access: accessDetail(access) };
  }

  #admin(request: string, reason: string, { by, why }: Change): void {
    const detail = { request, by, why, caller: { pid: 4_711, uid: 0, program: 'argus' } };
    this.log.record({ event: reason === 'DONE' ? 'admin.request' : 'admin.refused', reason, detail });
  }

  #use(request: string, asked: { readonly [key: string]: string | number }): void {
    const detail = { request, ...asked, caller: { pid: 4_812, uid: 1_002, program: 'argus' } };
    this.log.record({ event: 'admin.request', reason: 'DONE', detail });
  }

  async #put(policy: PolicyRevision, change: Change): Promise<void> {
    const { archive, clock } = this.#host;
    for (const { permit, port } of this.#flows.values()) this.log.endFlow(permit, port);
    this.#flows.clear();
    await archive.keep(policy.hash, policy.files);
    const { cause, by, why } = change;
    const grants = policy.grants.map(({ domain, label }) => `${domain} ${label}`);
    const facts = { assertions: policy.assertionsHash, rows: policy.rows };
    const access = await this.#access(policy);
    const detail = { ...facts, ...attributed(change), ...access, ...(grants.length > 0 ? { grants } : {}) };
    this.log.record({ event: 'policy.load', revision: policy.revision, policy: policy.hash, detail });
    const named = { revision: policy.revision, policy: policy.hash, before: this.#before };
    const time = new Date(clock.wall()).toISOString();
    await archive.note({ ...named, ...facts, time, grants, cause, by, reason: why });
    this.#before = policy.hash;
    this.#policy = policy;
  }
}

function attributed({ cause, by, why }: Change): Readonly<Record<string, string>> {
  return { cause, by, ...(why === '' ? {} : { why }) };
}

function compile(files: PolicyFiles, revision: number): Promise<PolicyRevision> {
  return compileFiles('/etc/argus/policy', files, { revision, inspectors: INSPECTORS });
}
