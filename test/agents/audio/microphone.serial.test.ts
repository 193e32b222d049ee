/** The microphone of a real PulseAudio: who asked, was granted and is permitted hears it, and nobody else does. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AudioEndpoint, AudioService, PulseServer } from '../../../clients/agents/audio/index.ts';
import { type Host, until, withHost } from '../../support/audio/host.ts';
import { Pulse } from '../../support/audio/pulse.ts';
import { onEachServer, type SoundServerKind } from '../../support/audio/sound-daemons.ts';
import { tone, toneLevel } from '../../support/audio/tones.ts';

const microphone = suite('microphone');

interface Harness {
  readonly host: Host;
  readonly pulse: Pulse;
  readonly service: AudioService;
  readonly agent: AudioEndpoint;
  readonly heard: Uint8Array[];
}

async function withHarness(kind: SoundServerKind, work: (harness: Harness) => Promise<void>): Promise<void> {
  const pulse = await new Pulse(kind).start();
  const silence = pulse.play('voice', tone(700, 60));
  try {
    await withHost(async (host) => {
      const server = new PulseServer(pulse.environment);
      const service = await AudioService.start({ vm: await host.connect('audio-vm'), server });
      const heard: Uint8Array[] = [];
      const onCapture = (frame: Uint8Array): void => void heard.push(frame.slice());
      const agent = await AudioEndpoint.start({ vm: await host.connect('chrome-vm'), audioVm: 'audio-vm', onCapture });
      try {
        await work({ host, pulse, service, agent, heard });
      } finally {
        await agent.close();
        await service.stop({ force: true });
      }
    });
  } finally {
    silence();
    await pulse.stop();
  }
}

/** As long as several frames of capture need, and a record stream to come up. */
const aWhile = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 300));

const DENY = 'p, @audio, chrome-vm, audio-capture, send, deny\n';

onEachServer(
  microphone,
  'all eight combinations: it is heard when asked for, granted and permitted, and only then',
  (kind) =>
    withHarness(kind, async ({ host, pulse, service, agent, heard }) => {
      const results: string[] = [];
      for (const permitted of [true, false]) {
        if (!permitted) assert.is((await host.edit('policy.csv', (text) => text + DENY)).ok, true);
        for (const granted of [false, true]) {
          if (granted) assert.is((await host.grant('chrome-vm', '@mic')).ok, true);
          else await host.revoke('chrome-vm', '@mic');
          for (const asked of [false, true]) {
            await agent.listen(asked);
            const isExpected = asked && granted && permitted;
            await until('the service knows', () => service.status().vms[0]?.asked === asked);
            const before = heard.length;
            if (isExpected) await until('it is heard', () => heard.length > before + 30);
            else await aWhile();
            const isHeard = heard.length > before;
            const hasStream = pulse.streams('source-outputs').includes('chrome-vm');
            results.push(`${asked} ${granted} ${permitted}: ${isHeard} ${hasStream}`);
          }
        }
      }
      const expected = [true, false].flatMap((permitted) =>
        [false, true].flatMap((granted) =>
          [false, true].map((asked) => {
            const isHeard = asked && granted && permitted;
            return `${asked} ${granted} ${permitted}: ${isHeard} ${isHeard}`;
          }),
        ),
      );
      assert.equal(results, expected);
      const level = toneLevel(Buffer.concat(heard.slice(10)), 700);
      assert.ok(level > 0.4 && level < 0.55, `level ${level} at 700 Hz`);
    }),
);

onEachServer(microphone, 'a revocation in the middle of the stream: no frame after it, and no record stream', (kind) =>
  withHarness(kind, async ({ host, pulse, service, agent, heard }) => {
    await host.grant('chrome-vm', '@mic');
    await agent.listen(true);
    await until('it is heard', () => heard.length > 20);
    const [status] = service.status().vms;
    assert.equal([status?.asked, status?.granted, status?.actual], [true, true, true]);
    await host.revoke('chrome-vm', '@mic');
    // What had left the broker before is under way; one more round trip, and nothing can be.
    await agent.listen(true);
    await until('the record stream is gone', () => !pulse.streams('source-outputs').includes('chrome-vm'));
    const after = heard.length;
    await aWhile();
    assert.is(heard.length, after);
    const [revoked] = service.status().vms;
    assert.equal([revoked?.asked, revoked?.granted, revoked?.actual], [true, false, false]);
  }),
);

onEachServer(microphone, 'a grant given while the sound server is down takes effect once it is up', (kind) =>
  withHarness(kind, async ({ host, pulse, service, agent, heard }) => {
    await pulse.stop();
    await agent.listen(true);
    await until('the service knows', () => service.status().vms[0]?.asked === true);
    await host.grant('chrome-vm', '@mic');
    await aWhile();
    assert.is(heard.length, 0);
    await pulse.start();
    await until('it is heard', () => heard.length > 5);
  }),
);

microphone.run();
