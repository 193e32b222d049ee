/** `nats` and `nats-tls`: nats-server with nats.js at both ends; plain, or with TLS, users and allow-lists. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type NatsConnection } from 'nats';
import { type Arm, type Endpoint, endpointValue, type RunningServer } from './arm.ts';
import { type CertificateFiles, certificateMissing, createCertificate } from './certificate.ts';
import { natsServerMissing, startNatsServer } from './nats-server.ts';
import { freeTcpPort } from './server-process.ts';

const DATA_SUBJECT = 'bench.data';
const ECHO_SUBJECT = 'bench.echo';
/** The sender's own prefix: with the default one every user could read every other's replies. */
const SENDER_INBOX = '_INBOX_sender';
const REQUEST_TIMEOUT_MS = 10_000;

export const nats: Arm = { ...clientEnds(), missing: natsServerMissing, start: (folder) => startPlain(folder) };

export const natsTls: Arm = {
  ...clientEnds(),
  missing: async (find) => (await natsServerMissing(find)) ?? (await certificateMissing(find)),
  start: (folder) => startTls(folder),
};

async function startPlain(folder: string): Promise<RunningServer> {
  return startServer(folder, '', {});
}

async function startTls(folder: string): Promise<RunningServer> {
  const certificate = await createCertificate(folder);
  const passwords = { sender: randomBytes(16).toString('hex'), receiver: randomBytes(16).toString('hex') };
  return startServer(folder, secured(certificate, passwords), {
    ca: certificate.cert,
    senderPassword: passwords.sender,
    receiverPassword: passwords.receiver,
  });
}

/** TLS 1.3 and its suite are pinned by the clients' Node flags: nats-server 2.9 cannot raise its minimum itself. */
function secured(certificate: CertificateFiles, passwords: { sender: string; receiver: string }): string {
  return `
tls { cert_file: "${certificate.cert}", key_file: "${certificate.key}" }
authorization {
  users = [
    { user: sender, password: "${passwords.sender}", permissions: {
        publish: { allow: ["${DATA_SUBJECT}", "${ECHO_SUBJECT}"] }, subscribe: { allow: ["${SENDER_INBOX}.>"] } } },
    { user: receiver, password: "${passwords.receiver}", permissions: {
        publish: { allow: ["${SENDER_INBOX}.>"] }, subscribe: { allow: ["${DATA_SUBJECT}", "${ECHO_SUBJECT}"] } } },
  ]
}
`;
}

async function startServer(folder: string, extra: string, credentials: Endpoint): Promise<RunningServer> {
  const tcpPort = await freeTcpPort();
  const config = join(folder, 'nats.conf');
  await writeFile(config, `listen: "127.0.0.1:${tcpPort}"\n${extra}`, { mode: 0o600 });
  const server = await startNatsServer(config, tcpPort);
  return { pids: [server.pid], endpoint: { server: `127.0.0.1:${tcpPort}`, ...credentials }, stop: server.stop };
}

function clientEnds(): Pick<Arm, 'openSender' | 'openReceiver'> {
  return {
    async openSender(endpoint) {
      const connection = await open(endpoint, 'sender');
      return {
        send: (payload) => connection.publish(DATA_SUBJECT, payload),
        // nats.js pushes its buffer out by itself, at 32 KiB or when the task ends. Waiting for a flush (a PING to the server and back) is
        // how one bounds that buffer; here the window bounds it, and the wait would only cost nats throughput
        settle: async () => {},
        request: async (payload) => {
          await connection.request(ECHO_SUBJECT, payload, { timeout: REQUEST_TIMEOUT_MS });
        },
      };
    },
    async openReceiver(endpoint, onMessage) {
      const connection = await open(endpoint, 'receiver');
      connection.subscribe(DATA_SUBJECT, {
        callback: (error, message) => {
          if (error) throw error;
          onMessage(message.data);
        },
      });
      connection.subscribe(ECHO_SUBJECT, {
        callback: (error, message) => {
          if (error) throw error;
          message.respond(message.data);
        },
      });
      // a flush comes back behind the subscriptions: from here on the server knows them
      await connection.flush();
    },
  };
}

async function open(endpoint: Endpoint, user: 'sender' | 'receiver'): Promise<NatsConnection> {
  const options: ConnectionOptions = {
    servers: endpointValue(endpoint, 'server'),
    reconnect: false,
    inboxPrefix: user === 'sender' ? SENDER_INBOX : '_INBOX_receiver',
    // spares one stack capture per request, which the others do not make either
    noAsyncTraces: true,
  };
  if (endpoint.ca !== undefined) {
    options.tls = { caFile: endpoint.ca };
    options.user = user;
    options.pass = endpointValue(endpoint, `${user}Password`);
  }
  const connection = await connect(options);
  void failOnError(connection);
  return connection;
}

/** A denied publish or subscribe arrives here and nowhere else; a bench that went on would measure nothing. */
async function failOnError(connection: NatsConnection): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === 'error') throw new Error(`nats: ${String(status.data)}`);
  }
}
