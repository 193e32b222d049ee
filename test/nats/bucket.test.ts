/** Requests to the bucket of a NATS server, one after the other, and what its users may do. All in memory. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Bucket } from '../../broker/carrier/index.ts';
import { adminUser, brokerUser, renderServerConfig } from '../../broker/carrier/nats/admin/server-config.ts';
import { bucketOver } from '../../broker/carrier/nats/bucket/bucket.ts';
import { RequestLine } from '../../broker/carrier/nats/bucket/request-line.ts';
import { adminBucketSubjects, brokerBucketSubjects } from '../../broker/carrier/nats/bucket/subjects.ts';
import { REQUEST_TIMEOUT_MS } from '../../broker/carrier/nats/limits.ts';
import { FakeClock } from '../support/clock.ts';

const bucket = suite('bucket of a NATS server');

/** A line whose messages the test sees and answers. */
class Line {
  readonly clock = new FakeClock();
  readonly sent: { readonly head: string; readonly text: string }[] = [];
  isClosed = false;
  readonly requests = new RequestLine(
    {
      maxPayload: 64,
      publish: (head, length, write) => {
        const message = new Uint8Array(length);
        write(message);
        this.sent.push({ head, text: Buffer.from(message).toString() });
      },
      close: () => {
        this.isClosed = true;
      },
    },
    '_INBOX.argus.broker.one',
    this.clock,
  );

  answer(text: string): void {
    this.requests.receive(Buffer.from(text));
  }
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
  );
}

bucket('requests wait for each other, and each gets its own answer', async () => {
  const line = new Line();
  const answers = [line.requests.request('x', Buffer.from('1')), line.requests.request('y', Buffer.from('2'))];
  await turn();
  assert.equal(line.sent, [{ head: 'PUB x _INBOX.argus.broker.one.1 ', text: '1' }]);
  line.answer('one');
  await turn();
  assert.is(line.sent[1]?.head, 'PUB y _INBOX.argus.broker.one.2 ');
  line.answer('two');
  assert.equal(
    (await Promise.all(answers)).map((each) => Buffer.from(each).toString()),
    ['one', 'two'],
  );
  line.answer('nobody asked');
  assert.is(line.clock.pendingTimers, 0);
});

bucket('an answer is copied, because the line reuses its memory', async () => {
  const line = new Line();
  const answer = line.requests.request('x', Buffer.from(''));
  await turn();
  const memory = Buffer.from('one');
  line.requests.receive(memory);
  memory.fill('!');
  assert.is(Buffer.from(await answer).toString(), 'one');
});

bucket('a request without an answer ends the line, so no later request gets the late answer', async () => {
  const line = new Line();
  const answers = [line.requests.request('x', Buffer.from('')), line.requests.request('y', Buffer.from(''))];
  const codes = Promise.all(answers.map(codeOf));
  await turn();
  line.clock.advance(REQUEST_TIMEOUT_MS);
  assert.equal(await codes, ['ERR_NATS_LOST', 'ERR_NATS_LOST']);
  assert.is(line.isClosed, true);
  line.answer('late');
  assert.is(await codeOf(line.requests.request('z', Buffer.from(''))), 'ERR_NATS_LOST');
  assert.is(line.sent.length, 1);
});

bucket('the end of the line fails the present request', async () => {
  const line = new Line();
  const code = codeOf(line.requests.request('x', Buffer.from('')));
  await turn();
  line.requests.ended(null);
  assert.is(await code, 'ERR_NATS_LOST');
  assert.is(line.clock.pendingTimers, 0);
});

bucket('a message that the server would not take is not sent', async () => {
  const line = new Line();
  assert.is(await codeOf(line.requests.request('x', new Uint8Array(65))), 'ERR_NATS_PAYLOAD');
  assert.is(line.sent.length, 0);
});

/** A bucket whose server gives these answers, by the beginning of the subject. */
function answering(answers: Readonly<Record<string, string>>): Bucket {
  const request = async (subject: string): Promise<Uint8Array> =>
    Buffer.from(Object.entries(answers).find(([start]) => subject.startsWith(start))?.[1] ?? '');
  return bucketOver({ request, notify: () => undefined }, () => undefined);
}

bucket('a value is what the server answers; an empty answer is no value', async () => {
  assert.is(await answering({}).read('head'), null);
  const held = answering({ '$JS.API.DIRECT.GET.KV_argus-policy.$KV.argus-policy.head': 'x' });
  assert.equal(Buffer.from((await held.read('head')) ?? []).toString(), 'x');
});

bucket('a write counts only with the acknowledgement of our stream', async () => {
  const acknowledged = (text: string) => codeOf(answering({ $KV: text }).write('head', Buffer.from('x')));
  assert.is(await acknowledged('{"stream":"KV_argus-policy","seq":7}'), 'none');
  assert.is(await acknowledged('{"stream":"KV_other","seq":7}'), 'ERR_NATS_STREAM');
  assert.is(await acknowledged(''), 'ERR_NATS_STREAM');
  assert.is(await acknowledged('{"error":{"code":503,"description":"no space"}}'), 'ERR_NATS_DENIED');
});

bucket('the keys are those of our bucket, and a bucket without any has none', async () => {
  const info = (subjects: unknown) =>
    answering({ '$JS.API.STREAM.INFO': JSON.stringify({ state: { subjects } }) }).keys('status');
  assert.equal(await info({ '$KV.argus-policy.status.one': 1, 'x.status.two': 1 }), ['status.one']);
  assert.equal(await info(undefined), []);
  assert.is(await codeOf(answering({}).keys('status')), 'ERR_NATS_STREAM');
});

bucket('a broker may read bundles and write its own row; only an admin writes bundles; nobody deletes', () => {
  const broker = brokerBucketSubjects('one');
  assert.equal(broker, {
    publish: [
      '$JS.API.DIRECT.GET.KV_argus-policy.$KV.argus-policy.head',
      '$JS.API.DIRECT.GET.KV_argus-policy.$KV.argus-policy.piece.>',
      '$KV.argus-policy.status.one',
    ],
    subscribe: ['_INBOX.argus.broker.one.*', 'argus.policy.argus-policy.published'],
  });
  const admin = adminBucketSubjects('alice');
  assert.equal(admin, {
    publish: [
      '$JS.API.STREAM.CREATE.KV_argus-policy',
      '$JS.API.STREAM.INFO.KV_argus-policy',
      '$JS.API.DIRECT.GET.KV_argus-policy.$KV.argus-policy.>',
      '$KV.argus-policy.head',
      '$KV.argus-policy.piece.>',
      'argus.policy.argus-policy.published',
    ],
    subscribe: ['_INBOX.argus.admin.alice.*'],
  });
});

bucket('the server has JetStream, and its users these subjects, only where policies travel over it', () => {
  const users = (hasBucket: boolean) => [brokerUser('one', 'UA', [], hasBucket), adminUser('alice', 'UB')];
  const [with_, without] = [users(true), users(false)];
  assert.ok(with_[0]?.publish.includes('$KV.argus-policy.status.one'));
  assert.equal(without[0]?.publish, ['argus.one.down.*']);
  assert.not.ok(
    with_[1]?.publish.some((subject) => subject.startsWith('argus.one')),
    'an admin has no part in sessions',
  );
  const setup = { listen: '127.0.0.1:4222', tls: null, pidFile: '/nats/pid', users: [] };
  assert.match(
    renderServerConfig({ ...setup, store: '/nats/jetstream' }),
    /^jetstream {\n {2}store_dir: "\/nats\/jetstream"/m,
  );
  assert.not.match(renderServerConfig({ ...setup, store: null }), /^jetstream/m);
});

bucket.run();
