/** What the authority of a host does is in its audit log: what was done before the broker ran, and while it runs. */
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readAudit } from '../../broker/audit/index.ts';
import { readOptions, startBroker } from '../../broker/index.ts';
import { keysCommand } from '../../clients/cli/commands/keys.ts';
import { addVm, removeVm } from '../../clients/host/index.ts';
import { codeOfRun, runCommand } from '../policy/run-policy.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { newHost } from './hosts.ts';

const log = suite('the register in the log of a host');

async function startAt(directory: string) {
  const { identity, policy, audit, runtime } = readOptions(join(directory, 'argus.yaml'));
  return startBroker({ identity, policy: policy.directory, audit, runtime, log: { level: 'silent' } });
}

/** Event, cause, name and who did it, oldest first. */
async function toldIn(directory: string): Promise<unknown[]> {
  const told: unknown[] = [];
  for await (const { parsed } of readAudit(join(directory, 'audit'))) {
    if (typeof parsed === 'string' || (parsed.event !== 'key.issue' && parsed.event !== 'key.revoke')) continue;
    const { reason, detail } = parsed.fields as { readonly reason: string; readonly detail: Record<string, unknown> };
    told.push([parsed.event, reason, detail.name, detail.by]);
  }
  return told;
}

log('each entry once: from before the start, from a running broker, and after a restart', async () => {
  const directory = await newHost();
  await addVm(directory, { name: 'files-vm', labels: ['@app'], by: 'alice' });
  const control = join(directory, 'run/control.sock');
  const [authority, vm, out] = [join(directory, 'authority'), temporaryDirectory(), temporaryDirectory()];
  const keys = async (...words: string[]): Promise<string> => {
    const run = await runCommand(keysCommand(), words);
    assert.is(codeOfRun(run), 'none', words.join(' '));
    return run.output;
  };
  let broker = await startAt(directory);
  try {
    await addVm(directory, { name: 'work-vm', labels: ['@app'], by: 'bob' });
    const enrolled = await keys('enrol', join(vm, 'key'), '--name', 'mail-vm', '--unsealed');
    const [, thumbprint = ''] = /--thumbprint (\S{43})/.exec(enrolled) ?? [];
    const approve = ['approve', join(vm, 'key/request.jws'), '--authority', authority, '--out', out];
    const approved = await keys(...approve, '--thumbprint', thumbprint, '--control', control);
    assert.match(approved, `in the audit log of the broker at ${control}`);
    await removeVm(directory, 'files-vm', { reason: 'stolen', by: 'bob' });
  } finally {
    await broker.close();
  }
  await keys('revoke', 'work-vm', '--authority', authority, '--reason', 'lost');
  broker = await startAt(directory);
  try {
    assert.match(
      await keys('publish', '--authority', authority, '--control', control),
      'new in the audit logs: 1 entries',
    );
    const file = join(out, 'register.jws');
    await keys('register', '--authority', authority, '--out', file);
    assert.match(await keys('publish', '--register', file, '--control', control), 'new in the audit logs: 0 entries');
  } finally {
    await broker.close();
  }
  const told = await toldIn(directory);
  assert.equal(told.slice(0, 3), [
    ['key.issue', 'ISSUED', 'argus', null],
    ['key.issue', 'ISSUED', 'files-vm', 'alice'],
    ['key.issue', 'ISSUED', 'work-vm', 'bob'],
  ]);
  assert.equal(
    told.slice(3).map((each) => (each as unknown[]).slice(0, 3)),
    [
      ['key.issue', 'APPROVED', 'mail-vm'],
      ['key.revoke', 'REVOKED', 'files-vm'],
      ['key.revoke', 'REVOKED', 'work-vm'],
    ],
  );
});

log.run();
