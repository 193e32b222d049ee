/** Playback from a VM's agent through the broker into a real PulseAudio, measured at the sink's monitor. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AudioEndpoint, AudioService, PulseServer } from '../../../clients/agents/audio/index.ts';
import { type Host, until, withHost } from '../../support/audio/host.ts';
import { Pulse } from '../../support/audio/pulse.ts';
import { onEachServer, type SoundServerKind } from '../../support/audio/sound-daemons.ts';
import { sounding, tone, toneLevel, toneSeconds } from '../../support/audio/tones.ts';

const playback = suite('playback');

interface Harness {
  readonly host: Host;
  readonly pulse: Pulse;
  readonly service: AudioService;
  agent(name: string): Promise<AudioEndpoint>;
}

async function withHarness(kind: SoundServerKind, work: (harness: Harness) => Promise<void>): Promise<void> {
  const pulse = await new Pulse(kind).start();
  try {
    await withHost(async (host) => {
      const vm = await host.connect('audio-vm');
      const service = await AudioService.start({ vm, server: new PulseServer(pulse.environment) });
      const agents: AudioEndpoint[] = [];
      const agent = async (name: string): Promise<AudioEndpoint> => {
        const started = await AudioEndpoint.start({ vm: await host.connect(name), audioVm: 'audio-vm' });
        agents.push(started);
        return started;
      };
      try {
        await work({ host, pulse, service, agent });
      } finally {
        for (const each of agents) await each.close();
        await service.stop({ force: true });
      }
    });
  } finally {
    await pulse.stop();
  }
}

async function playAll(agent: AudioEndpoint, pcm: Buffer): Promise<void> {
  await agent.play(pcm);
  await agent.flush();
}

onEachServer(
  playback,
  'a tone comes out at its frequency, level and length, from a stream named after the VM',
  (kind) =>
    withHarness(kind, async ({ pulse, agent }) => {
      const chrome = await agent('chrome-vm');
      const stop = await pulse.record('speaker.monitor');
      const playing = playAll(chrome, tone(1_000, 1.5));
      await until('the stream is there', () => pulse.streams('sink-inputs').includes('chrome-vm'));
      await playing;
      await new Promise((resolve) => setTimeout(resolve, 400));
      const heard = await stop();
      const length = toneSeconds(heard, 1_000, 0.5);
      // A busy machine may cost some of it, and nothing may be played twice.
      assert.ok(length > 1 && length < 1.6, `${length} s`);
      const level = toneLevel(heard, 1_000);
      assert.ok(level > 0.42 && level < 0.55, `level ${level} at 1000 Hz`);
      assert.ok(toneLevel(heard, 1_300) < 0.25, `level ${toneLevel(heard, 1_300)} at 1300 Hz`);
      assert.equal([chrome.counts.dropped, chrome.counts.denied], [0, 0]);
    }),
);

onEachServer(playback, 'two VMs at once keep their own volume, mute and route', (kind) =>
  withHarness(kind, async ({ pulse, service, agent }) => {
    const [chrome, mail] = [await agent('chrome-vm'), await agent('mail-vm')];
    await until('both are known', () => service.clients.length === 2);
    service.setVolume('mail-vm', 50); // 0.125 of full scale on the cubic curve
    const stop = await pulse.record('speaker.monitor');
    const stopOther = await pulse.record('other.monitor');
    await Promise.all([playAll(chrome, tone(1_000, 1, 0.4)), playAll(mail, tone(3_000, 1, 0.4))]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const both = sounding(await stop());
    assert.ok(toneLevel(both, 1_000) > 0.3, `chrome-vm ${toneLevel(both, 1_000)}`);
    const mailLevel = toneLevel(both, 3_000);
    assert.ok(mailLevel > 0.035 && mailLevel < 0.06, `mail-vm ${mailLevel}`);
    service.setRoute('mail-vm', 'other');
    service.setMuted('chrome-vm', true);
    const stopMuted = await pulse.record('speaker.monitor');
    await Promise.all([playAll(chrome, tone(1_000, 0.5, 0.4)), playAll(mail, tone(3_000, 0.5, 0.4))]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const rest = await stopMuted();
    // A sound server may keep the last milliseconds of the tone before, and give them now.
    assert.is(toneSeconds(rest, 1_000, 0.1), 0, 'a muted VM is silent');
    assert.is(toneSeconds(rest, 3_000, 0.04), 0, 'a routed one sounds elsewhere');
    assert.ok(toneLevel(sounding(await stopOther()), 3_000) > 0.03);
  }),
);

onEachServer(playback, 'a restart of the sound server is survived, volume and all', (kind) =>
  withHarness(kind, async ({ pulse, service, agent }) => {
    const chrome = await agent('chrome-vm');
    await until('chrome-vm is known', () => service.clients.includes('chrome-vm'));
    service.setVolume('chrome-vm', 50);
    let isOver = false;
    const playing = (async () => {
      while (!isOver) await chrome.play(tone(1_000, 0.1, 0.8));
    })();
    await until('it plays', () => pulse.streams('sink-inputs').includes('chrome-vm'));
    await pulse.stop();
    await until('the loss is noticed', () => service.status().vms[0]?.playing === false);
    await pulse.start();
    await until('it plays again', () => pulse.streams('sink-inputs').includes('chrome-vm'));
    const stop = await pulse.record('speaker.monitor');
    await new Promise((resolve) => setTimeout(resolve, 500));
    const level = toneLevel(sounding(await stop()), 1_000);
    isOver = true;
    await playing;
    assert.ok(level > 0.05 && level < 0.12, `level ${level}`);
    assert.is(chrome.counts.denied, 0);
  }),
);

onEachServer(playback, 'without the label @speaker nothing sounds, until it is granted', (kind) =>
  withHarness(kind, async ({ host, pulse, agent }) => {
    await host.edit('tests.csv', (text) => text.replace(/^chrome-vm, audio-vm, audio-playback, .*$/m, ''));
    const silenced = await host.edit('domains.yaml', (text) => text.replace('["@app", "@speaker"]', '["@app"]'));
    assert.is(silenced.ok, true);
    const chrome = await agent('chrome-vm');
    await playAll(chrome, tone(1_000, 0.2));
    assert.is(chrome.counts.sent, 0);
    assert.equal(pulse.streams('sink-inputs'), []);
    assert.is((await host.grant('chrome-vm', '@speaker')).ok, true);
    await until('policy lets it play', async () => {
      await chrome.play(tone(1_000, 0.05));
      return chrome.counts.sent > 0;
    });
    await until('the stream is there', () => pulse.streams('sink-inputs').includes('chrome-vm'));
  }),
);

playback.run();
