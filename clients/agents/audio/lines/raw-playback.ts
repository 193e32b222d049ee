/** Raw samples into the agent, where a VM has no sound server: stdin, a FIFO or a file. */
import type { AudioEndpoint } from '../guest/endpoint.ts';

/** Resolves when the input has ended or was cut off, and the bytes that arrived have been played. */
export async function playRaw(agent: AudioEndpoint, input: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const chunk of input) await agent.play(chunk);
  } catch {
    // Our end or the writer cut the input off. The bytes that arrived are played.
  }
  await agent.flush();
}
