/** Sound from one virtual machine to another, through resets, kills and restarts; the guests have no wire but their port. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { soundHash } from './guest/sound.ts';
import { House, withMachines } from './house.ts';

const MESSAGES = 300;
const HASH = soundHash(MESSAGES);
const SINK = `node /guest.mjs sink ${MESSAGES}`;
const SOURCE = `node /guest.mjs source ${MESSAGES} 1000000`;

const stream = suite('stream between machines');

withMachines(stream, 'sound arrives byte for byte, and goes on after every kind of restart', async () => {
  const house = await House.build();
  try {
    const audio = await house.boot('audio-vm', SINK);
    await audio.line(/^listening$/);
    let chrome = await house.boot('chrome-vm', SOURCE);
    const whole = /^played chrome-vm ([0-9a-f]{64}) /;
    let played = 0;
    const expectNext = async (what: string): Promise<void> => {
      // One may have been under way; the one after it began and ended after what happened.
      played = audio.console.split('\n').filter((line) => whole.test(line)).length;
      const [, hash] = await audio.line(whole, played + 2);
      assert.is(hash, HASH, what);
      process.stdout.write(`${what}: ok at ${Math.round(performance.now() / 1000)} s\n`);
    };
    const playingNow = async (): Promise<void> => {
      const playing = /^playing chrome-vm$/;
      await audio.line(playing, audio.console.split('\n').filter((line) => playing.test(line)).length + 1);
    };
    await expectNext('undisturbed');

    await playingNow();
    await chrome.reset();
    await chrome.line(/^session chrome-vm/, 2);
    await expectNext('after the sender’s reset');

    await playingNow();
    await house.killBroker();
    await audio.line(/^lost /);
    await house.startBroker();
    await audio.line(/^again$/);
    await expectNext('after kill -9 of the broker');

    await playingNow();
    await audio.reset();
    await audio.line(/^listening$/, 2);
    await expectNext('after the receiver’s reset');

    await playingNow();
    const state = house.path('state');
    await chrome.save(state);
    await chrome.kill();
    chrome = await house.boot('chrome-vm', SOURCE, { restore: state });
    await expectNext('after save, kill and restore of the sender’s machine');

    await playingNow();
    await chrome.kill();
    chrome = await house.boot('chrome-vm', SOURCE);
    await expectNext('after kill -9 of the sender’s QEMU');

    const bad = audio.console.split('\n').filter((line) => whole.test(line) && !line.includes(HASH));
    assert.equal(bad, [], 'a sound that arrived whole was never altered');
  } finally {
    await house.close();
  }
});

stream.run();
