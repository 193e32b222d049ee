/** The forged frames of rogue-vm, and how the broker's answer to them is described. */
import { encodeDataFrame, Op, statusWord } from '../../../broker/wire/index.ts';
import { PLAYBACK_PORT } from '../roles/messages.ts';
import type { Reaction } from './raw-session.ts';

export const AUDIO_VM_DOMID = 1;
export const CHROME_VM_DOMID = 101;
/** Noise: its first bytes read as a frame that is longer than the record, with an unknown operation. */
export const GARBAGE = Uint8Array.from({ length: 64 }, (_, index) => (index * 37 + 11) & 0xff);

/** A frame of sound for audio-vm that names `source` as its sender. */
export function sendFrame(source: number): Uint8Array {
  const bytes = new Uint8Array(64);
  const length = encodeDataFrame(new DataView(bytes.buffer), 0, {
    op: Op.sendv,
    flags: 0,
    id: 1,
    source,
    destination: AUDIO_VM_DOMID,
    sourcePort: 0,
    destinationPort: PLAYBACK_PORT,
    messageType: 0,
    payload: new Uint8Array(4),
  });
  return bytes.subarray(0, length);
}

/** The status of the refused send among the reactions (the first frame is the broker's welcome). */
export function refusalOf(reactions: readonly Reaction[], closed?: string): string | null {
  for (const reaction of reactions) {
    if (reaction.kind !== 'frame') return closing(reaction, closed);
    if (reaction.frame.op === Op.refused) return statusWord(reaction.frame.status);
  }
  return null;
}

/** @param closed the text in front of the close word */
export function closing(reaction: Reaction, closed = 'closed'): string | null {
  if (reaction.kind === 'close') return `${closed}: ${reaction.word}`;
  return reaction.kind === 'ended' ? 'carrier closed' : null;
}
