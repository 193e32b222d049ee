/** Many sessions in one process, which answer pings and do nothing else. */
import { join } from 'node:path';
import { loadIdentity } from '../../docs/examples/wire-client/identity.mjs';
import { openSession } from '../../docs/examples/wire-client/session.mjs';
import { answerCalls, setup } from './calls.mjs';

const { folder, count } = setup;
let sessions = [];

answerCalls({
  open: async () => {},
  go: async () => {
    for (let index = 0; index < count; index++) {
      const name = `idle-${index}`;
      sessions.push(await openSession(loadIdentity(join(folder, name)), { path: join(folder, 'run', `${name}.sock`) }));
    }
  },
  halt: async () => {
    const open = sessions.filter(({ isEnded }) => !isEnded).length;
    await Promise.all(sessions.map((session) => session.close()));
    sessions = [];
    return { bytes: 0, sessions: open };
  },
});
