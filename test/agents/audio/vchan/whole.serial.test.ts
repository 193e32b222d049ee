/** Both of Qubes' programs unchanged, and Argus between them: guest module, endpoint, broker, service, pacat. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  AudioEndpoint,
  AudioService,
  guestVchans,
  VchanBridge,
  VchanServer,
} from '../../../../clients/agents/audio/index.ts';
import { audioVchans } from '../../../../clients/agents/audio/vchan/names.ts';
import { until, withHost } from '../../../support/audio/host.ts';
import { chunksOf, GuestModuleDouble, PacatDouble } from '../../../support/audio/qubes-programs.ts';
import { Random } from '../../../support/random.ts';
import { temporaryDirectory } from '../../../support/temp.ts';

const whole = suite('audio vchans, whole');

whole('what the guest module plays is what pacat plays, and the microphone the other way', () =>
  withHost(async (host) => {
    const [inVm, inAudioVm] = [temporaryDirectory(), temporaryDirectory()];
    const audio = await host.connect('audio-vm');
    const server = new VchanServer({ directory: inAudioVm, client: audio.domid });
    const service = await AudioService.start({ vm: audio, server });
    const chrome = await host.connect('chrome-vm');
    const ends = { server: chrome.domid, client: audio.domid };
    const pacat = new PacatDouble(audioVchans(inAudioVm, ends));
    const module = new GuestModuleDouble(audioVchans(inVm, ends));
    const bridges: VchanBridge[] = [];
    const endpoint = await AudioEndpoint.start({
      vm: chrome,
      audioVm: 'audio-vm',
      onCapture: (frame) => bridges[0]?.hear(frame),
    });
    const bridge = new VchanBridge(() => endpoint);
    bridges.push(bridge);
    bridge.connect(guestVchans(chrome, inVm, () => endpoint.audioVm));
    module.start();
    pacat.start();
    try {
      await until('all is connected', () => bridge.rounds === 1 && pacat.rounds === 1 && pacat.codes.length >= 3);
      const random = new Random(3);
      // No byte is 0: the endpoint takes long digital silence for a pause.
      const samples = random.bytes(1_764 * 20).map((byte) => byte | 1);
      for (const chunk of chunksOf(samples, random)) module.play(chunk);
      module.playback.hangUp(); // the end of a sound: also its last part is played
      await until('all is played', () => Buffer.concat(pacat.played).length === samples.length);
      assert.ok(Buffer.concat(pacat.played).equals(samples));
      await until('the module is connected again', () => bridge.rounds === 2 && module.connected.capture === 2);
      await host.grant('chrome-vm', '@mic');
      module.record(true);
      await until('pacat is asked', () => pacat.isRequested);
      const voice = random.bytes(1_764 * 3);
      pacat.speak(voice);
      await until('the module records it', () => Buffer.concat(module.recorded).length === voice.length);
      assert.ok(Buffer.concat(module.recorded).equals(voice));
      await host.revoke('chrome-vm', '@mic');
      await until('pacat is told to stop', () => !pacat.isRequested);
    } finally {
      pacat.stop();
      module.stop();
      await bridge.close();
      await endpoint.close();
      await service.stop({ force: true });
      await server.settled();
    }
  }),
);

whole.run();
