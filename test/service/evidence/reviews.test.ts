/** Only an auditor marks the log as reviewed, and what was done with the log is recorded. */
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { memoryAudit } from '../../../broker/audit/index.ts';
import { administer } from '../../../broker/control/admin-requests.ts';
import { answerAudit } from '../../../broker/control/audit-requests.ts';
import type { ControlRequest } from '../../../broker/control/request-body.ts';
import { ROUTES } from '../../../broker/control/routes.ts';
import { REVIEW_TYP, Reviews } from '../../../broker/service/index.ts';
import { type Authority, createAuthority, type Identity, issueIdentity, type Role } from '../../../keys/index.ts';
import { temporaryDirectory } from '../../support/temp.ts';

const reviews = suite('reviews of the log');

const HASH = 'ab'.repeat(32);
const SAID = { through: 1, hash: HASH, note: 'nothing to report' };
const NOW = Date.now();

let made: Promise<Authority> | null = null;

function authority(): Promise<Authority> {
  made ??= createAuthority(join(temporaryDirectory(), 'authority'), 'unsealed');
  return made;
}

async function holder(role: Role, name = 'carol'): Promise<Identity> {
  return issueIdentity(
    await authority(),
    join(temporaryDirectory(), name),
    { name, role, ttlSeconds: 3_600 },
    'unsealed',
  );
}

async function accepting(isRevoked = false): Promise<Reviews> {
  const { authority: anchor } = await holder('broker', 'argus');
  return new Reviews({
    identity: { authority: anchor },
    audit: memoryAudit(),
    keys: { isRevoked: () => isRevoked },
    clock: { wall: () => NOW },
  });
}

/** Null: accepted; otherwise the message of the refusal. */
async function refusal(
  { credentialJwt: credential }: Identity,
  statement: string,
  isRevoked = false,
): Promise<string | null> {
  const result = await (await accepting(isRevoked)).accept({ credential, statement });
  if (result.ok) return null;
  assert.is(result.code, 'ERR_BROKER_REVIEW');
  return result.message;
}

reviews('an auditor reviews, and the record says who, through which record, and its hash', async () => {
  const carol = await holder('auditor');
  const statement = await carol.signStatement(REVIEW_TYP, SAID);
  const audit = memoryAudit();
  const body = { credential: carol.credentialJwt, statement };
  const request = requestOf('/v1/audit/review', body);
  const answered = async () => answerAudit(request, await accepting());
  const { code } = await administer(
    {} as IncomingMessage,
    { name: 'audit.review', answer: answered },
    { audit, callerOf: nobody },
  );
  assert.is(code, 200);
  const { event, detail } = audit.records[1] ?? {};
  assert.is(event, 'admin.request');
  const { through, hash, note: why } = SAID;
  const key = carol.thumbprint;
  assert.equal(detail, { request: 'audit.review', by: 'carol', key, through, hash, why, caller: null });
});

reviews('an admin, a domain and a broker review nothing', async () => {
  for (const role of ['admin', 'domain', 'broker'] as const) {
    const other = await holder(role);
    assert.match((await refusal(other, await other.signStatement(REVIEW_TYP, SAID))) ?? '', /WRONG_ROLE/, role);
  }
});

reviews("an auditor's credential alone is not enough: it is public", async () => {
  const [carol, other] = [await holder('auditor'), await holder('admin', 'alice')];
  assert.match((await refusal(carol, await other.signStatement(REVIEW_TYP, SAID))) ?? '', /not signed by the key/);
  assert.match((await refusal(carol, await carol.signStatement('argus-case', SAID))) ?? '', /not signed by the key/);
  assert.match((await refusal(carol, 'rubbish')) ?? '', /not signed by the key/);
});

reviews('a revoked key, a record that does not exist and an empty note are refused', async () => {
  const carol = await holder('auditor');
  const signed = (claims: object): Promise<string> => carol.signStatement(REVIEW_TYP, claims);
  assert.match((await refusal(carol, await signed(SAID), true)) ?? '', /revoked/);
  assert.match((await refusal(carol, await signed({ ...SAID, through: 2 }))) ?? '', /does not exist yet/);
  assert.match((await refusal(carol, await signed({ ...SAID, note: ' ' }))) ?? '', /note/);
  assert.is(await refusal(carol, await signed(SAID)), null);
});

reviews('a key of an admin may say what was read and exported, and may not review', () => {
  const rolesOf = (kind: string): readonly Role[] | undefined => ROUTES.get(`POST /v1/audit/${kind}`)?.roles;
  assert.equal(['review', 'read', 'export'].map(rolesOf), [['auditor'], ['admin', 'auditor'], ['admin', 'auditor']]);
});

reviews('a body that says too much or too little is refused', async () => {
  for (const [path, body] of [
    ['read', { by: 'a' }],
    ['read', { by: 'a', what: 'list', records: 3 }],
    ['export', { by: 'a', what: 'list' }],
    ['review', { credential: 1 }],
  ] as const) {
    const { code, asked } = await answerAudit(requestOf(`/v1/audit/${path}`, body), await accepting());
    assert.equal([code, asked], [400, undefined], path);
  }
});

const nobody = async (): Promise<null> => null;

function requestOf(url: string, body: object): ControlRequest {
  const chunks = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from(JSON.stringify(body));
  };
  return { url, body: chunks(), digest: null };
}

reviews.run();
