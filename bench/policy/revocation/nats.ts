/** nats-server: a user's permission to publish is taken out of the configuration, and SIGHUP loads it. */
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'nats';
import { natsServerMissing, startNatsServer } from '../../arms/nats-server.ts';
import { freeTcpPort } from '../../arms/server-process.ts';
import { counter, type RevocationArm } from './arm.ts';

const SUBJECT = 'bench.granted';
const PASSWORD = 'bench';
/** Of one user, so that many rows are many users too. */
const SUBJECTS_A_USER = 100;

/** As many permissions as the policy of Argus has rows. */
export function natsConfig(tcpPort: number, rows: number, isAllowed: boolean): string {
  const users = Array.from({ length: Math.ceil(rows / SUBJECTS_A_USER) }, (_, user) => {
    const count = Math.min(SUBJECTS_A_USER, rows - user * SUBJECTS_A_USER);
    const subjects = Array.from({ length: count }, (_, index) => `"vm.${user}.${index}"`);
    return `    { user: vm-${user}, password: ${PASSWORD}, permissions: { publish: { allow: [${subjects.join(', ')}] } } }\n`;
  });
  const granted = isAllowed ? [`"${SUBJECT}"`] : ['"bench.nothing"'];
  return `listen: "127.0.0.1:${tcpPort}"
authorization {
  users = [
    { user: sender, password: ${PASSWORD}, permissions: { publish: { allow: [${granted.join(', ')}] } } }
    { user: receiver, password: ${PASSWORD}, permissions: { subscribe: { allow: ["${SUBJECT}"] } } }
${users.join('')}  ]
}
`;
}

export const natsRevocation: RevocationArm = {
  name: 'nats-server',
  answers: false,
  missing: natsServerMissing,
  async open(folder, rows, cleanup) {
    const config = join(folder, 'nats.conf');
    const tcpPort = await freeTcpPort();
    await writeFile(config, natsConfig(tcpPort, rows, true), { mode: 0o600 });
    const server = await startNatsServer(config, tcpPort);
    cleanup.add(() => server.stop());
    const open = (user: string) =>
      connect({
        servers: `127.0.0.1:${tcpPort}`,
        user,
        pass: PASSWORD,
        reconnectTimeWait: 5,
        maxReconnectAttempts: -1,
      });
    const [sender, receiver] = await Promise.all([open('sender'), open('receiver')]);
    cleanup.add(() => Promise.all([sender.close(), receiver.close()]).then(() => undefined));
    const deliveries = counter();
    receiver.subscribe(SUBJECT, { callback: () => deliveries.count() });
    await receiver.flush();
    const payload = new Uint8Array(64);
    const write = async (isAllowed: boolean): Promise<void> => {
      await writeFile(`${config}.new`, natsConfig(tcpPort, rows, isAllowed), { mode: 0o600 });
      await rename(`${config}.new`, config);
    };
    const hangUp = (): void => void process.kill(server.pid, 'SIGHUP');
    return {
      deliveries,
      send: () => sender.publish(SUBJECT, payload),
      allow: async () => {
        await write(true);
        hangUp();
      },
      prepare: () => write(false),
      revoke: async () => hangUp(),
    };
  },
};
