/** `argus top` in a real terminal, at a real broker. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Terminal } from '../../agents/audio/terminal.ts';
import { type Installation, withInstallation } from '../../support/installation/installation.ts';
import { needs } from '../../support/needs.ts';
import { runCli } from '../../support/processes/run-cli.ts';
import { CLI, nodeArguments } from '../../support/program.ts';

const top = suite('argus top in a terminal');
const withPython = needs('python3', 'python3');

const LABEL = '@loud';
const DEADLINE_MS = 60_000;

async function until(isSo: () => boolean, terminal: Terminal): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!isSo()) {
    assert.ok(performance.now() < deadline, terminal.screen);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function withTop(run: (installation: Installation, terminal: Terminal) => Promise<void>): Promise<void> {
  await withInstallation({}, async (installation) => {
    await installation.writePolicyFile(
      'domains.yaml',
      `labels:\n  - { name: "@member" }\n  - { name: "@audio" }\n  - { name: "${LABEL}", grantable: true }\ndomains:\n  - { name: chrome-vm, domid: 1, labels: ["@member"] }\n  - { name: audio-vm, domid: 2, labels: ["@member", "@audio"] }\n`,
    );
    await installation.writeRows(['p, @member, broker, argo, *, allow', `p, ${LABEL}, @audio, argo, send, allow`]);
    const broker = await installation.broker({ watchPolicy: false });
    await broker.grants.add({ domain: 'chrome-vm', label: LABEL, forMs: null, by: 'test', reason: '', keep: true });
    const command = [process.execPath, ...nodeArguments(CLI, 'top', '--control', installation.control)];
    const terminal = new Terminal(command);
    try {
      await run(installation, terminal);
    } finally {
      terminal.kill();
    }
  });
}

withPython(top, 'it shows the domains, takes a grant back by keys, fits 20x5, and leaves the terminal as it was', () =>
  withTop(async (installation, terminal) => {
    await until(() => terminal.screen.includes('chrome-vm') && terminal.screen.includes('rev 2'), terminal);
    assert.ok(terminal.screen.split('\n').length <= 24);
    terminal.resize(5, 20);
    await until(() => terminal.screen.split('\n').length === 5, terminal);
    for (const line of terminal.screen.split('\n')) assert.ok(line.replaceAll('\r', '').length <= 20, line);
    terminal.resize(24, 80);
    await until(() => terminal.screen.split('\n').length === 24, terminal);
    terminal.press('\t\t\t');
    await until(() => terminal.screen.includes('[grants]'), terminal);
    terminal.press('r');
    await until(() => terminal.screen.includes(`take back ${LABEL} of chrome-vm? y/n`), terminal);
    terminal.press('y');
    await until(() => terminal.screen.includes('nothing is granted'), terminal);
    const { stdout } = await runCli(['grants', '--control', installation.control]);
    assert.is(stdout, 'nothing is granted\n');
    terminal.press('q');
    assert.equal(await terminal.ended(), { code: 0, isRestored: true });
  }),
);

top.run();
