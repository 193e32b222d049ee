/** `argus why` at a running broker: sessions and rings, from its status. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { BrokerStatus } from '../../broker/index.ts';
import { presenceOf } from '../../clients/cli/commands/running/presence.ts';
import { type PolicyRevision, readQuestion } from '../../policy/index.ts';
import { compileTexts } from '../policy/compile.ts';

const presence = suite('presence at a broker');

const DOMAINS = `labels: []
domains:
  - {name: chrome-vm, domid: 1}
  - {name: mail-vm, domid: 2}
  - {name: far-vm, domid: 3, home: other}
`;
const SERVICES = `classes:
  - {name: data, ports: ['70-79'], inspector: opaque, permissions: [send], flow: to-destination}
`;

interface Ring {
  readonly port: number;
  readonly partner: string;
}

async function ask(
  words: readonly [string, string, string, string],
  port: number | undefined,
  rings: readonly Ring[],
  connected: readonly string[] = ['chrome-vm', 'mail-vm', 'other'],
): Promise<readonly (readonly [string, boolean])[]> {
  const policy = await compileTexts({
    domains: DOMAINS,
    services: SERVICES,
    policy: 'p, @any, @any, data, send, allow\n',
  });
  const session = (name: string): string | null => (connected.includes(name) ? 's1' : null);
  const status = {
    broker: 'argus',
    domains: ['chrome-vm', 'mail-vm', 'far-vm'].map((name) => ({
      name,
      session: session(name),
      rings: name === 'mail-vm' ? rings.map((ring) => ({ ...ring, length: 4_096, used: 96 })) : [],
    })),
    brokers: [{ broker: 'other', session: session('other') }],
  } as unknown as BrokerStatus;
  const question = readQuestion(policy, words);
  assert.ok(typeof question !== 'string', String(question));
  return presenceOf(policy as PolicyRevision, status, question, port).map(({ what, holds }) => [what, holds] as const);
}

const SEND = ['chrome-vm', 'mail-vm', 'data', 'send'] as const;

presence('sessions of both ends and a ring for the sender are named, with its address', async () => {
  assert.equal(await ask(SEND, 70, [{ port: 70, partner: 'chrome-vm' }]), [
    ['chrome-vm is connected (session s1)', true],
    ['mail-vm is connected (session s1)', true],
    ['mail-vm has a ring at port 70 for chrome-vm (address mail-vm:70, 4000 of 4096 bytes free)', true],
  ]);
});

presence('a ring of another sender or of another port does not count; one for any sender does', async () => {
  const ringOf = async (ring: Ring): Promise<boolean | undefined> => (await ask(SEND, 70, [ring]))[2]?.[1];
  assert.is(await ringOf({ port: 70, partner: 'rogue-vm' }), false);
  assert.is(await ringOf({ port: 71, partner: 'chrome-vm' }), false);
  assert.is(await ringOf({ port: 70, partner: 'any' }), true);
});

presence('without a port, a ring at any port of the class counts', async () => {
  assert.is((await ask(SEND, undefined, [{ port: 79, partner: 'any' }]))[2]?.[1], true);
  assert.is((await ask(SEND, undefined, [{ port: 80, partner: 'any' }]))[2]?.[1], false);
});

presence('a domain that is not connected, and one at home at a broker that is away', async () => {
  assert.equal(
    (await ask(SEND, 70, [], ['mail-vm'])).map(([, holds]) => holds),
    [false, true, false],
  );
  const far = ['chrome-vm', 'far-vm', 'data', 'send'] as const;
  assert.equal((await ask(far, 70, [])).at(-1), ['broker other, the home of far-vm, is connected', true]);
  assert.equal((await ask(far, 70, [], ['chrome-vm'])).at(-1), [
    'broker other, the home of far-vm, is connected',
    false,
  ]);
});

presence('class argo needs the session alone', async () => {
  assert.equal(await ask(['chrome-vm', 'broker', 'argo', 'enable'], undefined, []), [
    ['chrome-vm is connected (session s1)', true],
  ]);
});

presence.run();
