/** `mosquitto-tls`: mosquitto with TLS, a password file and an ACL file; mqtt.js at both ends, QoS 0. */
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { connectAsync, type MqttClient } from 'mqtt';
import { type Arm, type Endpoint, endpointValue, type RunningServer, type SenderLink } from './arm.ts';
import { certificateMissing, createCertificate } from './certificate.ts';
import { findProgram, freeTcpPort, startTcpServer } from './server-process.ts';

const DATA_TOPIC = 'bench/data';
const ECHO_TOPIC = 'bench/echo';
const REPLY_TOPIC = 'bench/reply';

export const mosquittoTls: Arm = {
  missing: async (find) => ((await find('mosquitto')) === null ? 'mosquitto' : certificateMissing(find)),

  async start(folder): Promise<RunningServer> {
    const program = (await findProgram('mosquitto')) ?? 'mosquitto';
    const certificate = await createCertificate(folder);
    const passwords = { sender: randomBytes(16).toString('hex'), receiver: randomBytes(16).toString('hex') };
    const files = { config: join(folder, 'm.conf'), acl: join(folder, 'acl'), passwords: join(folder, 'passwords') };
    const tcpPort = await freeTcpPort();
    const secret = { mode: 0o600 };
    await writeFile(files.passwords, passwordFile(passwords), secret);
    await writeFile(files.acl, ACL, secret);
    await writeFile(
      files.config,
      [
        `listener ${tcpPort} 127.0.0.1`,
        `certfile ${certificate.cert}`,
        `keyfile ${certificate.key}`,
        'tls_version tlsv1.3',
        'allow_anonymous false',
        `password_file ${files.passwords}`,
        `acl_file ${files.acl}`,
        // started by root it would change to a user that cannot read these files
        `user ${userInfo().username}`,
        'set_tcp_nodelay true',
        // 0 = no limit: the default of 1000 would drop messages silently
        'max_queued_messages 0',
        'max_queued_bytes 0',
        'persistence false',
        'log_dest stderr',
        'log_type error',
        '',
      ].join('\n'),
      secret,
    );
    const server = await startTcpServer(program, ['-c', files.config], tcpPort);
    const endpoint = {
      tcpPort: String(tcpPort),
      ca: certificate.cert,
      senderPassword: passwords.sender,
      receiverPassword: passwords.receiver,
    };
    return { pids: [server.pid], endpoint, stop: server.stop };
  },

  async openSender(endpoint): Promise<SenderLink> {
    const client = await open(endpoint, 'sender');
    let onReply: () => void = () => {};
    client.on('message', () => onReply());
    await client.subscribeAsync(REPLY_TOPIC, { qos: 0 });
    const options = { qos: 0 } as const;
    return {
      send: (payload) => {
        client.publish(DATA_TOPIC, bufferOf(payload), options);
      },
      // the event that the callback of a QoS 0 publish waits for, without a listener per message
      settle: async () => {
        if (client.stream.writableNeedDrain) await once(client.stream, 'drain');
      },
      request: (payload) =>
        new Promise((resolve) => {
          onReply = resolve;
          client.publish(ECHO_TOPIC, bufferOf(payload), options);
        }),
    };
  },

  async openReceiver(endpoint, onMessage): Promise<void> {
    const client = await open(endpoint, 'receiver');
    client.on('message', (topic, payload) => {
      if (topic === DATA_TOPIC) onMessage(payload);
      else client.publish(REPLY_TOPIC, payload, { qos: 0 });
    });
    await client.subscribeAsync([DATA_TOPIC, ECHO_TOPIC], { qos: 0 });
  },
};

/** Each user is allowed exactly the operations of its role. */
const ACL = `user sender
topic write ${DATA_TOPIC}
topic write ${ECHO_TOPIC}
topic read ${REPLY_TOPIC}

user receiver
topic read ${DATA_TOPIC}
topic read ${ECHO_TOPIC}
topic write ${REPLY_TOPIC}
`;

/**
 * As mosquitto_passwd writes it: `$7$` is PBKDF2-SHA512. The cost is paid once per connection, outside the measured
 * time.
 */
function passwordFile(passwords: Readonly<Record<string, string>>): string {
  const iterations = 101;
  return Object.entries(passwords)
    .map(([user, password]) => {
      const salt = randomBytes(12);
      const hash = pbkdf2Sync(password, salt, iterations, 64, 'sha512');
      return `${user}:$7$${iterations}$${salt.toString('base64')}$${hash.toString('base64')}\n`;
    })
    .join('');
}

async function open(endpoint: Endpoint, user: 'sender' | 'receiver'): Promise<MqttClient> {
  const client = await connectAsync({
    protocol: 'mqtts',
    host: '127.0.0.1',
    port: Number(endpointValue(endpoint, 'tcpPort')),
    ca: await readFile(endpointValue(endpoint, 'ca')),
    username: user,
    password: endpointValue(endpoint, `${user}Password`),
    reconnectPeriod: 0,
  });
  // mqtt.js leaves Nagle's algorithm on, which would cost it its latency
  if (client.stream instanceof TLSSocket) client.stream.setNoDelay(true);
  client.on('error', (error) => {
    throw error;
  });
  return client;
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
