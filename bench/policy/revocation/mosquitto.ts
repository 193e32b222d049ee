/** mosquitto: a user's topic is taken out of the ACL file, and SIGHUP loads it. */
import { rename, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { findProgram, freeTcpPort, startTcpServer } from '../../arms/server-process.ts';
import { counter, type RevocationArm } from './arm.ts';

const TOPIC = 'bench/granted';
/** Of one user, so that many rows are many users too. */
const TOPICS_A_USER = 100;

/** As many lines about topics as the policy of Argus has rows. */
export function mosquittoAcl(rows: number, isAllowed: boolean): string {
  const users = Array.from({ length: Math.ceil(rows / TOPICS_A_USER) }, (_, user) => {
    const count = Math.min(TOPICS_A_USER, rows - user * TOPICS_A_USER);
    const topics = Array.from({ length: count }, (_, index) => `topic write vm/${user}/${index}\n`);
    return `user vm-${user}\n${topics.join('')}\n`;
  });
  return `user sender\n${isAllowed ? `topic write ${TOPIC}\n` : ''}\nuser receiver\ntopic read ${TOPIC}\n\n${users.join('')}`;
}

export const mosquittoRevocation: RevocationArm = {
  name: 'mosquitto',
  answers: false,
  missing: async (find) => ((await find('mosquitto')) === null ? 'mosquitto' : null),
  async open(folder, rows, cleanup) {
    const [config, acl] = [join(folder, 'mosquitto.conf'), join(folder, 'acl')];
    const tcpPort = await freeTcpPort();
    const write = async (isAllowed: boolean): Promise<void> => {
      await writeFile(`${acl}.new`, mosquittoAcl(rows, isAllowed), { mode: 0o600 });
      await rename(`${acl}.new`, acl);
    };
    await write(true);
    // A user name without a password is enough for an ACL, and the way to the server is the loopback.
    const lines = [
      `listener ${tcpPort} 127.0.0.1`,
      ...['allow_anonymous true', `acl_file ${acl}`, `user ${userInfo().username}`, 'set_tcp_nodelay true'],
      ...['persistence false', 'log_dest stderr', 'log_type error', ''],
    ];
    await writeFile(config, lines.join('\n'), { mode: 0o600 });
    const server = await startTcpServer((await findProgram('mosquitto')) ?? 'mosquitto', ['-c', config], tcpPort);
    cleanup.add(() => server.stop());
    const open = (username: string) =>
      connectAsync({ protocol: 'mqtt', host: '127.0.0.1', port: tcpPort, username, reconnectPeriod: 5 });
    const [sender, receiver] = await Promise.all([open('sender'), open('receiver')]);
    cleanup.add(() => Promise.all([sender.endAsync(true), receiver.endAsync(true)]).then(() => undefined));
    const deliveries = counter();
    receiver.on('message', () => deliveries.count());
    await receiver.subscribeAsync(TOPIC, { qos: 0 });
    const payload = Buffer.alloc(64);
    const hangUp = (): void => void process.kill(server.pid, 'SIGHUP');
    return {
      deliveries,
      send: () => void sender.publish(TOPIC, payload, { qos: 0 }),
      allow: async () => {
        await write(true);
        hangUp();
      },
      prepare: () => write(false),
      revoke: async () => hangUp(),
    };
  },
};
