/** "A day of work" of docs/policy.md, run line by line at a real broker. */
import { appendFileSync, chmodSync, cpSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type BrokerStatus, callControl } from '../../broker/index.ts';
import { argusProgram } from '../../clients/cli/program.ts';
import { SHIPPED_POLICY_DIRECTORY } from '../../policy/index.ts';
import { runCommand } from '../policy/run-policy.ts';
import { codeOf, type Installation, withInstallation } from '../support/installation/installation.ts';
import { type Step, stepsOf, wordsOf } from './page-steps.ts';

const day = suite('docs/policy.md: a day of work');

const PAGE = readFileSync(new URL('../../docs/policy.md', import.meta.url), 'utf8');
const [, SECTION = ''] = /\n## A day of work\n([\s\S]*?)\n## /.exec(PAGE) ?? [];

interface Block {
  readonly kind: string;
  /** The file that the text is added to; empty for commands. */
  readonly file: string;
  readonly text: string;
}

const BLOCKS: readonly Block[] = [...SECTION.matchAll(/```(console|yaml|csv) ?(\S*)\n([\s\S]*?)```/g)].map(
  ([, kind = '', file = '', text = '']) => ({ kind, file, text }),
);

/** Numbers of records and lines, and hashes, are others in each run. */
function general(text: string): string {
  return text
    .replaceAll(/\b[0-9a-f]{12}\b/g, 'HASH')
    .replaceAll(/(?<=records |to |csv:|csv:\d+:)\d+/g, 'N')
    .replaceAll(/(?<=breaks \S+ ).*$/gm, '…');
}

async function tokenOf(installation: Installation): Promise<string> {
  return ((await callControl(installation.control, 'GET', '/v1/status')).body as BrokerStatus).policy.hash.slice(0, 12);
}

function deniedRecord(installation: Installation): string {
  const lines = readFileSync(join(installation.audit, '00000001.jsonl'), 'utf8').trim().split('\n');
  const denied = lines.map((line) => JSON.parse(line)).find(({ event }) => event === 'send.denied');
  assert.ok(denied);
  return String(denied.seq);
}

async function run(installation: Installation, { command, shown }: Step): Promise<void> {
  const token = await tokenOf(installation);
  const words = wordsOf(command).map((word, index, all) => {
    if (all[index - 1] === '--token') return token;
    if (all[index - 1] === '--seq') return deniedRecord(installation);
    return word.startsWith('./') ? join(installation.directory, word) : word;
  });
  const { output, error } = await runCommand(await argusProgram(words[0]), words);
  assert.is(error, null, `${command}: ${String(error)}`);
  const printed = general(output.replaceAll(`${installation.directory}/`, './'));
  let from = 0;
  for (const line of shown) {
    const at = printed.indexOf(general(line), from);
    assert.ok(at >= 0, `argus ${command}\nshould print\n${general(line)}\nand printed\n${printed}`);
    from = at;
  }
}

day('each command works, and prints what the page shows', () =>
  withInstallation({}, async (installation) => {
    assert.ok(BLOCKS.length >= 8, 'the section has blocks');
    for (const file of ['domains.yaml', 'services.yaml', 'policy.csv', 'assertions.csv', 'tests.csv']) {
      rmSync(join(installation.policy, file));
      cpSync(join(SHIPPED_POLICY_DIRECTORY, file), join(installation.policy, file));
      chmodSync(join(installation.policy, file), 0o644);
    }
    await installation.broker({ policy: { directory: installation.policy, source: 'applied' } });
    const before = process.env.ARGUS_CONTROL;
    process.env.ARGUS_CONTROL = installation.control;
    try {
      for (const { kind, file, text } of BLOCKS) {
        if (kind !== 'console') {
          appendFileSync(join(installation.directory, file), text);
          continue;
        }
        if (text.includes('--seq')) {
          const chrome = await installation.connect('chrome-vm');
          assert.is(await codeOf(chrome.sendv({ to: { domain: 'mail-vm', port: 70 }, iov: [] })), 'EACCES');
        }
        for (const step of stepsOf(text)) await run(installation, step);
      }
    } finally {
      if (before === undefined) delete process.env.ARGUS_CONTROL;
      else process.env.ARGUS_CONTROL = before;
    }
  }),
);

day.run();
