/** One channel as two and two as one. The AudioVM has two; a guest may have one. S16LE in whole sample frames. */

export function toStereo(pcm: Uint8Array, channels: number): Buffer {
  if (channels === 2) return Buffer.from(pcm);
  const from = Buffer.from(pcm.buffer, pcm.byteOffset, pcm.length - (pcm.length % 2));
  const to = Buffer.alloc(from.length * 2);
  for (let at = 0; at < from.length; at += 2) {
    const sample = from.readInt16LE(at);
    to.writeInt16LE(sample, at * 2);
    to.writeInt16LE(sample, at * 2 + 2);
  }
  return to;
}

export function fromStereo(pcm: Uint8Array, channels: number): Buffer {
  if (channels === 2) return Buffer.from(pcm);
  const from = Buffer.from(pcm.buffer, pcm.byteOffset, pcm.length);
  const to = Buffer.alloc(from.length / 2);
  for (let at = 0; at < to.length; at += 2)
    to.writeInt16LE((from.readInt16LE(at * 2) + from.readInt16LE(at * 2 + 2)) >> 1, at);
  return to;
}
