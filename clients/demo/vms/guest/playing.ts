/** Sound between guests: chrome-vm plays it again and again, audio-vm hashes each playing. */
import { createHash, type Hash } from 'node:crypto';
import { readNetworkConfig, startNetworkEndpoint as startNetwork } from '../../../agents/network/index.ts';
import { ArgusError, type Vm } from '../../../sdk/index.ts';
import { openSession, print } from './session.ts';
import { SOUND_PORT, soundMessage } from './sound.ts';

/** Messages in flight at one time: as many as in a sound server's buffer. */
const WINDOW = 32;
const DEADLINE_MS = 60_000;
const PAUSE_MS = 300;
/** Of sound in one message: the pace of a sound server, which leaves the processors to the other guests. */
const MESSAGE_MS = 10;
const RING_BYTES = 1024 * 1024;

/** audio-vm: hashes each playing of `messages` messages. */
export async function sink(messages: number): Promise<void> {
  const vm = await openSession();
  const ring = await vm.registerRing({ port: SOUND_PORT, partner: 'any', length: RING_BYTES });
  print('listening');
  let hash: Hash | null = null;
  let count = 0;
  for await (const { source, type: index, payload } of ring) {
    // Another message than the next one: a break has cut the playing short, and may have taken the first message of the
    // next playing as well. What is heard counts again from the next first message on.
    if (index !== count) {
      if (count > 0) print(`cut off ${source.name} after ${count}`);
      hash = null;
      count = 0;
    }
    if (index === 0) hash = createHash('sha256');
    if (hash === null) continue;
    hash.update(payload);
    if (++count === 10) print(`playing ${source.name}`);
    if (count === messages) {
      print(`played ${source.name} ${hash.digest('hex')}`);
      hash = null;
      count = 0;
    }
  }
}

/**
 * chrome-vm: plays the sound without end, each playing as one piece; one that a break has cut short is begun again.
 * With `networkFile` its link is up next to it, on the same session.
 */
export async function source(messages: number, networkFile: string | undefined): Promise<void> {
  const vm = await openSession();
  if (networkFile !== undefined) {
    const fail = (error: Error): never => {
      throw error;
    };
    await startNetwork(vm, readNetworkConfig(networkFile), { say: print, fail });
  }
  for (;;) {
    try {
      await play(vm, messages);
      print(`sent ${messages}`);
    } catch (error) {
      if (!(error instanceof ArgusError)) throw error;
      print(`stopped ${error.code}`);
      // ECONNREFUSED: the sound server is away, too.
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

async function play(vm: Vm, messages: number): Promise<void> {
  const open = new Set<Promise<unknown>>();
  const failures: unknown[] = [];
  await send(vm, messages, open, failures);
  // What the SDK still tries to send must not come in the middle of the next playing.
  await Promise.all(open);
  if (failures.length > 0) throw failures[0];
}

/** Stops at the first failure. A send whose outcome is known is not in `open` any more. */
async function send(vm: Vm, messages: number, open: Set<Promise<unknown>>, failures: unknown[]): Promise<void> {
  const began = performance.now();
  for (let index = 0; index < messages && failures.length === 0; index++) {
    const dueIn = began + index * MESSAGE_MS - performance.now();
    if (dueIn > 0) await new Promise((resolve) => setTimeout(resolve, dueIn));
    const sent = vm
      .sendv({
        to: { domain: 'audio-vm', port: SOUND_PORT },
        type: index,
        iov: soundMessage(index),
        deadline: DEADLINE_MS,
      })
      .catch((error: unknown) => failures.push(error))
      .finally(() => open.delete(sent));
    open.add(sent);
    if (open.size >= WINDOW) await Promise.race(open);
  }
}
