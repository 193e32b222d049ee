/**
 * The virtual sound card with the stock driver of a stock guest: a tone that `aplay` plays there comes out of the
 * AudioVM's sound server, and `arecord` hears the microphone while it is granted.
 *
 * QEMU 10 and Linux 6.12 come from Debian's backports. Where apt does not list them the guest is not booted, so that a
 * run of all tests does not download 120 MB: the card itself is tested in memory (test/devices/sound-device.test.ts).
 * CI runs this file before the others, with lists of apt that have them.
 */
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AudioService, PulseServer } from '../../clients/agents/audio/index.ts';
import { resolveDevices, startDevices } from '../../clients/devices/index.ts';
import {
  hasNewerPlatform,
  LOAD_SOUND_CARD,
  LONG_BUFFER,
  Machine,
  newerPlatform,
  soundPrograms,
} from '../../clients/machines/index.ts';
import { withHost } from '../support/audio/host.ts';
import { Pulse } from '../support/audio/pulse.ts';
import { sounding, tone, toneBreaks, toneLevel, toneSeconds } from '../support/audio/tones.ts';

const sound = suite('sound card of a stock guest');
const MEMORY_MIB = 768;
const SECONDS = 2;
/** Its periods do not fit the 10 ms that a message of sound has, so a message that is missing is a break. */
const HERTZ = 1_013;

const MAIN = `
${LOAD_SOUND_CARD}
aplay -D hw:0,0 ${LONG_BUFFER} -f S16_LE -r 44100 -c 2 -t raw /tone
code=$?
[ $code = 0 ] || { cat /proc/asound/card0/pcm0p/sub0/status; dmesg | tail -n 20; }
echo "aplay: exit code $code"
arecord -D hw:0,0 -f S16_LE -r 44100 -c 2 -t raw -d 1 /tmp/refused || echo "refused without a grant"
until arecord -D hw:0,0 ${LONG_BUFFER} -f S16_LE -r 48000 -c 2 -t raw -d 1 /tmp/heard; do sleep 0.2; done
echo "recorded $(od -A n -v -t d2 -w4 /tmp/heard | awk '$1 * $1 > 1000000 { loud++ } END { print loud + 0 }') loud samples"
`;

if (hasNewerPlatform()) {
  sound('aplay comes out of the AudioVM, arecord hears the microphone only while it is granted', async () => {
    const platform = await newerPlatform();
    const pulse = await new Pulse().start();
    let console = '';
    try {
      await withHost(async (host) => {
        const service = await AudioService.start({
          vm: await host.connect('audio-vm'),
          server: new PulseServer(pulse.environment),
        });
        const socket = join(host.directory, 'sound');
        const config = resolveDevices({ sound: socket });
        const devices = await startDevices(await host.connect('chrome-vm'), config, (line) => {
          console += `${line}\n`;
        });
        const stop = await pulse.record('speaker.monitor');
        const machine = await Machine.start({
          name: 'chrome-vm',
          directory: join(host.directory, 'guest'),
          accelerator: 'tcg',
          socket: null,
          main: MAIN,
          files: new Map([
            ...(await soundPrograms()),
            ['tone', { kind: 'file', bytes: tone(HERTZ, SECONDS), mode: 0o644 }] as const,
          ]),
          platform,
          more: [
            ...['-object', `memory-backend-memfd,id=mem,size=${MEMORY_MIB}M,share=on`],
            ...['-machine', 'memory-backend=mem'],
            ...['-chardev', `socket,id=sound,path=${socket}`, '-device', 'vhost-user-snd-pci,chardev=sound'],
          ],
        });
        try {
          const [, code] = await machine.line(/^aplay: exit code (\d+)$/);
          assert.is(code, '0');
          await machine.line(/^refused without a grant$/);
          const heard = sounding(await stop());
          const seconds = toneSeconds(heard, HERTZ, 0.5);
          // A busy host may cost some of it, and nothing may be played twice.
          assert.ok(seconds > SECONDS * 0.8 && seconds < SECONDS + 0.1, `${seconds} s of the tone`);
          assert.ok(toneLevel(heard, HERTZ) > 0.4 && toneLevel(heard, 1_300) < 0.25);
          // A gap between two periods would be there 33 times; the few that are left are the scheduler's of a busy host.
          const breaks = toneBreaks(heard, HERTZ);
          assert.ok(breaks < 10 * SECONDS, `${breaks} breaks in the tone`);
          const silence = pulse.play('voice', tone(500, 30));
          // The sound server's source has samples from here on: an idle one takes a second to begin.
          const warm = await pulse.record('voice.monitor');
          await host.grant('chrome-vm', '@mic');
          const [, loud = '0'] = await machine.line(/^recorded (\d+) loud samples/);
          assert.ok(Number(loud) > 4_800, `${loud} loud samples of 48000`);
          silence();
          await warm();
          assert.ok((devices.sound?.counts.refused ?? 0) > 0);
          assert.is(devices.sound?.counts.malformed, 0);
        } finally {
          console += machine.console;
          await machine.kill();
          await devices.close();
          await service.stop({ force: true });
        }
      });
    } finally {
      process.stdout.write(`${console}\n`);
      await pulse.stop();
    }
  });
} else {
  sound('without bookworm-backports in the lists of apt the stock guest is not booted', () => {
    assert.is(hasNewerPlatform(), false);
  });
}

sound.run();
