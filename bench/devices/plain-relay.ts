/** The process in the place of the broker: opens what one device's process sends, and seals it for the other one. */
import { SealedPipe } from './sealed-pipe.ts';

/** Sockets of the relay, one for each device's process. */
export type RelaySockets = readonly [string, string];

const sockets = JSON.parse(process.argv[2] ?? '[]') as RelaySockets;
process.on('disconnect', () => process.exit());
process.on('SIGTERM', () => process.exit());
const pipes: SealedPipe[] = [];
const listening = sockets.map(async (path, place) => {
  pipes[place] = await SealedPipe.answer(path, (message) => pipes[1 - place]?.send(message));
});
process.send?.('ready');
await Promise.all(listening);
