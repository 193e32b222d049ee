/** `argus policy why --seq` and `argus why`: the reasons of a real broker's decisions, then and now. */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type BrokerStatus, callControl } from '../../../broker/index.ts';
import { shadow } from '../../../clients/cli/commands/policy/replay/shadow.ts';
import { whyCommand } from '../../../clients/cli/commands/running/why.ts';
import { archiveOf, readArchive } from '../../../policy/index.ts';
import { codeOfRun, runCommand, runPolicy } from '../../policy/run-policy.ts';
import { codeOf, type Installation, OPEN_ROWS, withInstallation } from '../../support/installation/installation.ts';

const why = suite('why');

async function policyOf(installation: Installation): Promise<BrokerStatus['policy']> {
  return ((await callControl(installation.control, 'GET', '/v1/status')).body as BrokerStatus).policy;
}

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

const PLAN = { domains: { 'audio-vm': ['@audio'], 'chrome-vm': [], 'mail-vm': [] } };

function seqOf(installation: Installation, isIt: (record: Readonly<Record<string, unknown>>) => boolean): string {
  const lines = readFileSync(join(installation.audit, '00000001.jsonl'), 'utf8').trim().split('\n');
  const record = lines.map((line) => JSON.parse(line)).find(isIt);
  assert.ok(record, 'the log has no such record');
  return String(record.seq);
}

why('a record is explained by the policy that decided it, also when another one is in force now', () =>
  withInstallation(PLAN, async (installation) => {
    const broker = await installation.broker({ watchPolicy: false });
    const [mail, chrome] = [await installation.connect('mail-vm'), await installation.connect('chrome-vm')];
    await mail.registerRing({ port: 70, partner: 'chrome-vm', length: 4_096 });
    assert.is(await codeOf(chrome.sendv({ to: { domain: 'rogue-vm', port: 70 }, iov: [] })), 'EACCES');
    assert.is(await codeOf(chrome.sendv({ to: { domain: 'mail-vm', port: 5_000 }, iov: [] })), 'EACCES');
    await installation.writeRows(
      OPEN_ROWS.map((row) => row.replace('@member, @member, argo, *', '@member, @any, argo, *')),
    );
    assert.ok((await broker.reload()).ok);
    await broker.close();
    const where = ['--audit', installation.audit];
    const denied = seqOf(installation, (record) => record.event === 'send.denied' && record.permission === 'send');
    const text = await runPolicy('why', '--seq', denied, ...where);
    assert.is(text.exitCode, 0, text.output);
    assert.match(text.output, /^DENY chrome-vm -> rogue-vm argo:send/);
    assert.match(text.output, 'near miss: allow @member @member:argo { * };');
    assert.match(text.output, `record: ${denied}, `);
    assert.match(text.output, 'decided again: the archived policy decides the same');
    const json = JSON.parse((await runPolicy('why', '--seq', denied, ...where, '--json')).output);
    assert.equal([json.allowed, json.isSame, json.record.revision], [false, true, 1]);
    const start = seqOf(installation, ({ event }) => event === 'broker.start');
    for (const seq of [start, '99999'])
      assert.is(codeOfRun(await runPolicy('why', '--seq', seq, ...where)), 'ERR_POLICY_QUESTION');
    for (const words of [['--seq', 'x'], ['chrome-vm'], ['--seq', '1', 'chrome-vm']])
      assert.match(codeOfRun(await runPolicy('why', ...words, ...where)), /^commander\./);
    for (const hash of await readArchive(archiveOf(installation.audit)).policies())
      rmSync(join(archiveOf(installation.audit), 'policies', hash));
    assert.is(codeOfRun(await runPolicy('why', '--seq', denied, ...where)), 'ERR_POLICY_ARCHIVE');
  }),
);

why('a denial for what a message held is named as one', () =>
  withInstallation(PLAN, async (installation) => {
    await installation.broker({ watchPolicy: false });
    const [audio, chrome] = [await installation.connect('audio-vm'), await installation.connect('chrome-vm')];
    await audio.registerRing({ port: 4_713, partner: 'chrome-vm', length: 4_096 });
    // Three bytes are no whole sample.
    assert.is(
      await codeOf(chrome.sendv({ to: { domain: 'audio-vm', port: 4_713 }, iov: new Uint8Array(3) })),
      'EINVAL',
    );
    const seq = seqOf(installation, ({ reason }) => reason === 'MALFORMED');
    const { output, exitCode } = await runPolicy('why', '--seq', seq, '--audit', installation.audit);
    assert.is(exitCode, 0);
    assert.match(output, 'reason: MALFORMED  the message was denied for what it held, not by a row');
  }),
);

why('at a running broker the policy in force decides, with its grants, sessions and rings', () =>
  withInstallation(PLAN, async (installation) => {
    await installation.writePolicyFile(
      'domains.yaml',
      readFileSync(join(installation.policy, 'domains.yaml'), 'utf8').replace(
        'labels:\n',
        'labels:\n  - { name: "@loud", grantable: true }\n',
      ),
    );
    await installation.writeRows([
      ...OPEN_ROWS.filter((row) => !row.includes('playback')),
      'p, @loud, @audio, audio-playback, send, allow',
    ]);
    const broker = await installation.broker({ watchPolicy: false });
    const [audio] = [await installation.connect('audio-vm'), await installation.connect('chrome-vm')];
    const ask = (...more: string[]) =>
      runCommand(whyCommand(), [
        ...['chrome-vm', 'audio-vm', 'audio-playback', 'send', '4713'],
        ...['--control', installation.control],
        ...more,
      ]);
    const before = await ask();
    assert.is(before.error, null);
    assert.match(before.output, /^DENY chrome-vm -> audio-vm audio-playback:send/);
    assert.match(before.output, 'would be allowed by: argus grant chrome-vm @loud');
    assert.match(before.output, 'at argus: audio-vm has a ring at port 4713 for chrome-vm: NO');
    await broker.grants.add({ domain: 'chrome-vm', label: '@loud', forMs: null, by: 'test', reason: '', keep: true });
    await audio.registerRing({ port: 4_713, partner: 'chrome-vm', length: 4_096 });
    const after = await ask();
    assert.match(after.output, /^ALLOW chrome-vm -> audio-vm/);
    assert.match(after.output, 'granted: chrome-vm has @loud');
    assert.match(after.output, /at argus: audio-vm has a ring .*: yes/);
    const json = JSON.parse((await ask('--json')).output);
    assert.equal(
      [json.allowed, json.revision, json.grants, json.presence.map(({ holds }: { holds: boolean }) => holds)],
      [true, 2, [{ domain: 'chrome-vm', label: '@loud' }], [true, true, true]],
    );
    const unknown = runCommand(whyCommand(), ['x-vm', 'audio-vm', 'argo', 'send', '--control', installation.control]);
    assert.is(codeOfRun(await unknown), 'ERR_POLICY_QUESTION');
  }),
);

why('a candidate is a shadow: differences are listed as they are made, and nothing changes', () =>
  withInstallation(PLAN, async (installation) => {
    await installation.broker({ watchPolicy: false });
    const chrome = await installation.connect('chrome-vm');
    const draft = join(installation.directory, 'draft');
    cpSync(installation.policy, draft, { recursive: true });
    writeFileSync(
      join(draft, 'policy.csv'),
      OPEN_ROWS.map((row) => `${row.replace('@member, @member, argo, *', '@member, @any, argo, *')}\n`).join(''),
    );
    const stop = new AbortController();
    const written: string[] = [];
    const write = process.stdout.write;
    const started = withResolvers();
    const differed = withResolvers();
    process.stdout.write = (chunk: string | Uint8Array) => {
      written.push(String(chunk));
      if (String(chunk).includes('next to revision 1')) started.resolve();
      if (String(chunk).includes('deny -> allow')) differed.resolve();
      return true;
    };
    const exitCode = process.exitCode;
    try {
      const running = shadow(draft, { control: installation.control }, stop.signal);
      await Promise.race([started.promise, running]);
      const { hash } = await policyOf(installation);
      // The shadow looks for new lines from now on: a denial each time until it has seen one.
      const isOver = differed.promise.then(() => true);
      const pause = () => new Promise<boolean>((resolve) => setTimeout(resolve, 50, false));
      do {
        assert.is(await codeOf(chrome.sendv({ to: { domain: 'rogue-vm', port: 70 }, iov: [] })), 'EACCES');
      } while (!(await Promise.race([isOver, pause()])));
      stop.abort();
      await running;
      assert.is(process.exitCode, 1);
      assert.is((await policyOf(installation)).hash, hash);
    } finally {
      process.stdout.write = write;
      process.exitCode = exitCode;
      stop.abort();
    }
    const text = written.join('');
    assert.match(text, '+ chrome-vm rogue-vm:argo { send }  deny -> allow (policy.csv:2), record ');
    assert.match(text, '1 request would be decided otherwise');
  }),
);

why.run();
