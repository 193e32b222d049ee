/**
 * Hundreds of sessions, each playing and asking for the microphone: nothing of them stays behind, in the broker, in the
 * service or in a real sound server. They are forty VMs' in turn, because the broker slows down a VM that begins sessions
 * in a loop.
 */
import { readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AudioEndpoint, AudioService, PulseServer } from '../../../../clients/agents/audio/index.ts';
import { until, withHost } from '../../../support/audio/host.ts';
import { Pulse } from '../../../support/audio/pulse.ts';
import { onEachServer } from '../../../support/audio/sound-daemons.ts';

const reconnects = suite('audio reconnects');

/** What one session in ten leaves behind is seen with these. */
const SESSIONS = { pulseaudio: 300, pipewire: 60 };
const VMS = Array.from({ length: 40 }, (_, index) => `app-${index}`);
const FORTY_VMS = {
  'domains.yaml': (text: string) =>
    text +
    VMS.map((name, index) => `  - name: ${name}\n    domid: ${200 + index}\n    labels: ["@app", "@speaker"]\n`).join(
      '',
    ),
};
const FRAME = new Uint8Array(1_764).fill(1);
const openFiles = (): number => readdirSync('/proc/self/fd').length;
const children = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'ProcessWrap').length;

/** Counts what the sound server has made. A stream that it refused while it was busy is asked for again. */
class CountingServer extends PulseServer {
  playbacks = 0;
  captures = 0;

  override openPlayback(...args: Parameters<PulseServer['openPlayback']>): ReturnType<PulseServer['openPlayback']> {
    const [vm, route, events] = args;
    let isMade = false;
    return super.openPlayback(vm, route, {
      ...events,
      onWanted: () => {
        if (!isMade) this.playbacks++;
        isMade = true;
        events.onWanted();
      },
    });
  }

  override openCapture(...args: Parameters<PulseServer['openCapture']>): ReturnType<PulseServer['openCapture']> {
    this.captures++;
    return super.openCapture(...args);
  }
}

onEachServer(
  reconnects,
  'sessions one after the other leave no stream, process, ring, session, file or VM behind',
  async (kind) => {
    const pulse = await new Pulse(kind).start();
    const daemons = children();
    try {
      await withHost(async (host) => {
        const server = new CountingServer(pulse.environment);
        const service = await AudioService.start({ vm: await host.connect('audio-vm'), server });
        for (const name of VMS) await host.grant(name, '@mic', null, true);
        const before = openFiles();
        for (let session = 0; session < SESSIONS[kind]; session++) {
          const vm = await host.connect(VMS[session % VMS.length] ?? '');
          const agent = await AudioEndpoint.start({ vm, audioVm: 'audio-vm' });
          const { playbacks, captures } = server;
          await agent.listen(true);
          // A frame that found no room in time is lost, as sound is; what comes after the next session's first word is late.
          await until('it has a stream', async () => {
            await agent.play(FRAME);
            await agent.flush();
            return server.playbacks > playbacks;
          });
          if (session % 10 === 0) await until('it hears', () => server.captures > captures);
          // Every other session ends without a word.
          if (session % 2 === 0) await agent.close();
          await vm.close();
        }
        await until('the service has let it go', () => service.clients.length === 0);
        assert.ok(server.playbacks >= SESSIONS[kind]);
        await until('no stream is left', () =>
          (['sink-inputs', 'source-outputs'] as const).every((each) => pulse.control('list', 'short', each) === ''),
        );
        await until('no process of a stream is left', () => children() <= daemons);
        await until('no more files are open', () => openFiles() <= before);
        const { domains } = host.broker.status();
        assert.equal(
          domains.filter(({ session }) => session !== null).map(({ name, rings }) => `${name} ${rings.length}`),
          ['audio-vm 3'],
        );
        await service.stop({ force: true });
      }, FORTY_VMS);
    } finally {
      await pulse.stop();
    }
  },
);

reconnects.run();
