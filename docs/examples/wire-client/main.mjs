#!/usr/bin/env node
/**
 * A domain in plain JavaScript, written from docs/wire.md. It imports nothing of the product.
 *
 *   node main.mjs SOCKET IDENTITY receive PORT --count N        opens a ring for everybody, prints N messages
 *   node main.mjs SOCKET IDENTITY send NAME PORT TEXT ...       sends each text, with a new key for each
 *
 * It exits with 1 and one line on stderr when something is refused.
 */
import { DOMID_ANY } from './frames.mjs';
import { loadIdentity } from './identity.mjs';
import { openSession } from './session.mjs';

const RING_BYTES = 65_536;
const USAGE = 'usage: main.mjs SOCKET IDENTITY (receive PORT --count N | send NAME PORT TEXT ...)';
const say = (line) => process.stdout.write(`${line}\n`);

async function receive(session, [port, flag, count]) {
  if (flag !== '--count') throw new Error(USAGE);
  const done = new Promise((resolve, reject) => {
    let left = Number(count);
    session.onEnd = reject;
    session.onMessage = ({ from, payload }) => {
      say(`${from}: ${payload}`);
      if (--left === 0) resolve();
    };
  });
  await session.registerRing(Number(port), DOMID_ANY, RING_BYTES);
  say(`listening at port ${port}`);
  await done;
  // The credit for the last message goes out before the answer to this.
  await session.ping();
}

async function send(session, [name, port, ...texts]) {
  const domid = await session.resolve(name);
  const [ring] = await session.notify([{ domid, port: Number(port), space: 0 }]);
  say(`the ring takes messages of up to ${ring.largest} bytes`);
  for (const text of texts) {
    await session.send(domid, Number(port), Buffer.from(text));
    session.rekey();
  }
  await session.ping();
  const { suite, epochs } = session;
  say(
    `sent ${texts.length} messages with ${suite}; the present key is number ${epochs.ours}, and the broker answered a ping`,
  );
}

const COMMANDS = { receive, send };

async function main([socket, directory, command, ...rest]) {
  const run = COMMANDS[command];
  if (run === undefined) throw new Error(USAGE);
  const session = await openSession(loadIdentity(directory), { path: socket });
  const { name, domid, broker } = session.welcome;
  say(`${name} is domain ${domid} at broker ${broker}`);
  try {
    await run(session, rest);
  } finally {
    await session.close();
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
