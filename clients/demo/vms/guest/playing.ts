/** Sound between guests: chrome-vm plays it again and again, audio-vm hashes each playing. */
import { createHash, type Hash } from 'node:crypto';
import { readNetworkConfig, startNetworkEndpoint as startNetwork } from '../../../agents/network/index.ts';
import { ArgusError, type Vm } from '../../../sdk/index.ts';
import { openSession, print } from './session.ts';
import { FIRST_TYPE, SOUND_PORT, soundMessage } from './sound.ts';

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
  for await (const { source, type, payload } of ring) {
    if (type === FIRST_TYPE) {
      if (count > 0) print(`cut off ${source.name} after ${count}`);
      hash = createHash('sha256');
      count = 0;
    }
    // Of a playing that a break has cut short: its last messages may come when the next one is over.
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
  try {
    await send(vm, messages, open);
    await Promise.all(open);
  } finally {
    // What the SDK still tries to send must not come in the middle of the next playing.
    await Promise.allSettled(open);
  }
}

async function send(vm: Vm, messages: number, open: Set<Promise<unknown>>): Promise<void> {
  const began = performance.now();
  for (let index = 0; index < messages; index++) {
    const dueIn = began + index * MESSAGE_MS - performance.now();
    if (dueIn > 0) await new Promise((resolve) => setTimeout(resolve, dueIn));
    const sent = vm
      .sendv({
        to: { domain: 'audio-vm', port: SOUND_PORT },
        type: index === 0 ? FIRST_TYPE : 0,
        iov: soundMessage(index),
        deadline: DEADLINE_MS,
      })
      .finally(() => open.delete(sent));
    sent.catch(() => {}); // awaited below
    open.add(sent);
    if (open.size >= WINDOW) await Promise.race(open);
  }
}
