/**
 * Round trips between two guests, or between two processes of the host: `echo` in one, `ping` in the other. `chatter`
 * says something else every moment, for ever, whoever listens.
 */
import { openSession, print } from '../../../clients/demo/vms/guest/session.ts';
import { MESSAGE_BYTES } from '../../../clients/demo/vms/guest/sound.ts';

const ECHO_PORT = 5000;
const WINDOW = 256;
const DEADLINE_MS = 60_000;
const CHATTER_BYTES = 64;
const CHATTER_MS = 20;

async function echo(): Promise<void> {
  const vm = await openSession();
  const ring = await vm.registerRing({ port: ECHO_PORT, partner: 'any', length: 1024 * 1024 });
  print('listening');
  for await (const { source: from, port, type, payload } of ring) {
    if (port !== 0) await vm.sendv({ to: { domain: from.domid, port }, iov: payload, type });
  }
}

async function ping(rounds: number, messages: number): Promise<void> {
  const vm = await openSession();
  const ring = await vm.registerRing({ port: ECHO_PORT + 1, partner: 'audio-vm', length: 65_536 });
  const to = { domain: 'audio-vm', port: ECHO_PORT };
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    await vm.sendv({ to, from: ECHO_PORT + 1, iov: new Uint8Array(64), deadline: DEADLINE_MS });
    await ring.receive();
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  const began = performance.now();
  const payload = new Uint8Array(MESSAGE_BYTES);
  const open = new Set<Promise<unknown>>();
  for (let index = 0; index < messages; index++) {
    const sent = vm.sendv({ to, iov: payload, deadline: DEADLINE_MS }).finally(() => open.delete(sent));
    open.add(sent);
    if (open.size >= WINDOW) await Promise.race(open);
  }
  await Promise.all(open);
  const seconds = (performance.now() - began) / 1000;
  print(`rtt median ${at(times, 0.5)} ms, p90 ${at(times, 0.9)} ms`);
  print(`throughput ${Math.round(messages / seconds)} messages/s of ${MESSAGE_BYTES} bytes`);
  await vm.close();
  print('ping done');
}

function at(sorted: readonly number[], share: number): string {
  return (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(2);
}

/** What is said comes from a clock that counts nanoseconds: two clones of this machine say the same at no time. */
async function chatter(): Promise<void> {
  const vm = await openSession();
  for (;;) {
    const payload = Buffer.alloc(CHATTER_BYTES);
    payload.writeBigUInt64LE(process.hrtime.bigint());
    vm.sendv({ to: { domain: 'audio-vm', port: ECHO_PORT }, iov: payload }).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, CHATTER_MS));
  }
}

const [, , role = '', first = '0', second = '0'] = process.argv;
if (role === 'echo') await echo();
else if (role === 'chatter') await chatter();
else await ping(Number(first), Number(second));
