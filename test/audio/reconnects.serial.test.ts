/** A thousand sessions of one VM, each playing and asking for the microphone: nothing of them stays behind. */
import { readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AudioAgent, AudioService } from '../../clients/audio/index.ts';
import { until, withHost } from './host.ts';
import { MemoryServer } from './memory-server.ts';

const reconnects = suite('audio reconnects');

const SESSIONS = 1_000;
const FRAME = new Uint8Array(1_764).fill(1);
const openFiles = (): number => readdirSync('/proc/self/fd').length;

reconnects('1 000 sessions leave no stream, ring, session, file or VM behind', () =>
  withHost(async (host) => {
    const server = new MemoryServer();
    const service = await AudioService.start({ vm: await host.connect('audio-vm'), server });
    await host.grant('chrome-vm', '@mic', null, true);
    const before = openFiles();
    let played = 0;
    for (let session = 0; session < SESSIONS; session++) {
      const vm = await host.connect('chrome-vm');
      const agent = await AudioAgent.start({ vm, audioVm: 'audio-vm' });
      await agent.play(FRAME);
      await agent.listen(true);
      await agent.flush();
      played += agent.counts.sent;
      // Every other session ends without a word.
      if (session % 2 === 0) await agent.close();
      await vm.close();
    }
    await until('the service has let it go', () => service.clients.length === 0);
    assert.is(played, SESSIONS);
    assert.is(server.open, 0);
    assert.ok(openFiles() <= before, `${openFiles()} files are open, ${before} were`);
    const { domains } = host.broker.status();
    assert.equal(
      domains.filter(({ session }) => session !== null).map(({ name, rings }) => `${name} ${rings.length}`),
      ['audio-vm 3'],
    );
    await service.stop({ force: true });
  }),
);

reconnects.run();
