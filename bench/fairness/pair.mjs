/**
 * The innocent pair: a request of 64 bytes and its reply through the broker, one at a time. In turns with it, the same
 * 64 bytes go twice through `cat` and back, which is as many changes between processes: what this becomes slower by is the
 * scheduler's doing, and not the broker's.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { loadIdentity } from '../../docs/examples/wire-client/identity.mjs';
import { openSession } from '../../docs/examples/wire-client/session.mjs';
import { answerCalls, setup } from './calls.mjs';

const MESSAGE = Buffer.alloc(64, 0x61);
const RING_BYTES = 65_536;
const TURNS = 10;
const { folder, domid, port, answerTimeoutMs } = setup;

const connectAs = (name) =>
  openSession(loadIdentity(join(folder, name)), { path: join(folder, 'run', `${name}.sock`) });
const caller = await connectAs('caller');
const answerer = await connectAs('answerer');
await caller.registerRing(port.reply, domid.answerer, RING_BYTES);
await answerer.registerRing(port.echo, domid.caller, RING_BYTES);

let onReply = () => {};
let failure = null;
/** In the first four bytes of each request: a reply that comes late is not taken for the next one. */
let number = 0;
caller.onMessage = ({ payload }) => {
  if (payload.readUInt32LE(0) === number) onReply();
};
answerer.onMessage = ({ payload }) => {
  answerer.send(domid.caller, port.reply, Buffer.from(payload)).catch(fail);
};
caller.onEnd = fail;
answerer.onEnd = fail;
function fail(reason) {
  failure ??= reason;
  onReply();
}

const cat = spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] });
process.once('exit', () => cat.kill('SIGKILL'));

/** One request and its reply. */
async function throughBroker() {
  const answered = new Promise((resolve) => {
    onReply = resolve;
  });
  number = (number + 1) >>> 0;
  MESSAGE.writeUInt32LE(number, 0);
  caller.send(domid.answerer, port.echo, MESSAGE).catch(fail);
  await answered;
  if (failure !== null) throw new Error(`the session of the pair ended: ${failure.message}`);
}

/** As a request, and then as its reply. */
async function throughCat() {
  for (let way = 0; way < 2; way++) {
    cat.stdin.write(MESSAGE);
    for (let left = MESSAGE.length; left > 0; ) {
      const [bytes] = await once(cat.stdout, 'data');
      left -= bytes.length;
    }
  }
}

/** Round trips for a while, in microseconds; one that is not answered in time is lost, and ends the slice. */
async function trips(once, durationMs) {
  const micros = [];
  const end = performance.now() + durationMs;
  for (;;) {
    const began = performance.now();
    if (began >= end) return { micros, lost: 0 };
    let timer;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, answerTimeoutMs, 'late');
    });
    const outcome = await Promise.race([once(), late]);
    clearTimeout(timer);
    if (outcome === 'late') return { micros: [...micros, answerTimeoutMs * 1000], lost: 1 };
    micros.push((performance.now() - began) * 1000);
  }
}

/** Both ways in turns, so that an attack that becomes stronger or weaker is felt by both alike. */
async function measure({ brokerMs, catMs }) {
  const [broker, cat] = [[], []];
  for (let turn = 0; turn < TURNS; turn++) {
    broker.push(await trips(throughBroker, brokerMs / TURNS));
    cat.push(await trips(throughCat, catMs / TURNS));
  }
  return { broker: together(broker), cat: together(cat) };
}

const together = (slices) => ({
  micros: slices.flatMap(({ micros }) => micros),
  lost: slices.reduce((sum, { lost }) => sum + lost, 0),
});

answerCalls({ open: async () => {}, measure });
