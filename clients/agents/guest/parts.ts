/** The other agents of a machine, on the one session that its domain has: sound and network, as agent.yaml asks for. */
import { mkdir } from 'node:fs/promises';
import type { Vm } from '../../sdk/index.ts';
import { AudioEndpoint, guestVchans, VchanBridge } from '../audio/index.ts';
import { startNetworkEndpoint as startNetwork } from '../network/index.ts';
import type { AgentConfig } from './config.ts';

export interface PartsHost {
  readonly say: (line: string) => void;
  /** A part cannot go on. */
  readonly fail: (error: Error) => void;
}

/** Starts the parts. The returned function stops them, the last first. If one does not start, all are stopped. */
export async function startParts(vm: Vm, config: AgentConfig, host: PartsHost): Promise<() => Promise<void>> {
  const stops: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (let undo = stops.pop(); undo !== undefined; undo = stops.pop()) await undo();
  };
  const { audio, network } = config;
  try {
    if (audio !== null) {
      let hear: (frame: Uint8Array) => void = () => {};
      const agent = await AudioEndpoint.start({ vm, audioVm: audio.audioVm, onCapture: (frame) => hear(frame) });
      stops.push(() => agent.close());
      const bridge = new VchanBridge(() => agent);
      stops.push(() => bridge.close());
      hear = bridge.hear;
      if (audio.vchan !== undefined) {
        await mkdir(audio.vchan, { recursive: true, mode: 0o700 });
        await bridge.listen(audio.vchan);
      } else if (audio.vchanConnect !== undefined) {
        bridge.connect(guestVchans(vm, audio.vchanConnect, () => agent.audioVm));
      }
      host.say(`sound for ${audio.audioVm}: sockets in ${audio.vchan ?? audio.vchanConnect}`);
    }
    if (network !== null) stops.push(await startNetwork(vm, network, host));
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}
