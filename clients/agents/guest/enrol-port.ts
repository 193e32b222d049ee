/** One line out, one line back, over the port that leads to `argus vm enrol` on the host. */
import { open } from 'node:fs/promises';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { reasonOf } from '../../../broker/base/index.ts';
import { AgentError } from './errors.ts';
import { FIRST_SESSION_RETRY_MS, MAX_ENROL_LINE_BYTES } from './limits.ts';
import { ByteQueue } from './message-frame.ts';

const READ_BYTES = 4096;

/** Waits until the host answers. @throws AgentError ERR_AGENT_ENROL */
export function exchangeLine(port: string, line: string, signal: AbortSignal): Promise<string> {
  return port.startsWith('unix:')
    ? overSocket(port.slice('unix:'.length), line, signal)
    : overDevice(port, line, signal);
}

function overSocket(path: string, line: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const giveUp = (): void => {
      socket.destroy();
      reject(signal.reason);
    };
    signal.addEventListener('abort', giveUp, { once: true });
    if (signal.aborted) giveUp();
    const bytes = new ByteQueue();
    const fail = (why: string, cause?: Error): void => {
      socket.destroy();
      reject(new AgentError('ERR_AGENT_ENROL', `enrolment over "${path}": ${why}`, { cause }));
    };
    socket.once('error', (error) => fail(reasonOf(error), error));
    socket.once('close', () => fail('the host hung up; the token may be wrong or used up'));
    socket.once('connect', () => socket.write(line));
    socket.on('data', (chunk) => {
      bytes.push(chunk);
      const answer = bytes.takeLine();
      if (answer !== null) {
        resolve(answer);
        socket.destroy();
      } else if (bytes.length > MAX_ENROL_LINE_BYTES) fail('the answer is too long');
    });
  });
}

/** A read of 0 bytes on a virtio-serial port means that no program is connected at the host's end now. */
async function overDevice(path: string, line: string, signal: AbortSignal): Promise<string> {
  const device = await open(path, 'r+');
  try {
    const buffer = Buffer.alloc(READ_BYTES);
    for (;;) {
      await device.write(line);
      const bytes = new ByteQueue();
      for (;;) {
        const { bytesRead } = await device.read(buffer, 0, buffer.length, null);
        if (bytesRead === 0) break;
        bytes.push(buffer.subarray(0, bytesRead));
        const answer = bytes.takeLine();
        if (answer !== null) return answer;
        if (bytes.length > MAX_ENROL_LINE_BYTES)
          throw new AgentError('ERR_AGENT_ENROL', `enrolment over "${path}": the answer is too long`);
      }
      await delay(FIRST_SESSION_RETRY_MS, undefined, { signal });
    }
  } finally {
    await device.close();
  }
}
