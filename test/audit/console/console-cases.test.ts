/** Cases in the console: who may make one, with which request, and what becomes of it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseVerifierKey } from '../../../broker/audit/index.ts';
import { INSPECTORS } from '../../../broker/index.ts';
import { CaseFolder } from '../../../clients/audit/cases/index.ts';
import { type AuditConsole, openConsole, verifyCase } from '../../../clients/audit/index.ts';
import type { Role } from '../../../keys/index.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { person, signedLog } from './case-fixtures.ts';
import { until } from './console-fixtures.ts';
import { type Answer, ask } from './http.ts';

const cases = suite('cases in the console');

interface Office {
  readonly opened: AuditConsole;
  readonly folder: string;
  readonly directory: string;
  readonly announced: object[];
  /** The headers that the page sends with a case. */
  readonly headers: Record<string, string>;
  post(body: unknown, headers?: Record<string, string>, path?: string): Promise<Answer>;
  get(path: string): Promise<Answer>;
}

const BODY = {
  name: 'Incident 17/../x',
  note: 'handled',
  question: '',
  seqs: [3, 2],
  remarks: [{ seq: 3, text: 'the first' }],
};

async function inOffice(role: Role | null, run: (office: Office) => Promise<void>): Promise<void> {
  const directory = await signedLog();
  const folder = join(temporaryDirectory(), 'cases');
  mkdirSync(folder);
  const announced: object[] = [];
  const announce = async (access: object): Promise<boolean> => announced.push(access) > 0;
  const desk = role === null ? {} : { desk: { author: await person('carol', role), folder, announce } };
  // None of these tests looks at the page.
  const page = temporaryDirectory();
  writeFileSync(join(page, 'app.js'), '');
  const opened = await openConsole({ directory, port: 0, keys: [], inspectors: INSPECTORS, page, ...desk });
  try {
    const { host, origin } = new URL(opened.url);
    const welcome = await ask(opened, opened.url);
    const [cookie = ''] = String(welcome.headers['set-cookie']).split(';');
    const [, token = ''] = String(welcome.headers.location).split('#write=');
    const headers = { cookie, host, origin, 'content-type': 'application/json', 'x-argus-write': token };
    await run({
      opened,
      folder,
      directory,
      announced,
      headers,
      post: (body, more = headers, path = '/api/cases') =>
        ask(opened, path, more, 'POST', typeof body === 'string' ? body : JSON.stringify(body)),
      get: (path) => ask(opened, path, { cookie }),
    });
  } finally {
    await opened.close();
  }
}

cases('a case is recorded, kept for its author alone, listed, checked again and given to a third party', () =>
  inOffice('auditor', async ({ post, get, folder, directory, announced }) => {
    const { status, body } = await post(BODY);
    assert.is(status, 200, body);
    const { file } = JSON.parse(body);
    assert.match(file, /^\d{8}-\d{6}-incident-17-x\.case$/);
    assert.equal(announced, [{ what: 'case Incident 17/../x', question: '', records: 2 }]);
    assert.equal(readdirSync(folder), [file]);
    assert.is(statSync(join(folder, file)).mode & 0o777, 0o600);
    const listed = JSON.parse((await get('/api/cases')).body);
    assert.is(listed.total, 1);
    assert.equal([listed.cases[0].file, listed.cases[0].head.by, listed.cases[0].head.records], [file, 'carol', 2]);
    const again = JSON.parse((await get(`/api/case/${file}`)).body);
    assert.is(again.isKeyGiven, false);
    assert.ok(again.verdict.ok);
    assert.equal(
      again.verdict.lines.map((line: { seq: number }) => line.seq),
      [2, 3],
    );
    const content = (await get(`/api/case-file/${file}`)).body;
    const key = parseVerifierKey(readFileSync(join(directory, 'checkpoint.vkey'), 'utf8'));
    assert.ok(key);
    const verdict = await verifyCase(content, key, (await person('carol', 'auditor')).authority);
    assert.ok(verdict.ok);
    writeFileSync(join(folder, file), content.replace('handled', 'HANDLED'));
    const forged = JSON.parse((await get(`/api/case/${file}`)).body);
    assert.equal([forged.verdict.ok, forged.verdict.reason], [false, 'ALTERED']);
    assert.match(forged.fault, 'changed after');
  }),
);

cases('only the page itself may make one: its secret, its origin, its type of content, and no other path', () =>
  inOffice('auditor', async ({ post, headers, folder }) => {
    const { origin: _, ...withoutOrigin } = headers;
    const { 'x-argus-write': token = '' } = headers;
    const refused: readonly Record<string, string>[] = [
      { ...headers, 'x-argus-write': '' },
      { ...headers, 'x-argus-write': `${token}x` },
      { ...headers, 'x-argus-write': token.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')) },
      withoutOrigin,
      { ...headers, origin: 'http://evil.example' },
      { ...headers, origin: 'null' },
      { ...headers, origin: 'http://127.0.0.1:1' },
      { ...headers, 'content-type': 'text/plain' },
      { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
      { ...headers, cookie: 'argus-console=x' },
      { ...headers, host: 'evil.example' },
      { ...headers, 'sec-fetch-site': 'same-site' },
    ];
    for (const more of refused) assert.is((await post(BODY, more)).status, 403, JSON.stringify(more));
    for (const path of ['/api/case/x.case', '/api/state', '/', '/api/cases/'])
      assert.is((await post(BODY, headers, path)).status, 405, path);
    assert.equal(readdirSync(folder), []);
  }),
);

cases('a body that is too long, no JSON, or another than a case is refused, and nothing is announced', () =>
  inOffice('auditor', async ({ post, folder, announced }) => {
    for (const body of ['', '{', 'null', JSON.stringify(BODY).padEnd(1024 * 1024 + 1)])
      assert.ok([400, 413].includes((await post(body)).status), body.slice(0, 20));
    assert.is((await post(JSON.stringify(BODY).padEnd(1024 * 1024 + 1))).status, 413);
    const wrong = [
      {},
      { ...BODY, more: 1 },
      { ...BODY, seqs: [0] },
      { ...BODY, seqs: ['2'] },
      { ...BODY, name: '' },
      { ...BODY, seqs: [] },
      { ...BODY, remarks: [{ seq: 9, text: 'of another' }] },
      { ...BODY, note: 'x'.repeat(4_001) },
      { ...BODY, seqs: Array.from({ length: 10_001 }, (_, at) => at + 1), remarks: [] },
    ];
    for (const body of wrong) {
      const answer = await post(body);
      assert.is(answer.status, 400, answer.body);
      assert.is(JSON.parse(answer.body).code, 'ERR_AUDIT_CASE');
    }
    assert.equal([readdirSync(folder), announced], [[], []]);
    const unproven = await post({ ...BODY, seqs: [2, 3, 999_999] });
    assert.is(JSON.parse(unproven.body).code, 'ERR_AUDIT_UNPROVEN');
  }),
);

cases('a console of an admin lists and checks cases and makes none; one without an identity does neither', async () => {
  await inOffice('admin', async ({ post, get }) => {
    assert.is((await post(BODY)).status, 403);
    const { author, mayMake, total } = JSON.parse((await get('/api/cases')).body);
    assert.equal([author, mayMake, total], [{ name: 'carol', role: 'admin' }, false, 0]);
  });
  await inOffice(null, async ({ post, get }) => {
    assert.is((await post(BODY)).status, 403);
    assert.is(JSON.parse((await get('/api/cases')).body).author, null);
    assert.is((await get('/api/case/x.case')).status, 404);
    assert.is(JSON.parse((await get('/api/state')).body).mayMakeCases, false);
  });
});

cases('the records of a question are counted before they are taken', () =>
  inOffice('auditor', async ({ get }) => {
    await until(async () => JSON.parse((await get('/api/state')).body).isComplete);
    const { seqs } = JSON.parse((await get('/api/seqs?q=event%3Dpolicy.reject')).body);
    assert.equal(seqs, [2, 3, 4, 5, 6, 7, 8, 9, 10]);
  }),
);

cases('the folder gives plain files with the name of a case, and shows what is none', async () => {
  const directory = temporaryDirectory();
  const outside = join(temporaryDirectory(), 'secret.case');
  writeFileSync(outside, 'secret');
  symlinkSync(outside, join(directory, 'link.case'));
  execFileSync('mkfifo', [join(directory, 'fifo.case')]);
  mkdirSync(join(directory, 'folder.case'));
  for (const name of ['rubbish.case', '.hidden.case', 'note.txt']) writeFileSync(join(directory, name), '{}\n');
  const folder = new CaseFolder(directory);
  assert.equal(
    (await folder.list()).cases.map(({ file, head }) => [file, head]),
    [['rubbish.case', null]],
  );
  for (const name of ['link.case', 'fifo.case', 'folder.case', '.hidden.case', 'note.txt', '../x.case', ''])
    assert.is(await folder.read(name), null, name);
  assert.is(await folder.read('rubbish.case'), '{}\n');
  const same = [await folder.add('A b', 'x', 0), await folder.add('a-B', 'y', 0), await folder.add('…', 'z', 0)];
  assert.equal(same, ['19700101-000000-a-b.case', '19700101-000000-a-b-2.case', '19700101-000000-case.case']);
  assert.is(await folder.read(same[0] ?? ''), 'x', 'an older case is never overwritten');
});

cases.run();
