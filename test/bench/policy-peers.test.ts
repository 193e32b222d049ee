/** What `npm run bench -- --policy` compares with: configurations of the same size, and what is said where a tool is missing. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Cleanup } from '../../bench/cleanup.ts';
import { shapeFiles } from '../../bench/policy/compile.ts';
import { mosquittoAcl } from '../../bench/policy/revocation/mosquitto.ts';
import { natsConfig } from '../../bench/policy/revocation/nats.ts';
import { runRevocations } from '../../bench/policy/revocation/run.ts';
import { renderRevocations } from '../../bench/policy/revocation/table.ts';
import { longPolicy } from '../../bench/policy/site.ts';
import { renderTargets, targetsOf } from '../../bench/policy/targets.ts';
import { parseChildrenCpuMs } from '../../bench/policy/tools/children.ts';
import { selinuxPolicy } from '../../bench/policy/tools/selinux.ts';
import { renderTools } from '../../bench/policy/tools/table.ts';
import { compilePolicy } from '../../policy/index.ts';
import { findBinary, needs } from '../support/needs.ts';
import { temporaryDirectory } from '../support/temp.ts';

const peers = suite('bench: peers of the policy');
const withCheckpolicy = needs('checkpolicy', 'checkpolicy');

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}

peers('each server has as many rows as the policy, and the permission of the stream only while it is allowed', () => {
  for (const isAllowed of [true, false]) {
    const nats = natsConfig(4222, 250, isAllowed);
    assert.equal([count(nats, /"vm\.\d+\.\d+"/g), count(nats, /user: vm-/g)], [250, 3]);
    assert.is(count(nats, /publish: \{ allow: \["bench\.granted"\]/g), isAllowed ? 1 : 0);
    const acl = mosquittoAcl(250, isAllowed);
    assert.equal([count(acl, /^topic write vm/gm), count(acl, /^user vm-/gm)], [250, 3]);
    assert.is(count(acl, /^topic write bench\/granted$/gm), isAllowed ? 1 : 0);
  }
});

withCheckpolicy(peers, 'checkpolicy takes the policy with the same rows', () => {
  const path = join(temporaryDirectory(), 'policy.conf');
  writeFileSync(path, selinuxPolicy(1_000));
  execFileSync(findBinary('checkpolicy') ?? '', ['-o', `${path}.bin`, path], { stdio: 'pipe' });
  assert.is(count(selinuxPolicy(1_000), /^allow /gm), 1_000);
});

peers('a server that is not installed is named with its package', async () => {
  const said: string[] = [];
  const cleanup = new Cleanup();
  const place = { folder: temporaryDirectory(), cleanup, rounds: 1, rows: 10, argus: null };
  const report = await runRevocations({ ...place, progress: (line) => said.push(line) }, async () => null);
  assert.equal(report, {
    rows: 10,
    figures: [],
    missing: [
      { arm: 'nats-server', package: 'nats-server' },
      { arm: 'mosquitto', package: 'mosquitto' },
    ],
  });
  assert.is(said.length, 2);
  assert.match(renderRevocations(report), 'mosquitto is missing: install the package mosquitto');
});

peers('a tool that is not installed, or that nobody packages, is named', () => {
  const text = renderTools({
    rows: 10,
    figures: [{ question: 'which?', tool: 'argus policy search', wallMs: 400, cpuMs: null }],
    missing: [{ tool: 'sesearch', package: 'setools' }],
    notCompared: ['opa is not compared'],
  });
  for (const part of ['argus policy search', 'sesearch is missing: install the package setools', 'opa is not compared'])
    assert.match(text, part);
});

peers('the policy of the running broker has 502 domains, 50 labels and as many rows as it says', async () => {
  const files = await shapeFiles(longPolicy(1_000));
  const policy = await compilePolicy(files, {
    revision: 1,
    inspectors: new Map([['opaque', { permissions: ['send'] }]]),
  });
  assert.equal([policy.rows, policy.domains.all.length, policy.checked.assertions], [1_000, 502, 1]);
  assert.is(count(files['domains.yaml'].toString(), /^ {2}- \{ name: "@/gm), 50);
});

const MEASURED = {
  compile: [{ name: '10 000 rows', promisedMs: 300, wallMs: 320, cpuMs: 290 }],
  inForce: {
    ...{
      revoke: { p50: 1, p99: 10 },
      answer: { p50: 1, p99: 2 },
      expiry: { p50: 1, p99: 10.1 },
      messagesPerSecond: 9_900,
    },
    ...{ deliveredAfterAnswer: 0, bytesAfterAnswer: 359_641, gapMs: { quiet: 5, changing: 16 } },
  },
  grantsReload: { keepsAllMs: 100, dropsOneMs: 126 },
};

peers('each promise is held against what was measured', () => {
  const targets = targetsOf(MEASURED);
  assert.equal(
    targets.map(({ isMet }) => isMet),
    [true, false, true, false, false, false, false, true],
  );
  assert.match(renderTargets(targets), /revoke in force, p99.*10 ms.*10\.0.*met/);
  assert.match(renderTargets(targets), /expiry in force, p99.*10 ms.*10\.1.*MISSED/);
});

peers('the CPU time of programs that have ended is read behind the name', () => {
  assert.is(parseChildrenCpuMs('42 (a) b (c)) S 1 42 42 0 -1 4194560 10 0 0 0 150 25 7 3 20 0 1 0 100 1000 10'), 100);
});

peers.run();
