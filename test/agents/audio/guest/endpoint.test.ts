/** The agent's side of playback, without a broker: what it waits for, and what it does not. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CAPTURE_PORT, Code, decodeCode, PLAYBACK_PORT } from '../../../../clients/agents/audio/codes.ts';
import { AudioEndpoint } from '../../../../clients/agents/audio/index.ts';
import { LIVENESS_MS, SILENCE_CORK_MS } from '../../../../clients/agents/audio/limits.ts';
import { bytesOf } from '../../../../clients/agents/audio/pcm/pcm.ts';
import type { Vm } from '../../../../clients/sdk/index.ts';
import { SessionDouble } from '../../network/session-double.ts';

const endpoint = suite('audio endpoint');

/** An agent whose codes are not answered, and what it has sent: port and code. Its clock moves on when it waits. */
async function started(): Promise<{ agent: AudioEndpoint; sent: () => unknown[]; wait: (ms: number) => void }> {
  const session = new SessionDouble('chrome-vm');
  const vm = Object.assign(session, { revision: 1, notify: async () => [] }) as unknown as Vm;
  let now = 0;
  const schedule = (delayMs: number, task: () => void): (() => void) => {
    if (delayMs < LIVENESS_MS) {
      now += delayMs;
      queueMicrotask(task);
    }
    return () => {};
  };
  const agent = await AudioEndpoint.start({ vm, audioVm: 'audio-vm', clock: { now: () => now, schedule } });
  session.sent.length = 0;
  session.outcome = ({ to }) => (to.port === CAPTURE_PORT ? new Promise(() => {}) : Promise.resolve());
  const sent = (): unknown[] => session.sent.splice(0).map(({ to, iov }) => [to.port, decodeCode(iov as Uint8Array)]);
  const wait = (ms: number): void => {
    now += ms;
  };
  return { agent, sent, wait };
}

endpoint(
  'a pause is corked behind its last frame, and the next sound goes out behind its uncork: neither waits',
  async () => {
    const { agent, sent, wait } = await started();
    await agent.playBurst(new Uint8Array(bytesOf(10)).fill(1));
    assert.equal(sent(), [[PLAYBACK_PORT, null]]);
    await agent.playBurst(new Uint8Array(bytesOf(2_500)));
    const [frames, pause] = [Array.from({ length: SILENCE_CORK_MS / 10 }, () => [PLAYBACK_PORT, null]), sent()];
    assert.equal(pause, [...frames, [CAPTURE_PORT, Code.sinkCork]]);
    wait(3_000);
    await agent.playBurst(new Uint8Array(bytesOf(20)).fill(1));
    assert.equal(sent(), [
      [CAPTURE_PORT, Code.sinkUncork],
      [PLAYBACK_PORT, null],
      [PLAYBACK_PORT, null],
    ]);
  },
);

endpoint.run();
