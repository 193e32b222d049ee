/** A broker's policy, grants and modes in memory: the real ones, over a core without VMs and a clock that the test moves. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { type MemoryAudit, memoryAudit } from '../../../broker/audit/index.ts';
import { Argo, type RemoteBroker } from '../../../broker/core/index.ts';
import {
  firstPolicy,
  Grants,
  Modes,
  POLICY_HOST,
  PolicyReload,
  type SignedPolicy,
} from '../../../broker/service/index.ts';
import {
  copyShippedPolicy,
  memoryArchive,
  type POLICY_FILE_NAMES,
  type PolicyRevision,
  type RevisionArchive,
} from '../../../policy/index.ts';
import { FakeClock } from '../../support/clock.ts';
import { temporaryDirectory } from '../../support/temp.ts';

const silent = (): void => undefined;
const SILENT = { info: silent, warn: silent, error: silent };

/** A domain of another broker. */
export const FAR = 'far-vm';
const ELSEWHERE = { leave: silent } as unknown as RemoteBroker;

/** Where the policies of a harness come from. Default: its directory. */
export interface HarnessSource {
  readonly isApplied?: boolean;
  readonly signed?: SignedPolicy | null;
}

export class PolicyHarness {
  readonly clock = new FakeClock();
  readonly directory: string;
  readonly audit: MemoryAudit;
  readonly reload: PolicyReload;
  readonly grants: Grants;
  readonly modes: Modes;
  readonly argo: Argo;
  readonly archive: RevisionArchive;
  /** How often listeners were opened for a new inventory. */
  synced = 0;
  /** Called between two steps of the comparison of policies. */
  rest: () => Promise<void> | null = () => null;

  constructor(
    directory: string,
    audit: MemoryAudit,
    first: PolicyRevision,
    archive: RevisionArchive,
    { isApplied = false, signed = null }: HarnessSource,
  ) {
    this.archive = archive;
    this.directory = directory;
    this.audit = audit;
    this.argo = new Argo(
      first,
      audit,
      { ringBytesPerDomain: 1 << 20, routesPerDomain: 16, memoryBytes: 2 ** 40 },
      (domain) => (domain.name === FAR ? ELSEWHERE : null),
    );
    // No VM is connected: there is no session to end and no socket to open.
    const sessions = { end: () => undefined, peers: () => [] } as unknown as ConstructorParameters<
      typeof PolicyReload
    >[3];
    const entrances = {
      prepare: async () => undefined,
      sync: async () => void this.synced++,
    } as unknown as ConstructorParameters<typeof PolicyReload>[4];
    this.reload = new PolicyReload(first, this.argo, audit, sessions, entrances, SILENT, {
      ...POLICY_HOST,
      pace: () => () => this.rest(),
      archive,
      source: signed !== null ? 'signed' : isApplied ? 'applied' : 'watch',
      ...(signed === null
        ? {}
        : { reload: (previous, options) => signed.reload(previous, options), bundle: () => signed.status }),
    });
    this.grants = new Grants(this.argo, audit, this.reload, this.clock);
    this.modes = new Modes(this.argo, audit, this.reload, this.clock);
  }

  static async open(
    edits: Readonly<Record<string, (text: string) => string>> = {},
    archive: RevisionArchive = memoryArchive(),
    source: HarnessSource | boolean = {},
  ): Promise<PolicyHarness> {
    const directory = join(temporaryDirectory(), 'policy');
    await copyShippedPolicy(directory);
    for (const [name, edit] of Object.entries(edits)) {
      await writeFile(join(directory, name), edit(await readFile(join(directory, name), 'utf8')));
    }
    const audit = memoryAudit();
    const from = typeof source === 'boolean' ? { isApplied: source } : source;
    const options = { directory, source: 'watch', strict: true } as const;
    const { policy } = await firstPolicy(options, archive, from.signed ?? null);
    await archive.keep(policy.hash, policy.files);
    return new PolicyHarness(directory, audit, policy, archive, from);
  }

  async edit(name: (typeof POLICY_FILE_NAMES)[number], edit: (text: string) => string): Promise<void> {
    const path = join(this.directory, name);
    await writeFile(path, edit(await readFile(path, 'utf8')));
  }

  grant(domain: string, label: string, forMs: number | null = null, keep = true) {
    return this.grants.add({ domain, label, forMs, by: 'test', reason: '', keep });
  }

  revoke(domain: string, label: string) {
    return this.grants.revoke({ domain, label, by: 'test', reason: '' });
  }

  /** The core's own answer: may the audio domain send the microphone's sound to this domain? */
  hears(domain: string): boolean {
    const { policy } = this.argo;
    const [source, destination] = [policy.domains.byName('audio-vm'), policy.domains.byName(domain)];
    const serviceClass = policy.classes.byName('audio-capture');
    assert.ok(source && destination && serviceClass);
    return policy.monitor.vector(source, destination, serviceClass).decisions[0]?.allowed === true;
  }

  events(...names: readonly string[]): string[] {
    return this.audit.records.filter(({ event }) => names.includes(event)).map(({ event }) => event);
  }
}
