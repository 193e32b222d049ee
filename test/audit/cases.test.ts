/** A case is checked without the log, and whatever was changed in it is noticed. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { InclusionPaths, inclusionRanges, leafHash, RangeRoots } from '../../broker/audit/evidence/index.ts';
import { type CheckpointSigner, noteKeyOf, openAuditLog } from '../../broker/audit/index.ts';
import { CASE_TYP, caseHash, parseCase, sealLine } from '../../clients/audit/cases/case-file.ts';
import {
  type CaseVerdict,
  LogUses,
  makeCase,
  parseQuestion,
  predicateOf,
  RecordRow,
  selectRecords,
  verifyCase,
} from '../../clients/audit/index.ts';
import { createAuthority, type Identity, issueIdentity, type Role, type TrustAnchor } from '../../keys/index.ts';
import { temporaryDirectory } from '../support/temp.ts';

const cases = suite('cases');

const NOW = Date.now();
const REMARK = { seq: 3, text: 'the first attempt' };
const ASKED = {
  name: 'incident 17',
  note: 'handled',
  question: 'event=policy.reject',
  remarks: [REMARK],
  isRecorded: true,
};

function signerOf(broker: string): CheckpointSigner {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  return { key: noteKeyOf(broker, raw), sign: async (text) => sign(null, Buffer.from(text), privateKey) };
}

interface Office {
  readonly directory: string;
  readonly signer: CheckpointSigner;
  readonly auditor: Identity;
  readonly admin: Identity;
  readonly authority: TrustAnchor;
}

let made: Promise<Office> | null = null;

/** A signed log of eleven records, an auditor and an admin. */
function office(): Promise<Office> {
  made ??= (async () => {
    const directory = join(temporaryDirectory(), 'audit');
    const signer = signerOf('host-1');
    const log = await openAuditLog({ directory, broker: 'host-1', signer });
    for (let time = 0; time < 9; time++) log.record({ event: 'policy.reject', reason: `R${time}` });
    await log.close();
    const authority = await createAuthority(join(temporaryDirectory(), 'authority'), 'unsealed');
    const person = (name: string, role: Role): Promise<Identity> =>
      issueIdentity(authority, join(temporaryDirectory(), name), { name, role, ttlSeconds: 3_600 }, 'unsealed');
    const [auditor, admin] = [await person('carol', 'auditor'), await person('alice', 'admin')];
    return { directory, signer, auditor, admin, authority: auditor.authority };
  })();
  return made;
}

async function seqsOf(directory: string): Promise<readonly number[]> {
  return selectRecords(directory, predicateOf(parseQuestion(ASKED.question, NOW)));
}

async function verdictOn(content: string): Promise<CaseVerdict> {
  const { signer, authority } = await office();
  return verifyCase(content, signer.key, authority);
}

async function reasonOf(content: string): Promise<string> {
  const verdict = await verdictOn(content);
  return verdict.ok ? 'ok' : verdict.reason;
}

async function aCase(): Promise<string> {
  const { directory, auditor } = await office();
  return makeCase(directory, { ...ASKED, seqs: await seqsOf(directory) }, auditor, NOW);
}

/** The case with another content, signed again by the same auditor: what its author could forge. */
async function signedAgain(edit: (body: string) => string, by: 'auditor' | 'admin' = 'auditor'): Promise<string> {
  const content = await aCase();
  const body = edit(content.slice(0, content.lastIndexOf('\n', content.length - 2) + 1));
  const author = (await office())[by];
  const statement = await author.signStatement(CASE_TYP, { sha256: caseHash(body) });
  return body + sealLine({ sha256: caseHash(body), credential: author.credentialJwt, statement });
}

cases('a third party sees the author, the records and the remarks, with two keys and no log', async () => {
  const verdict = await verdictOn(await aCase());
  assert.ok(verdict.ok);
  const { name, by, note, question, remarks, lines, size, isRecorded } = verdict;
  assert.equal({ name, note, question, remarks, isRecorded }, ASKED);
  assert.equal([by, lines.length, size], ['carol', 9, 11]);
  assert.equal(
    lines.map(({ seq, fields }) => [seq, fields.seq, fields.reason]),
    Array.from({ length: 9 }, (_, at) => [at + 2, at + 2, `R${at}`]),
  );
});

cases('every changed character is noticed', async () => {
  const content = await aCase();
  for (let at = 0; at < content.length; at += 7) {
    const other = content[at] === 'x' ? 'y' : 'x';
    const reason = await reasonOf(content.slice(0, at) + other + content.slice(at + 1));
    assert.is.not(reason, 'ok', `${at}: ${content.slice(at - 10, at + 10)}`);
  }
});

cases(
  'the verdict says what is wrong: changed after signing, or signed with another key than the broker has',
  async () => {
    const { authority } = await office();
    const content = await aCase();
    assert.is(await reasonOf(content.replace('incident 17', 'incident 18')), 'ALTERED');
    const foreign = await verifyCase(content, signerOf('host-1').key, authority);
    assert.equal(foreign, { ok: false, reason: 'NOT_INCLUDED', record: 2, why: 'WRONG_KEY' });
  },
);

cases('a missing, repeated or moved line is noticed', async () => {
  const lines = (await aCase()).split(/(?<=\n)/);
  for (let at = 0; at < lines.length; at++) {
    assert.is.not(await reasonOf(lines.toSpliced(at, 1).join('')), 'ok');
    assert.is.not(await reasonOf(lines.toSpliced(at, 0, lines[at] ?? '').join('')), 'ok');
  }
  for (const rubbish of ['', '\n', '{}\n', '\n\n\n', 'null\nnull\nnull\n'])
    assert.is(await reasonOf(rubbish), 'MALFORMED');
});

cases('an author cannot put in a record that the broker did not sign, or a remark about another one', async () => {
  assert.is(await reasonOf(await signedAgain((body) => body)), 'ok');
  assert.is(await reasonOf(await signedAgain((body) => body.replace('R3', 'R4'))), 'NOT_INCLUDED');
  assert.is(await reasonOf(await signedAgain((body) => body.replace('"index":3', '"index":4'))), 'NOT_INCLUDED');
  assert.is(await reasonOf(await signedAgain((body) => body.replace('"seq":3', '"seq":1'))), 'REMARK');
  assert.is(await reasonOf(await signedAgain((body) => body.replace('carol', 'frank'))), 'OTHER_NAME');
});

cases('an admin, a foreign authority and another broker make no case of this log', async () => {
  const { directory, admin, signer, authority } = await office();
  assert.is(await reasonOf(await signedAgain((body) => body, 'admin')), 'NOT_AN_AUDITOR');
  const content = await aCase();
  const foreign = (await createAuthority(join(temporaryDirectory(), 'foreign'), 'unsealed')).public;
  assert.equal(reasonIn(await verifyCase(content, signer.key, foreign)), 'NOT_AN_AUDITOR');
  assert.equal(reasonIn(await verifyCase(content, signerOf('host-1').key, authority)), 'NOT_INCLUDED');
  const parsed = parseCase(content);
  assert.ok(parsed);
  const elsewhere = await admin.signStatement(CASE_TYP, { sha256: parsed.sha256 });
  assert.is(
    await reasonOf(
      content.slice(0, -sealLine(parsed.seal).length) + sealLine({ ...parsed.seal, statement: elsewhere }),
    ),
    'UNSIGNED',
  );
  const seqs = await seqsOf(directory);
  for (const [request, author] of [
    [{ ...ASKED, seqs }, admin],
    [{ ...ASKED, seqs: [] }, (await office()).auditor],
    [{ ...ASKED, seqs: [4] }, (await office()).auditor],
    [{ ...ASKED, seqs, name: ' ' }, (await office()).auditor],
    [{ ...ASKED, seqs: Array.from({ length: 10_001 }, (_, at) => at + 1) }, (await office()).auditor],
  ] as const)
    assert.is(await codeOf(() => makeCase(directory, request, author, NOW)), 'ERR_AUDIT_CASE');
  assert.is(
    await codeOf(async () => makeCase(directory, { ...ASKED, seqs: [3, 99] }, (await office()).auditor, NOW)),
    'ERR_AUDIT_UNPROVEN',
  );
});

cases('paths collected in one pass are those that are collected one by one, also above a removed part', () => {
  for (let size = 1; size <= 33; size++) {
    const leaves = Array.from({ length: size }, (_, at) => leafHash(String(at)));
    const paths = new InclusionPaths(leaves.keys(), size);
    for (const [at, leaf] of leaves.entries()) paths.leaf(at, leaf);
    for (const at of leaves.keys()) {
      const roots = new RangeRoots(inclusionRanges(at, size));
      for (const [index, leaf] of leaves.entries()) if (index !== at) roots.leaf(index, leaf);
      assert.equal(paths.path(at), roots.roots(), `${at} of ${size}`);
    }
  }
  const short = new InclusionPaths([0], 4);
  short.leaf(0, leafHash('0'));
  assert.is(short.path(0), null);
});

cases('who used the log: a review is compared with the log, and claims of others are not reviews', () => {
  const uses = new LogUses();
  const add = (seq: number, request: string, more: object, event = 'admin.request'): void => {
    const fields = { seq, event, time: '2026-11-17T17:00:00.000Z', detail: { request, by: 'carol', ...more } };
    uses.add(new RecordRow({ seq, fields }), fields);
  };
  const [hash, other] = ['ab'.repeat(32), 'cd'.repeat(32)];
  add(7, 'audit.read', { what: 'list', question: 'src=a', caller: { uid: 5 } });
  add(8, 'audit.review', { through: 4, hash, why: 'ok' });
  add(9, 'audit.review', { through: 6, hash: other, why: 'ok' });
  add(10, 'audit.review', { through: 2, hash, why: 'ok' });
  add(11, 'audit.review', { through: 9, hash, why: 'ok' }, 'admin.refused');
  add(12, 'audit.export', { what: 'case x', records: 3, question: '' });
  assert.is(uses.hasReviews, true);
  assert.is(uses.reviewedThrough, 0);
  uses.compare(5, hash);
  uses.compare(7, hash);
  assert.equal(
    uses.uses.map(({ seq, what, uid, records, log }) => [seq, what, uid, records, log]),
    [
      [7, 'read', 5, null, ''],
      [8, 'reviewed', null, 4, 'same'],
      [9, 'reviewed', null, 6, 'DIFFERS'],
      [10, 'reviewed', null, 2, 'removed'],
      [12, 'exported', null, 3, ''],
    ],
  );
  assert.equal([uses.reviewedThrough, uses.newest], [4, 12]);
});

function reasonIn(verdict: CaseVerdict): string {
  return verdict.ok ? 'ok' : verdict.reason;
}

async function codeOf(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
    return 'none';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

cases.run();
