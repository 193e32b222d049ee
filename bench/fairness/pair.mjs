/**
 * The innocent pair: a request of 64 bytes and its reply through the broker, one at a time. In turns with it, the same
 * request and reply go through `cat` and back. That is as many changes between processes and as much work of this process:
 * it seals and opens the same records. What this becomes slower by is the scheduler's doing, and not the broker's.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { encode, ringBytes } from '../../docs/examples/wire-client/frames.mjs';
import { loadIdentity } from '../../docs/examples/wire-client/identity.mjs';
import { Opener, RecordReader, RecordType, Sealer } from '../../docs/examples/wire-client/records.mjs';
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
const secret = randomBytes(32);
const [sealer, opener, reader] = [
  new Sealer(caller.suite, Buffer.from(secret)),
  new Opener(caller.suite, Buffer.from(secret)),
  new RecordReader(),
];
let [sealed, opened, onOpened] = [0, 0, () => {}];
cat.stdout.on('data', (chunk) => {
  reader.push(chunk);
  for (let record = reader.next(); record !== null; record = reader.next()) {
    opener.open(record);
    opened++;
  }
  onOpened();
});

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

/** A request, and then its reply: for each a record with the message, and one with the credit of its receiver. */
async function throughCat() {
  for (let way = 0; way < 2; way++) {
    const frames = [
      encode.sendv(sealed, domid.answerer, port.echo, MESSAGE),
      encode.credit(1, ringBytes(MESSAGE.length)),
    ];
    for (const frame of frames) cat.stdin.write(sealer.seal(RecordType.data, frame));
    sealed += frames.length;
    while (opened < sealed) {
      await new Promise((resolve) => {
        onOpened = resolve;
      });
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

/**
 * Both ways in turns, so that an attack that becomes stronger or weaker is felt by both alike. A lost request ends the
 * slice: a broker that answers nothing must not keep the bench for a timeout of each turn.
 */
async function measure({ brokerMs, catMs }) {
  const [broker, cat] = [[], []];
  const isLost = () => [...broker, ...cat].some(({ lost }) => lost > 0);
  for (let turn = 0; turn < TURNS && !isLost(); turn++) {
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
