/** A witness of the key hierarchy: whose cosignatures a broker accepts, and for how long. All HTTP is left out. */
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type CheckpointSigner,
  openWitness,
  SIGNATURE_COSIGNATURE,
  verifierKey,
  Witness,
  WitnessFeed,
  type WitnessTrouble,
} from '../../../broker/audit/index.ts';
import { CHECKPOINT_INTERVAL_MS, WITNESS_RETRY_MS } from '../../../broker/audit/limits.ts';
import { namedCosigner } from '../../../broker/service/evidence/named-cosigner.ts';
import { verifyWitness } from '../../../broker/service/index.ts';
import { IdentityOfWitness } from '../../../clients/audit/index.ts';
import {
  createAuthority,
  type Identity,
  issueIdentity,
  loadIdentity,
  ROLES,
  type Role,
  rotateIdentity,
} from '../../../keys/index.ts';
import { durable, hostClock, type LogFixture, MemoryDisk, openOn, settle, signerOf } from '../../audit/fixtures.ts';
import { codeOf } from '../../keys/forge.ts';
import { temporaryDirectory } from '../../support/temp.ts';

const credentials = suite('credentials of witnesses');

const base = temporaryDirectory();
const authority = await createAuthority(join(base, 'authority'), 'unsealed');
const foreign = await createAuthority(join(base, 'foreign'), 'unsealed');
const logSigner = signerOf('test');
const HOUR = 3_600;
let made = 0;

interface Made {
  readonly dir: string;
  readonly identity: Identity;
}

async function make(role: Role, name = 'carol', from = authority): Promise<Made> {
  const dir = join(base, `holder-${made++}`);
  return { dir, identity: await issueIdentity(from, dir, { name, role, ttlSeconds: HOUR }, 'unsealed') };
}

const CAROL = await make('witness');

function served({ credentialJwt: credential, publicJwk }: Identity): string {
  return JSON.stringify({ credential, publicJwk });
}

async function reasonOf(text: string, now = Date.now()): Promise<string> {
  const result = await verifyWitness(text, CAROL.identity.authority, now);
  return result.ok ? 'accepted' : result.reason;
}

credentials('a witness is accepted, under the name and the key of its credential', async () => {
  const result = await verifyWitness(served(CAROL.identity), CAROL.identity.authority, Date.now());
  assert.ok(result.ok);
  if (result.ok) assert.equal([result.key.name, result.key.type], ['carol', SIGNATURE_COSIGNATURE]);
});

credentials('the key of every other role is refused as a witness', async () => {
  for (const role of ROLES.filter((each) => each !== 'witness')) {
    const { identity, dir } = await make(role);
    assert.is(await reasonOf(served(identity)), `"carol" (${role}) is refused: WRONG_ROLE`);
    assert.is(await codeOf(() => IdentityOfWitness.load(dir, () => {})), 'ERR_AUDIT_WITNESS');
  }
});

credentials('what is no credential of this authority, for this key and for now is refused', async () => {
  const { identity } = CAROL;
  const other = await make('witness', 'dave');
  const later = Date.now() + 2 * HOUR * 1_000;
  assert.is(await reasonOf('no JSON'), 'it serves no credential');
  assert.is(await reasonOf(JSON.stringify({ credential: identity.credentialJwt })), 'it serves no credential');
  assert.match(await reasonOf(served((await make('witness', 'carol', foreign)).identity)), 'FOREIGN_AUTHORITY');
  assert.match(await reasonOf(served(identity), later), 'EXPIRED');
  const stolen = JSON.stringify({ credential: identity.credentialJwt, publicJwk: other.identity.publicJwk });
  assert.is(await reasonOf(stolen), 'its public key is not that of "carol"');
});

// ---- a log that is shown to it

function cosignerOf(identity: Identity): CheckpointSigner {
  const key = verifierKey(identity.name, SIGNATURE_COSIGNATURE, Buffer.from(identity.publicJwk.x, 'base64url'));
  return { key, sign: (text) => identity.signNote(text) };
}

class Store {
  text: string | null = null;

  async read(): Promise<string | null> {
    return this.text;
  }

  async replace(text: string): Promise<void> {
    this.text = text;
  }
}

class Site {
  readonly troubles: (WitnessTrouble | null)[] = [];
  readonly reasons: unknown[] = [];
  /** Thumbprints that are revoked. */
  readonly revoked = new Set<string>();
  /** Newest keys that have cosigned, as the broker remembers. */
  readonly proven: string[] = [];
  /** What the witness serves. */
  holder: Identity = CAROL.identity;
  readonly fixture: LogFixture;
  readonly feed: WitnessFeed;
  readonly witness: Witness;

  private constructor(fixture: LogFixture, witness: Witness) {
    this.fixture = fixture;
    this.witness = witness;
    this.feed = new WitnessFeed(fixture.disk, hostClock(fixture.clock), (_, trouble) => this.troubles.push(trouble));
  }

  static async open(name = 'carol'): Promise<Site> {
    const fixture = await openOn(new MemoryDisk(), { signer: logSigner });
    const parts = { logs: () => [logSigner.key], signer: cosignerOf(CAROL.identity), store: new Store() };
    const site = new Site(fixture, await Witness.open({ ...parts, now: () => 1_700_000_000_000 }));
    const isRevoked = ({ thumbprint }: { thumbprint: string }): boolean => site.revoked.has(thumbprint);
    const keys = {
      isRevoked,
      proven: (credential: { thumbprint: string }): boolean => {
        site.proven.push(credential.thumbprint);
        return !isRevoked(credential);
      },
    };
    const log = { warn: ({ reason }: { reason: unknown }) => void site.reasons.push(reason) };
    const trust = { identity: CAROL.identity, keys, clock: { wall: Date.now }, log: log as never };
    const line = {
      holder: async () => served(site.holder),
      add: (request: string) => site.witness.add(request),
    };
    await site.feed.use(namedCosigner('unused', name, trust, line));
    fixture.log.onCheckpoint((state) => site.feed.offer(state));
    await settle();
    await site.feed.idle();
    return site;
  }

  async grow(): Promise<void> {
    const { log, clock } = this.fixture;
    log.record({ event: 'admin.request', reason: 'DONE' });
    await durable(log);
    clock.advance(CHECKPOINT_INTERVAL_MS);
    await settle();
    await this.feed.idle();
  }

  async retry(): Promise<void> {
    this.fixture.clock.advance(WITNESS_RETRY_MS);
    await settle();
    await this.feed.idle();
  }

  get records(): number {
    return this.feed.status()[0]?.records ?? -1;
  }
}

credentials('its checkpoints are cosigned, and its key is remembered as proven', async () => {
  const site = await Site.open();
  await site.grow();
  assert.equal([site.records, site.troubles, site.reasons], [2, [], []]);
  assert.equal(new Set(site.proven), new Set([CAROL.identity.thumbprint]));
});

credentials('a credential for another name than the configured one is shown nothing', async () => {
  const site = await Site.open('dave');
  assert.equal([site.records, site.troubles], [0, ['UNTRUSTED']]);
  assert.equal(site.reasons, ['its credential is for "carol"']);
  await site.retry();
  assert.is(site.reasons.length, 1, 'a lasting reason is said once');
  assert.is(site.witness.notes, '');
});

credentials('a revoked key is shown nothing more, and a new key of the witness is', async () => {
  const site = await Site.open();
  site.revoked.add(CAROL.identity.thumbprint);
  await site.grow();
  assert.equal([site.records, site.troubles], [1, ['UNTRUSTED']]);
  assert.equal(site.reasons, ['its key is revoked or replaced by a newer one']);
  site.holder = (await make('witness')).identity;
  await site.witness.takeOver(cosignerOf(site.holder));
  await site.retry();
  assert.equal([site.records, site.troubles], [2, ['UNTRUSTED', null]]);
});

credentials('a key that is revoked between the credential and the cosignature is not kept', async () => {
  const site = await Site.open();
  const { add } = site.witness;
  site.witness.add = async (request) => {
    const answer = await add.call(site.witness, request);
    site.revoked.add(CAROL.identity.thumbprint);
    return answer;
  };
  await site.grow();
  assert.equal([site.records, site.troubles], [1, ['BAD_COSIGNATURE']]);
});

credentials('a rotated key is taken over: the broker goes on, and old notes carry the new cosignature', async () => {
  const { dir, identity } = await make('witness', 'frank');
  const problems: unknown[] = [];
  const holder = await IdentityOfWitness.load(dir, (error) => void problems.push(error));
  const place = join(base, 'frank-witness');
  const logs = [logSigner.key];
  const open = await openWitness(place, { signer: holder.signer, logs, now: Date.now });
  holder.onReplaced(open.takeOver);
  const site = await Site.open();
  await site.grow();
  const note = site.witness.notes;
  assert.is((await open.witness.add(`old 0\n\n${note}`)).status, 200);
  assert.ok(open.witness.isCosignedBy(cosignerOf(identity).key));

  await rotateIdentity(authority, dir, { ttlSeconds: HOUR, overlapSeconds: HOUR, now: Date.now() });
  const next = await loadIdentity(dir);
  await holder.refresh();
  assert.equal([problems, JSON.parse(holder.text).credential], [[], next.credentialJwt]);
  assert.is(open.witness.key.keyId, cosignerOf(next).key.keyId);
  assert.ok(open.witness.isCosignedBy(cosignerOf(next).key));
  assert.not.ok(open.witness.isCosignedBy(cosignerOf(identity).key));
  await open.close();

  const again = await openWitness(place, { signer: cosignerOf(identity), logs, now: Date.now });
  assert.ok(again.witness.isCosignedBy(cosignerOf(identity).key), 'also where it was replaced between two runs');
  await again.close();
});

credentials('a directory that holds another holder now is not used', async () => {
  const { dir } = await make('witness', 'grace');
  const problems: { code?: string }[] = [];
  const holder = await IdentityOfWitness.load(dir, (error) => void problems.push(error as { code?: string }));
  const before = holder.text;
  const other = await make('witness', 'heidi');
  const { cp } = await import('node:fs/promises');
  for (const name of ['credential.jwt', 'key.jwk', 'key.pub.jwk']) await cp(join(other.dir, name), join(dir, name));
  await holder.refresh();
  assert.equal([holder.text, problems.map(({ code }) => code)], [before, ['ERR_AUDIT_WITNESS']]);
});

credentials.run();
