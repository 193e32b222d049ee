/**
 * A guest's process that plays through its sound card, as a driver keeps a buffer of periods full: each period that comes
 * back is filled again, and is looked at for when it came.
 */
import { SoundQueue } from '../../../clients/devices/sound/index.ts';
import { FrontEnd, words } from '../../../test/devices/guest/front-end.ts';
import { answerCalls } from '../../roles/calls.ts';
import { FRAME_BYTES, PERIOD_BYTES, PERIOD_MS } from './format.ts';
import { Lateness } from './lateness.ts';

/** As many periods as ALSA has in the buffer of a player that wants 80 ms. */
const PERIODS = 4;
const STREAM = 0;
const OK = 0x8000;
/** Channels, format and rate of SET_PARAMS. */
const FORMAT = Buffer.from([2, 5, 6, 0]);

export type SoundGuestCalls = {
  play(argument: { readonly periods: number }): Promise<{ readonly missed: number; readonly latestMs: number }>;
};

const vmm = await FrontEnd.attach(process.argv[2] ?? '');
process.on('disconnect', () => process.exit());
await vmm.start(4);
const control = queueOf(SoundQueue.control);
const playback = queueOf(SoundQueue.playback);
let numbered = 0;

answerCalls({
  play: async ({ periods }) => {
    await ask(Buffer.concat([words(0x101, STREAM, PERIODS * PERIOD_BYTES, PERIOD_BYTES, 0), FORMAT]));
    await ask(words(0x102, STREAM));
    const places = Array.from({ length: PERIODS }, () => ({ pcm: vmm.place(4 + PERIOD_BYTES), status: vmm.place(8) }));
    const out = new Map<number, (typeof places)[number]>();
    const give = (place: (typeof places)[number]): void => {
      vmm.write(place.pcm, nextPeriod());
      const chain = [
        { address: place.pcm, length: 4 + PERIOD_BYTES, isWritable: false },
        { address: place.status, length: 8, isWritable: true },
      ];
      out.set(playback.add(chain), place);
      vmm.kick(SoundQueue.playback);
    };
    for (const place of places) give(place);
    await ask(words(0x104, STREAM));
    const lateness = new Lateness(PERIOD_MS, performance.now());
    for (let back = 0; back < periods; ) {
      const used = playback.take();
      if (used.length === 0) await vmm.event();
      for (const { head } of used) {
        const place = out.get(head);
        if (place === undefined) throw new Error('the card gave back what it did not have');
        out.delete(head);
        lateness.back(performance.now());
        back++;
        if (back + out.size < periods) give(place);
      }
    }
    await ask(words(0x105, STREAM));
    await ask(words(0x103, STREAM));
    return lateness.result();
  },
} satisfies SoundGuestCalls);
process.send?.('ready');

function queueOf(index: number) {
  const queue = vmm.queues[index];
  if (queue === undefined) throw new Error(`no queue ${index}`);
  return queue;
}

/** The stream's number, then frames that are numbered themselves. */
function nextPeriod(): Buffer {
  const bytes = Buffer.alloc(4 + PERIOD_BYTES);
  bytes.writeUInt32LE(STREAM, 0);
  for (let at = 4; at < bytes.length; at += FRAME_BYTES) bytes.writeUInt32LE(numbered++, at);
  return bytes;
}

async function ask(request: Buffer): Promise<void> {
  const [from, to] = [vmm.place(request.length), vmm.place(4)];
  vmm.write(from, request);
  control.add([
    { address: from, length: request.length, isWritable: false },
    { address: to, length: 4, isWritable: true },
  ]);
  vmm.kick(SoundQueue.control);
  while (control.take().length === 0) await vmm.event();
  const answer = Buffer.alloc(4);
  vmm.read(to, answer);
  if (answer.readUInt32LE(0) !== OK) throw new Error(`the card answers ${answer.readUInt32LE(0).toString(16)}`);
}
