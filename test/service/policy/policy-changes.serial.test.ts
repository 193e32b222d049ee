/** Policies come into force at a real broker as a whole, with who and why, and a broken directory never means no policy. */
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Broker, type BrokerStatus, callControl } from '../../../broker/index.ts';
import { archiveOf, readArchive } from '../../../policy/index.ts';
import { codeOfRun, runPolicy } from '../../policy/run-policy.ts';
import { codeOf, type Installation, OPEN_ROWS, withInstallation } from '../../support/installation/installation.ts';
import { runCli } from '../../support/processes/run-cli.ts';

const changes = suite('changes of policy');

const MORE = [...OPEN_ROWS, 'p, rogue-vm, broker, argo, enable, allow'];
const BROKEN = 'p, @membr, broker, argo, *, allow\n';

async function policyOf(installation: Installation): Promise<BrokerStatus['policy']> {
  return ((await callControl(installation.control, 'GET', '/v1/status')).body as BrokerStatus).policy;
}

/** A copy of the directory with other rows. */
async function draft(installation: Installation, rows: readonly string[], name = 'draft'): Promise<string> {
  const path = join(installation.directory, name);
  await cp(installation.policy, path, { recursive: true });
  chmodSync(path, 0o755);
  writeFileSync(join(path, 'policy.csv'), rows.map((row) => `${row}\n`).join(''));
  return path;
}

function applied(installation: Installation, more: object = {}): Promise<Broker> {
  return installation.broker({ policy: { directory: installation.policy, source: 'applied', ...more } });
}

function records(installation: Installation, event: string): Readonly<Record<string, unknown>>[] {
  return readFileSync(join(installation.audit, '00000001.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter((record) => record.event === event);
}

changes('a policy that is applied comes into force, with who and why in log and archive', () =>
  withInstallation({}, async (installation) => {
    await applied(installation);
    const before = await policyOf(installation);
    const path = await draft(installation, MORE);
    const options = ['--control', installation.control, '--reason', 'rogue-vm is let in'];
    const run = await runPolicy('apply', path, '--token', before.hash.slice(0, 12), ...options);
    assert.is(run.error, null);
    const after = await policyOf(installation);
    assert.is.not(after.hash, before.hash);
    assert.is(after.revision, 2);
    const [, load] = records(installation, 'policy.load');
    const detail = load?.detail as Record<string, string>;
    assert.equal([detail.cause, detail.why], ['apply', 'rogue-vm is let in']);
    const [first, second] = await readArchive(archiveOf(installation.audit)).revisions();
    assert.equal([first?.cause, second?.cause, second?.reason], ['start', 'apply', 'rogue-vm is let in']);
    assert.is(second?.before, before.hash);
  }),
);

changes('of two admins that begin with the same policy, the second is refused and changes nothing', () =>
  withInstallation({}, async (installation) => {
    await applied(installation);
    const { hash } = await policyOf(installation);
    const [one, two] = [await draft(installation, MORE, 'one'), await draft(installation, OPEN_ROWS.slice(1), 'two')];
    const options = ['--token', hash, '--control', installation.control];
    assert.is((await runPolicy('apply', one, ...options)).error, null);
    const inForce = await policyOf(installation);
    assert.is(codeOfRun(await runPolicy('apply', two, ...options)), 'ERR_BROKER_TOKEN');
    assert.equal(await policyOf(installation), inForce);
    assert.is(records(installation, 'policy.reject').at(-1)?.reason, 'ERR_BROKER_TOKEN');
  }),
);

changes('requests for two policies at once: one comes into force', () =>
  withInstallation({}, async (installation) => {
    await applied(installation);
    const { hash } = await policyOf(installation);
    const { body } = await callControl(installation.control, 'GET', '/v1/policy/files');
    const { files } = body as { files: Record<string, string> };
    const answers = await Promise.all(
      ['# one\n', '# two\n'].map((comment) =>
        callControl(installation.control, 'POST', '/v1/policy/apply', {
          token: hash,
          files: { ...files, 'tests.csv': Buffer.from(comment).toString('base64') },
        }),
      ),
    );
    assert.equal(answers.map(({ ok }) => ok).sort(), [false, true]);
    assert.is((await policyOf(installation)).revision, 2);
  }),
);

changes('where policies are applied, nothing that is written into the directory comes into force', () =>
  withInstallation({}, async (installation) => {
    const broker = await applied(installation);
    const before = await policyOf(installation);
    writeFileSync(join(installation.policy, 'policy.csv'), '');
    const result = await broker.reload();
    assert.is(result.ok ? 'in force' : result.code, 'ERR_BROKER_SOURCE');
    assert.equal(await policyOf(installation), before);
  }),
);

changes('a policy with an error is refused, and named by its hash in the log', () =>
  withInstallation({}, async (installation) => {
    await applied(installation);
    const before = await policyOf(installation);
    const path = await draft(installation, [BROKEN.trim()]);
    const options = ['--token', before.hash, '--control', installation.control];
    assert.is(codeOfRun(await runPolicy('apply', path, ...options)), 'ERR_BROKER_CONTROL');
    assert.equal(await policyOf(installation), before);
    const [reject] = records(installation, 'policy.reject');
    assert.is(reject?.reason, 'ERR_POLICY_UNKNOWN_LABEL');
    assert.match(String(reject?.policy), /^[0-9a-f]{16}$/);
  }),
);

changes('a restart goes on with what was applied, also when the working copy says something else', () =>
  withInstallation({}, async (installation) => {
    const broker = await applied(installation);
    const { hash } = await policyOf(installation);
    const path = await draft(installation, MORE);
    assert.is((await runPolicy('apply', path, '--token', hash, '--control', installation.control)).error, null);
    const inForce = await policyOf(installation);
    await broker.close();
    writeFileSync(join(installation.policy, 'policy.csv'), '');
    await applied(installation);
    const again = await policyOf(installation);
    assert.equal([again.hash, again.revision, again.refusal], [inForce.hash, inForce.revision + 1, null]);
  }),
);

changes('a staged policy is checked and kept, shown, and applied by its hash', () =>
  withInstallation({}, async (installation) => {
    await applied(installation);
    const before = await policyOf(installation);
    const options = ['--control', installation.control];
    const broken = await draft(installation, [BROKEN.trim()], 'broken');
    assert.is(codeOfRun(await runPolicy('stage', broken, ...options)), 'ERR_BROKER_CONTROL');
    const staged = await runPolicy('stage', await draft(installation, MORE), ...options, '--json');
    const { policy } = JSON.parse(staged.output);
    assert.equal(await policyOf(installation), before);
    const shown = await runPolicy('show', policy.slice(0, 12), ...options);
    assert.match(shown.output, 'never in force');
    assert.match(shown.output, '+ allow rogue-vm broker:argo { enable };');
    assert.is((await runPolicy('apply', policy, '--token', before.hash, ...options)).error, null);
    assert.is((await policyOf(installation)).hash, policy);
  }),
);

changes('log and show tell revisions, and rollback brings one back', () =>
  withInstallation({}, async (installation) => {
    await applied(installation);
    const { hash } = await policyOf(installation);
    const options = ['--control', installation.control];
    await runPolicy('apply', await draft(installation, MORE), '--token', hash, '--reason', 'more', ...options);
    const list = JSON.parse((await runPolicy('log', ...options, '--json')).output);
    assert.equal(
      list.revisions.map(({ revision, reason }: { revision: number; reason: string }) => [revision, reason]),
      [
        [2, 'more'],
        [1, ''],
      ],
    );
    assert.match((await runPolicy('log', '-n', '1', ...options)).output, 'showing 1 of 2');
    assert.match((await runPolicy('show', '2', ...options)).output, '+ allow rogue-vm broker:argo { enable };');
    assert.is(
      (await runPolicy('show', '1', '--file', 'policy.csv', ...options)).output,
      OPEN_ROWS.map((row) => `${row}\n`).join(''),
    );
    assert.is((await runPolicy('rollback', '1', '--reason', 'too much', ...options)).error, null);
    const after = await policyOf(installation);
    assert.equal([after.hash, after.revision], [hash, 3]);
    const last = (await readArchive(archiveOf(installation.audit)).revisions()).at(-1);
    assert.equal([last?.cause, last?.reason], ['rollback', 'too much']);
    assert.is(codeOfRun(await runPolicy('rollback', '99', '--reason', 'x', ...options)), 'ERR_POLICY_QUESTION');
  }),
);

changes(
  'where the directory counts, apply and rollback write it and say why; an edit that waits there is not lost',
  () =>
    withInstallation({}, async (installation) => {
      await installation.broker({ watchPolicy: false });
      const { hash } = await policyOf(installation);
      const options = ['--control', installation.control];
      const path = await draft(installation, MORE);
      assert.is((await runPolicy('apply', path, '--token', hash, '--reason', 'more', ...options)).error, null);
      const rows = (): string => readFileSync(join(installation.policy, 'policy.csv'), 'utf8');
      assert.is(rows(), readFileSync(join(path, 'policy.csv'), 'utf8'));
      assert.is((await runPolicy('rollback', '1', '--reason', 'too much', ...options)).error, null);
      assert.is((await policyOf(installation)).hash, hash);
      assert.equal(
        (await readArchive(archiveOf(installation.audit)).revisions()).map(({ cause, reason }) => [cause, reason]),
        [
          ['start', ''],
          ['apply', 'more'],
          ['rollback', 'too much'],
        ],
      );
      writeFileSync(join(installation.policy, 'policy.csv'), `# an edit of another admin\n${rows()}`);
      assert.is(codeOfRun(await runPolicy('apply', path, '--token', hash, ...options)), 'ERR_BROKER_TOKEN');
      assert.match(rows(), 'an edit of another admin');
    }),
);

changes('a policy that the broker refuses leaves the directory as it was', () =>
  withInstallation({}, async (installation) => {
    await installation.broker({ watchPolicy: false });
    const { hash } = await policyOf(installation);
    const path = await draft(installation, [BROKEN.trim()]);
    assert.is(
      codeOfRun(await runPolicy('apply', path, '--token', hash, '--control', installation.control)),
      'ERR_BROKER_CONTROL',
    );
    assert.is(
      readFileSync(join(installation.policy, 'policy.csv'), 'utf8'),
      OPEN_ROWS.map((row) => `${row}\n`).join(''),
    );
  }),
);

changes('a broker whose directory is broken starts with the policy that was in force, and says so', () =>
  withInstallation({}, async (installation) => {
    const broker = await installation.broker({ watchPolicy: false });
    const { hash } = await policyOf(installation);
    await broker.close();
    for (const bytes of ['', BROKEN]) {
      writeFileSync(join(installation.policy, 'policy.csv'), bytes);
      const again = await installation.broker({ watchPolicy: false });
      const policy = await policyOf(installation);
      assert.is(policy.hash, hash);
      assert.match(String(policy.refusal?.code), /^ERR_POLICY_(EMPTY|UNKNOWN_LABEL)$/);
      await installation.writeRows(MORE);
      assert.ok((await again.reload()).ok);
      assert.is((await policyOf(installation)).refusal, null);
      await installation.writeRows(OPEN_ROWS);
      assert.ok((await again.reload()).ok);
      await again.close();
    }
    assert.ok(records(installation, 'policy.reject').length >= 2);
  }),
);

changes('with strict it does not start, and without an archive it never does', () =>
  withInstallation({}, async (installation) => {
    writeFileSync(join(installation.policy, 'policy.csv'), BROKEN);
    assert.is(await codeOf(installation.broker()), 'ERR_POLICY_UNKNOWN_LABEL');
    await installation.writeRows(OPEN_ROWS);
    await (await installation.broker()).close();
    writeFileSync(join(installation.policy, 'policy.csv'), BROKEN);
    const strict = { directory: installation.policy, strict: true };
    assert.is(await codeOf(installation.broker({ policy: strict })), 'ERR_POLICY_UNKNOWN_LABEL');
  }),
);

changes('argus status and argus broker --check say that the directory is broken', () =>
  withInstallation({}, async (installation) => {
    await (await installation.broker()).close();
    writeFileSync(join(installation.policy, 'policy.csv'), BROKEN);
    await installation.configure();
    const check = await runCli(['broker', '--check', '--config', installation.config]);
    assert.is(check.code, 1);
    assert.match(check.stderr, 'would start with revision 1 of the archive');
    assert.match(check.stderr, 'ERR_POLICY_UNKNOWN_LABEL');
    await installation.broker({ watchPolicy: false });
    assert.match(
      (await runCli(['status', '--control', installation.control])).stdout,
      'REFUSED: the files there are not in force',
    );
  }),
);

changes('a damaged archive is passed over for the revision before it', () =>
  withInstallation({}, async (installation) => {
    const broker = await installation.broker({ watchPolicy: false });
    const { hash } = await policyOf(installation);
    await installation.writeRows(MORE);
    assert.ok((await broker.reload()).ok);
    const { hash: newer } = await policyOf(installation);
    await broker.close();
    writeFileSync(join(installation.policy, 'policy.csv'), BROKEN);
    writeFileSync(join(archiveOf(installation.audit), 'policies', newer), 'damaged');
    await installation.broker({ watchPolicy: false });
    assert.is((await policyOf(installation)).hash, hash);
  }),
);

changes('grants are revisions of the archive too, and replay makes every decision of the log again', () =>
  withInstallation({ domains: { 'audio-vm': ['@audio'], 'chrome-vm': [], 'mail-vm': [] } }, async (installation) => {
    const broker = await installation.broker({ watchPolicy: false });
    const [mail, chrome] = [await installation.connect('mail-vm'), await installation.connect('chrome-vm')];
    await mail.registerRing({ port: 70, partner: 'chrome-vm', length: 4_096 });
    await chrome.sendv({ to: { domain: 'mail-vm', port: 70 }, iov: new Uint8Array(10) });
    assert.is(await codeOf(chrome.sendv({ to: { domain: 'mail-vm', port: 5_000 }, iov: [] })), 'EACCES');
    assert.is(await codeOf(chrome.sendv({ to: { domain: 'rogue-vm', port: 70 }, iov: [] })), 'EACCES');
    await installation.writeRows(OPEN_ROWS.slice(0, 3));
    assert.ok((await broker.reload()).ok);
    await installation.writeRows(OPEN_ROWS.filter((row) => !row.includes('data')));
    assert.ok((await broker.reload()).ok);
    assert.is(await codeOf(chrome.sendv({ to: { domain: 'mail-vm', port: 70 }, iov: [] })), 'EACCES');
    await broker.close();
    const replay = await runPolicy('replay', '--audit', installation.audit, '--json');
    const report = JSON.parse(replay.output);
    assert.is(replay.exitCode, 0, replay.output);
    assert.ok(report.decided >= 5 && report.equal === report.decided, replay.output);
    assert.ok(report.policies.length >= 2);
    assert.match(
      (await runPolicy('replay', '--audit', installation.audit)).output,
      /^PASS: \d+ decisions are the same/,
    );
    const line = 'p, @member, @member, data, send, deny\n';
    writeFileSync(join(installation.policy, 'policy.csv'), OPEN_ROWS.map((row) => `${row}\n`).join('') + line);
    const simulated = await runPolicy('simulate', '--policy', installation.policy, '--audit', installation.audit);
    assert.match(simulated.output, '- chrome-vm mail-vm:data { send }  allow -> deny (policy.csv:5)');
    await installation.writeRows(OPEN_ROWS);
    const suggested = await runPolicy('suggest', '--policy', installation.policy, '--audit', installation.audit);
    assert.match(suggested.output, '# p, chrome-vm, rogue-vm, argo, send, allow   -> allows 1 request');
    assert.not.match(suggested.output, 'chrome-vm -> mail-vm data:send');
    for (const hash of await readArchive(archiveOf(installation.audit)).policies())
      rmSync(join(archiveOf(installation.audit), 'policies', hash));
    assert.is((await runPolicy('replay', '--audit', installation.audit)).exitCode, 1);
  }),
);

changes('edit opens a copy, and what was edited comes into force only when it is good', () =>
  withInstallation({}, async (installation) => {
    await applied(installation);
    const before = await policyOf(installation);
    const editor = (script: string): string => {
      const path = join(installation.directory, 'editor.sh');
      writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      return path;
    };
    const { EDITOR, VISUAL } = process.env;
    delete process.env.VISUAL;
    const edit = (script: string) => {
      process.env.EDITOR = editor(script);
      return runPolicy('edit', '--yes', '--reason', 'by hand', '--control', installation.control);
    };
    try {
      assert.match((await edit('true')).output, 'nothing was changed');
      assert.is(codeOfRun(await edit('exit 1')), 'ERR_POLICY_QUESTION');
      const broken = await edit(`echo '${BROKEN.trim()}' >> "$1"`);
      assert.is(codeOfRun(broken), 'ERR_POLICY_QUESTION');
      assert.match(broken.output, 'policy.csv:5:4: (E) label "@membr" is not declared');
      assert.equal(await policyOf(installation), before);
      const good = await edit(`echo '${MORE.at(-1)}' >> "$1"`);
      assert.is(good.error, null);
      assert.match(good.output, '+ allow rogue-vm broker:argo { enable };');
      assert.is((await policyOf(installation)).revision, 2);
    } finally {
      if (EDITOR === undefined) delete process.env.EDITOR;
      else process.env.EDITOR = EDITOR;
      if (VISUAL !== undefined) process.env.VISUAL = VISUAL;
    }
  }),
);

changes.run();
