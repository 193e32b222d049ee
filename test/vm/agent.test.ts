/** The agent in a guest: enrols on its first boot, carries a pipeline, stays small; and what the way between guests costs. */

import { createHash } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Entry } from '../../clients/machines/index.ts';
import { openEnrolment } from '../../clients/vm/index.ts';
import { MAX_AGENT_MIB, residentMib } from './agent-memory.ts';
import { closeVms, openVms, pingBetweenProcesses, withMachines } from './vm-fixture.ts';

const FILE_BYTES = 1_000_000;
const ROUNDS = 200;
const MESSAGES = 3_000;

const agents = suite('agent in a machine');

const text = (content: string, mode = 0o644): Entry => ({ kind: 'file', bytes: Buffer.from(content), mode });

/** Starts the agent, then waits for its socket as any program would. */
const AGENT = `
node --max-semi-space-size=1 /argus.mjs agent --config /etc/argus/agent.yaml &
agent=$!
while [ ! -S /run/argus/agent.sock ]; do sleep 0.2; done
`;

withMachines(agents, 'enrols with a token, carries a pipeline to another guest, and stays small', async () => {
  const vms = await openVms();
  try {
    const socket = vms.path('chrome-vm.enrol');
    const enrolment = await openEnrolment(vms.authority, { name: 'chrome-vm', socket, ttlSeconds: 3600 });
    const files = (config: string): Map<string, Entry> => new Map([['etc/argus/agent.yaml', text(config)]]);
    const receiver = await vms.boot(
      'audio-vm',
      `${AGENT}
node /argus.mjs ring recv 5000 --from chrome-vm --until-empty | sha256sum
grep VmRSS /proc/$agent/status`,
      { files: files('identity: /etc/argus/identity\n') },
    );
    await receiver.line(/listening at port 5000/);
    const config = 'identity: /var/identity\nenrol: {name: chrome-vm, token: /etc/argus/token, unsealed: true}\n';
    const sender = await vms.boot(
      'chrome-vm',
      `rm -r /etc/argus/identity\n${AGENT}
yes argus | head -c ${FILE_BYTES} | node /argus.mjs ring send audio-vm 5000 --end && echo "pipeline done"
grep VmRSS /proc/$agent/status`,
      {
        files: files(config).set('etc/argus/token', text(`${enrolment.token}\n`, 0o600)),
        more: [
          ...['-chardev', `socket,id=enrol,path=${socket},server=off,reconnect=1`],
          ...['-device', 'virtserialport,chardev=enrol,name=argus.enrol'],
        ],
      },
    );
    await sender.line(/enrolled as chrome-vm/);
    assert.is((await enrolment.done)?.name, 'chrome-vm');
    await enrolment.close();
    await sender.line(/^pipeline done$/);
    const expected = Buffer.alloc(FILE_BYTES, 'argus\n');
    const [, hash] = await receiver.line(/^([0-9a-f]{64}) /);
    assert.is(hash, createHash('sha256').update(expected).digest('hex'));
    for (const machine of [sender, receiver]) {
      const mib = await residentMib(machine);
      assert.ok(mib < MAX_AGENT_MIB, `${mib} MiB`);
    }
  } finally {
    await closeVms(vms);
  }
});

withMachines(
  agents,
  'round trip and throughput between two guests, beside the same between two processes',
  async () => {
    const vms = await openVms();
    try {
      const ping = `node /guest.mjs ping ${ROUNDS} ${MESSAGES}`;
      const audio = await vms.boot('audio-vm', 'node /guest.mjs echo');
      await audio.line(/^listening$/);
      const chrome = await vms.boot('chrome-vm', ping);
      await chrome.line(/^ping done$/);
      const measured = (console: string): string => [...console.matchAll(/^(?:rtt|throughput) .*$/gm)].join('; ');
      process.stdout.write(`guests (software emulation): ${measured(chrome.console)}\n`);
      await chrome.kill();
      await audio.kill();
      process.stdout.write(`processes: ${measured(await pingBetweenProcesses(vms, ROUNDS, MESSAGES))}\n`);
    } finally {
      await closeVms(vms);
    }
  },
);

agents.run();
