/** A code and the news of a grant may come in one record: the service looks at them in the order in which they were sent. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CAPTURE_PORT, Code, encodeCode } from '../../../clients/agents/audio/codes.ts';
import { AudioService } from '../../../clients/agents/audio/index.ts';
import type { Vm } from '../../../clients/sdk/index.ts';
import { SessionDouble } from '../network/session-double.ts';
import { MemoryServer } from './memory-server.ts';

const grants = suite('audio: codes and grants');

const APP = { name: 'app-vm', domid: 3 };
const LABEL = '@mic';

/** What the service knows of the app: that it asks, that it may, that it hears. */
type Known = readonly [asked: boolean, granted: boolean, actual: boolean];

async function after(events: (session: SessionDouble) => void): Promise<Known[]> {
  const session = new SessionDouble('audio-vm');
  const vm = Object.assign(session, { revision: 1, notify: async () => [] }) as unknown as Vm;
  const clock = { now: () => 0, schedule: () => () => {} };
  const service = await AudioService.start({ vm, server: new MemoryServer(clock), clock });
  events(session);
  await new Promise(setImmediate);
  const known = service.status().vms.map(({ asked, granted, actual }): Known => [asked, granted, actual]);
  await service.stop({ force: true });
  return known;
}

/** The message carries the labels from before the grant. */
function asks(session: SessionDouble): void {
  session.deliver(CAPTURE_PORT, encodeCode(Code.sourceStart), APP);
}

grants('a code that comes with a grant does not take the grant back', async () => {
  const known = await after((session) => {
    asks(session);
    session.emit('labels', { ...APP, labels: [LABEL], isSelf: false });
  });
  assert.equal(known, [[true, true, true]]);
});

grants('labels that go between two codes are gone', async () => {
  const known = await after((session) => {
    asks(session);
    session.emit('labels', { ...APP, labels: [LABEL], isSelf: false });
    session.emit('labels', { ...APP, labels: [], isSelf: false });
    asks(session);
  });
  assert.equal(known, [[true, false, false]]);
});

grants.run();
