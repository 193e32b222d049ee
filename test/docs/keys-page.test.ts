/** Each command of docs/keys.md, in the order of the page, at a broker that runs. Its policy holds the blocks of the page. */

import { readFileSync } from 'node:fs';
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeNkey, NatsServerDirectory } from '../../broker/carrier/index.ts';
import { type Broker, startBroker } from '../../broker/index.ts';
import { argusProgram } from '../../clients/cli/program.ts';
import { issueIdentity, openAuthority, type Role } from '../../keys/index.ts';
import { copyShippedPolicy } from '../../policy/index.ts';
import { runCommand } from '../policy/run-policy.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { wordsOf } from './page-steps.ts';

const page = suite('docs/keys.md');
const TEXT = readFileSync(new URL('../../docs/keys.md', import.meta.url), 'utf8');

/** Lines of all blocks for a shell, without comments. */
const LINES: readonly string[] = [...TEXT.matchAll(/```(?:sh|console)\n([\s\S]*?)```/g)]
  .flatMap(([, block = '']) => block.split('\n'))
  .map((line) => line.replace(/^\$ /, ''))
  .filter((line) => /^(argus|system)/.test(line));
const COMMANDS = LINES.filter((line) => line.startsWith('argus ')).map((line) => line.slice('argus '.length));

function blockAfter(start: string, language: string): string {
  const [, block = ''] = new RegExp(`\`\`\`${language}\n(${start}[\\s\\S]*?)\`\`\``).exec(TEXT) ?? [];
  assert.ok(block !== '', `the page has a block that begins with ${start}`);
  return block;
}

/** Files that travel have no directory on the page. */
const HANDED_BACK = new Set(['chrome-vm.credential.jwt', 'authority.pub.jwk']);

class Site {
  readonly #base = temporaryDirectory();
  #broker: Broker | null = null;
  /** What the page calls THUMBPRINT and KEY: what the command before printed. */
  #thumbprint = '';
  #key = '';
  /** The host at which a command is typed: a transfer has a second one. */
  #isNewHost = false;

  path(name: string): string {
    return join(this.#base, name);
  }

  #word(word: string): string {
    if (word === 'THUMBPRINT') return this.#thumbprint;
    if (word === 'KEY') return this.#key;
    if (HANDED_BACK.has(word)) return this.path(`work/hand-back/${word}`);
    if (word === 'authority.backup') return this.path(`work/${word}`);
    for (const [start, here] of [
      ['/etc/argus/', this.#isNewHost ? 'new-etc' : 'etc'],
      ['/var/lib/argus/', '.'],
      ['/run/argus/', 'run'],
      ['/run/argus-admins/', 'admins'],
      ['/root/', 'root'],
      ['~/.argus/', 'home'],
      ['./', 'work'],
    ] as const)
      if (word.startsWith(start)) return this.path(`${here}/${word.slice(start.length)}`);
    return word;
  }

  async type(command: string): Promise<void> {
    await this.#prepare(command);
    const words = wordsOf(command).map((word) => this.#word(word));
    const program = await argusProgram(words[0]);
    if (command.startsWith('keys authority ')) {
      // It serves until a signal; test/keys/rotation/renewal-service.test.ts runs it.
      const [keys] = program.commands;
      keys?.commands.find((each) => each.name() === 'authority')?.action(() => undefined);
    }
    const { output, error, exitCode } = await runCommand(program, words);
    assert.is(error, null, `argus ${command}: ${String(error)}`);
    assert.is(exitCode, 0, `argus ${command}: ${output}`);
    this.#thumbprint =
      /--thumbprint (\S{43})/.exec(output)?.[1] ?? /\b([\w-]{43})\b/.exec(output)?.[1] ?? this.#thumbprint;
    this.#key = /receive DIR --file FILE --thumbprint (\S+)/.exec(output)?.[1] ?? this.#key;
  }

  /** What the page says in words before a command: files are carried, other holders exist, a broker runs. */
  async #prepare(command: string): Promise<void> {
    this.#isNewHost = command.startsWith('keys receive ');
    if (command.startsWith('keys init ')) {
      for (const name of ['etc', 'work', 'root', 'home', 'admins', 'new-etc'])
        await mkdir(this.path(name), { mode: 0o750 });
      await writeFile(this.path('root/argus.passphrase'), 'correct horse battery staple\n', { mode: 0o600 });
    } else if (command.startsWith('keys approve ./request.jws')) {
      await copyFile(this.path('etc/identity/request.jws'), this.path('work/request.jws'));
    } else if (command.startsWith('keys authority ')) await this.#startBroker();
    else if (command.includes('--nats ')) await this.#serveNats();
    else if (command.startsWith('keys join ')) await rm(this.path('etc/restored'), { recursive: true });
    else if (command.startsWith('keys migrate '))
      await copyFile(this.path('new-etc/identity/transfer.pub.jwk'), this.path('work/transfer.pub.jwk'));
    if (command.includes('--out ./hand-back')) await mkdir(this.path('work/hand-back'), { recursive: true });
  }

  async #startBroker(): Promise<void> {
    const authority = await openAuthority(this.path('etc/authority'));
    const make = (name: string, role: Role): Promise<unknown> =>
      issueIdentity(authority, this.path(`etc/${name}`), { name, role, ttlSeconds: 3_600 }, 'unsealed');
    await make('argus', 'broker');
    await make('authority-vm', 'domain');
    await make('laptop-vm', 'domain');
    const policy = this.path('etc/policy');
    await copyShippedPolicy(policy);
    await writeFile(
      join(policy, 'domains.yaml'),
      'labels:\n  - { name: "@member" }\ndomains:\n  - { name: chrome-vm, domid: 1, labels: ["@member"] }\n  - { name: authority-vm, domid: 2 }\n  - { name: laptop-vm, domid: 3, labels: ["@member"] }\n',
    );
    const service = blockAfter('# services.yaml', 'yaml').replace('- {', '  - {');
    await writeFile(join(policy, 'services.yaml'), `classes:\n${service}`);
    const enable = 'p, @member, broker, argo, *, allow\np, authority-vm, broker, argo, *, allow\n';
    await writeFile(join(policy, 'policy.csv'), `${enable}${blockAfter('# policy.csv', '')}`);
    for (const name of ['assertions.csv', 'tests.csv']) await writeFile(join(policy, name), '# none\n');
    this.#broker = await startBroker({
      identity: this.path('etc/argus'),
      policy,
      audit: this.path('audit'),
      runtime: this.path('run'),
      control: { shared: this.path('admins/control.sock') },
      watchPolicy: false,
      log: { level: 'silent' },
    });
  }

  async #serveNats(): Promise<void> {
    const server = new NatsServerDirectory(this.path('etc/nats'), 'unsealed');
    const setup = { listen: '127.0.0.1:4222', hosts: ['localhost'], policy: this.path('etc/policy'), broker: 'argus' };
    await server.write(setup, [{ name: 'chrome-vm', broker: 'argus' }], Date.now());
    await server.enrol('domains', 'chrome-vm', (await makeNkey(this.path('etc/identity'), 'unsealed')).publicKey);
    await server.write(setup, [{ name: 'chrome-vm', broker: 'argus' }], Date.now());
  }

  async close(): Promise<void> {
    await this.#broker?.close();
  }
}

page('each command does what the page says, one after the other', async () => {
  const site = new Site();
  try {
    for (const command of COMMANDS) await site.type(command);
  } finally {
    await site.close();
  }
});

page('no command is left out', () => {
  assert.ok(COMMANDS.length >= 26, String(COMMANDS.length));
  assert.equal(
    LINES.filter((line) => !line.startsWith('argus ')).map((line) => basename(line.split(' ')[0] ?? '')),
    ['systemd-creds', 'systemctl'],
    'programs of the host: test/keys/at-rest/systemd-credential.test.ts',
  );
});

page.run();
