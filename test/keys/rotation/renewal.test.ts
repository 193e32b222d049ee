/** Renewal by an authority that is online: what it signs, what it refuses, and what a holder takes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RenewalDesk } from '../../../clients/cli/commands/keys/renewal-desk.ts';
import { installRenewal, renewCredential } from '../../../keys/files/rotation/renewal.ts';
import { type Authority, createAuthority, type Identity, issueIdentity, type Role } from '../../../keys/index.ts';
import { temporaryDirectory } from '../../support/temp.ts';

const renewal = suite('renewal by an authority that is online');

const TERM = 3_600;
const START = 1_800_000_000_000;
/** The last third of the term has begun. */
const LATE = START + 2_500_000;

interface Site {
  readonly authority: Authority;
  readonly directory: string;
  readonly chrome: Identity;
  path(name: string): string;
}

async function site(role: Role = 'domain'): Promise<Site> {
  const directory = temporaryDirectory();
  const authority = await createAuthority(join(directory, 'authority'), 'unsealed');
  const path = (name: string): string => join(directory, name);
  const terms = { name: 'chrome-vm', role, ttlSeconds: TERM };
  const chrome = await issueIdentity(authority, path('chrome-vm'), terms, 'unsealed', { now: START });
  return { authority, directory, chrome, path };
}

function requestOf({ name, credentialJwt, publicJwk }: Identity) {
  return { name, credentialJwt, publicJwk };
}

renewal('the same key and generation get another term of the same length', async () => {
  const { authority, chrome, path } = await site();
  const result = await renewCredential(authority, requestOf(chrome), LATE);
  assert.ok(result.ok);
  const { thumbprint, generation, expiresAt } = result.credential;
  assert.equal([thumbprint, generation], [chrome.thumbprint, chrome.credential.generation]);
  assert.is(expiresAt, LATE / 1000 + TERM);
  const installed = await installRenewal(path('chrome-vm'), result.credentialJwt, LATE);
  assert.is(installed.expiresAt, expiresAt);
  assert.is(readFileSync(join(path('chrome-vm'), 'credential.jwt'), 'utf8').trim(), result.credentialJwt);
});

renewal('a request for anything else is refused, and nothing is registered', async () => {
  const { authority, chrome, path } = await site();
  const own = requestOf(chrome);
  const other = await createAuthority(path('other'), 'unsealed');
  const terms = { name: 'chrome-vm', role: 'domain', ttlSeconds: TERM } as const;
  const foreign = await issueIdentity(other, path('foreign'), terms, 'unsealed', { now: START });
  const mail = await issueIdentity(authority, path('mail-vm'), { ...terms, name: 'mail-vm' }, 'unsealed', {
    now: START,
  });
  const broker = await issueIdentity(
    authority,
    path('argus'),
    { ...terms, name: 'argus', role: 'broker' },
    'unsealed',
    { now: START },
  );
  const before = (await authority.issued()).length;
  const table = [
    ['TOO_EARLY', own, START + 2_300_000],
    ['NOT_A_CREDENTIAL', { ...own, credentialJwt: 'x' }, LATE],
    ['NOT_A_CREDENTIAL', requestOf(foreign), LATE],
    ['NOT_A_CREDENTIAL', own, START + 4_000_000],
    ['NOT_A_DOMAIN', requestOf(broker), LATE],
    ['OTHER_NAME', { ...own, name: 'mail-vm' }, LATE],
    ['OTHER_KEY', { ...own, publicJwk: mail.publicJwk }, LATE],
    ['OTHER_KEY', { ...own, publicJwk: { kty: 'oct' } }, LATE],
  ] as const;
  for (const [reason, request, now] of table)
    assert.equal(await renewCredential(authority, request, now), { ok: false, reason }, reason);
  assert.is((await authority.issued()).length, before);
});

renewal('a credential that was renewed is not renewed again with the old one', async () => {
  const { authority, chrome } = await site();
  assert.ok((await renewCredential(authority, requestOf(chrome), LATE)).ok);
  assert.equal(await renewCredential(authority, requestOf(chrome), LATE), { ok: false, reason: 'TOO_EARLY' });
});

renewal('a revoked key and an older key of the holder get nothing', async () => {
  const { authority, chrome, path } = await site();
  await authority.revoke({ target: { role: 'domain', name: 'chrome-vm' }, reason: 'stolen', until: null, now: LATE });
  assert.equal(await renewCredential(authority, requestOf(chrome), LATE), { ok: false, reason: 'REVOKED' });
  const terms = { name: 'chrome-vm', role: 'domain', ttlSeconds: TERM } as const;
  await issueIdentity(authority, path('newer'), terms, 'unsealed', { now: LATE });
  assert.equal(await renewCredential(authority, requestOf(chrome), LATE), { ok: false, reason: 'OLD_KEY' });
});

renewal('a holder takes a credential for its own key and name alone', async () => {
  const { authority, path } = await site();
  const other = await createAuthority(path('other'), 'unsealed');
  const terms = { name: 'chrome-vm', role: 'domain', ttlSeconds: TERM } as const;
  const mail = await issueIdentity(authority, path('mail-vm'), { ...terms, name: 'mail-vm' }, 'unsealed', {
    now: START,
  });
  const foreign = await issueIdentity(other, path('foreign'), terms, 'unsealed', { now: START });
  const file = join(path('chrome-vm'), 'credential.jwt');
  const before = readFileSync(file, 'utf8');
  const { publicJwk } = await issueIdentity(authority, path('chrome-vm'), terms, 'unsealed', { now: START });
  const named = await authority.issue({ ...terms, name: 'renamed-vm', publicJwk, now: START });
  const after = readFileSync(file, 'utf8');
  assert.is.not(after, before);
  const rekeyed = await issueIdentity(authority, path('rekeyed'), terms, 'unsealed', { now: START });
  for (const [jwt, code] of [
    [rekeyed.credentialJwt, 'ERR_KEY_MISMATCH'],
    [mail.credentialJwt, 'ERR_KEY_MISMATCH'],
    [named.credentialJwt, 'ERR_KEY_MISMATCH'],
    [foreign.credentialJwt, 'ERR_KEY_CREDENTIAL_FOREIGN'],
    ['nonsense', 'ERR_KEY_CREDENTIAL_INVALID'],
  ] as const) {
    const refusal = await installRenewal(path('chrome-vm'), jwt, LATE).catch((error: { code: string }) => error.code);
    assert.is(refusal, code);
  }
  assert.is(readFileSync(file, 'utf8'), after);
});

renewal('the service answers each request once, whatever it holds, and one after the other', async () => {
  const { authority, chrome } = await site();
  const desk = new RenewalDesk(authority, () => LATE);
  const asked = Buffer.from(JSON.stringify({ credential: chrome.credentialJwt, key: chrome.publicJwk }));
  const answers = await Promise.all([
    desk.answer('chrome-vm', Buffer.from('no JSON')),
    desk.answer('chrome-vm', Buffer.from('null')),
    desk.answer('mail-vm', asked),
    desk.answer('chrome-vm', asked),
    desk.answer('chrome-vm', asked),
  ]);
  assert.equal(
    answers.map(({ said }) => said.reason),
    ['NOT_A_REQUEST', 'NOT_A_REQUEST', 'OTHER_NAME', null, 'TOO_EARLY'],
  );
  const replies = answers.map(({ reply }) => Object.keys(JSON.parse(Buffer.from(reply).toString('utf8'))).join());
  assert.equal(replies, ['reason', 'reason', 'reason', 'credential', 'reason']);
});

renewal.run();
