/** Raw samples into the agent, where a VM has no sound server: stdin, a FIFO or a file. */
import type { AudioEndpoint } from '../guest/endpoint.ts';

/** Resolves when the input has ended, or was cut off, and what came of it has been played. */
export async function playRaw(agent: AudioEndpoint, input: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const chunk of input) await agent.play(chunk);
  } catch {
    // cut off: by our own end, or the writer's; what came of it is played
  }
  await agent.flush();
}
