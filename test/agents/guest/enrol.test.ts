/** A guest's first boot: a one-time token gets exactly one guest exactly its own credential. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { acceptEnrolment, enrolRequest, parseToken } from '../../../clients/agents/guest/enrol.ts';
import { type AgentError, answerEnrolment, MAX_ENROL_ATTEMPTS } from '../../../clients/agents/guest/index.ts';
import { openEnrolment } from '../../../clients/vm/index.ts';
import { createAuthority, loadIdentity } from '../../../keys/index.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { GuestFixture } from './guest-fixture.ts';

const enrol = suite('agent: enrolment');
const TOKEN = new Uint8Array(32).fill(7);
const OTHER = new Uint8Array(32).fill(8);
const TTL = 3600;

enrol('an agent without a credential enrols on its first boot and connects; the second boot asks nobody', async () => {
  const fixture = new GuestFixture();
  const authority = await fixture.makeAuthority();
  await fixture.startBroker();
  const socket = fixture.path('enrol.sock');
  const enrolment = await openEnrolment(authority, { name: 'chrome-vm', socket, ttlSeconds: TTL });
  writeFileSync(fixture.path('token'), `${enrolment.token}\n`, { mode: 0o600 });
  const config = { enrol: { name: 'chrome-vm', port: `unix:${socket}`, token: fixture.path('token'), unsealed: true } };
  const first = await fixture.agent('chrome-vm', config);
  assert.is(first.vm.name, 'chrome-vm');
  const enrolled = await enrolment.done;
  assert.is(enrolled?.thumbprint, (await loadIdentity(fixture.path('chrome-vm'))).thumbprint);
  await enrolment.close();
  await first.close();
  assert.is((await fixture.agent('chrome-vm', config)).vm.name, 'chrome-vm');
  await fixture.close();
});

async function harness(): Promise<{
  readonly guest: string;
  readonly answer: (line: string, name?: string, token?: Uint8Array) => Promise<string | null>;
}> {
  const directory = temporaryDirectory();
  const authority = await createAuthority(`${directory}/authority`, 'unsealed');
  return {
    guest: `${directory}/guest`,
    answer: async (line, name = 'chrome-vm', token = TOKEN) =>
      (await answerEnrolment(line, name, token, authority, TTL))?.line ?? null,
  };
}

enrol('a wrong token, another name, an exchanged key or a request that is none gets nothing', async () => {
  const { guest, answer } = await harness();
  const line = await enrolRequest(guest, 'chrome-vm', TOKEN, 'unsealed');
  const foreign = JSON.parse(await enrolRequest(`${guest}-2`, 'chrome-vm', OTHER, 'unsealed'));
  assert.is(await answer(line, 'chrome-vm', OTHER), null);
  assert.is(await answer(line, 'audio-vm'), null);
  assert.is(await answer(JSON.stringify({ ...JSON.parse(line), publicJwk: foreign.publicJwk })), null);
  assert.is(await answer(JSON.stringify({ ...JSON.parse(line), name: 'audio-vm' }), 'audio-vm'), null);
  for (const junk of ['', '{}', 'null', '[1]', '{"v":1,"name":"chrome-vm","publicJwk":{},"proof":""}'])
    assert.is(await answer(junk), null, junk);
  assert.ok(await answer(line));
});

enrol('an answer from somebody without the token installs nothing', async () => {
  const { guest, answer } = await harness();
  const line = (await answer(await enrolRequest(guest, 'chrome-vm', TOKEN, 'unsealed'))) ?? '';
  const rejected = async (forged: string, token = TOKEN): Promise<void> => {
    const code = await acceptEnrolment(guest, forged, token).catch((error: AgentError) => error.code);
    assert.is(code, 'ERR_AGENT_ENROL');
  };
  await rejected(line, OTHER);
  const foreign = await createAuthority(`${temporaryDirectory()}/authority`, 'unsealed');
  await rejected(JSON.stringify({ ...JSON.parse(line), authority: foreign.public.publicJwk }));
  await rejected(JSON.stringify({ ...JSON.parse(line), credential: 'x.y.z' }));
  await rejected('{}');
  await acceptEnrolment(guest, line, TOKEN);
  assert.is((await loadIdentity(guest)).name, 'chrome-vm');
});

enrol('wrong proofs end the enrolment; a token is good for one guest', async () => {
  const directory = temporaryDirectory();
  const authority = await createAuthority(`${directory}/authority`, 'unsealed');
  const terms = { name: 'chrome-vm', socket: `${directory}/s`, ttlSeconds: TTL };
  const attacked = await openEnrolment(authority, terms);
  const say = (line: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(terms.socket);
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString();
      });
      socket.on('error', () => {});
      socket.once('close', () => resolve(text));
      socket.write(line);
    });
  for (let attempt = 0; attempt < MAX_ENROL_ATTEMPTS; attempt++) assert.is(await say('{}\n'), '');
  assert.is(await attacked.done, null);
  assert.is(await say(await enrolRequest(`${directory}/a`, 'chrome-vm', parseToken(attacked.token), 'unsealed')), '');
  await attacked.close();

  const used = await openEnrolment(authority, terms);
  const token = parseToken(used.token);
  assert.match(await say(await enrolRequest(`${directory}/a`, 'chrome-vm', token, 'unsealed')), /"credential"/);
  assert.is(await say(await enrolRequest(`${directory}/b`, 'chrome-vm', token, 'unsealed')), '');
  await used.close();
});

enrol('no token, or a file that holds none, is said at once', async () => {
  const fixture = new GuestFixture();
  mkdirSync(fixture.path('empty'));
  writeFileSync(fixture.path('not-a-token'), 'hunter2\n');
  for (const token of ['missing', 'not-a-token']) {
    const failure = fixture.agent('chrome-vm', { enrol: { name: 'chrome-vm', port: 'unix:/nowhere', token } });
    assert.is(await failure.catch((error: AgentError) => error.code), 'ERR_AGENT_ENROL', token);
  }
});

enrol.run();
