/**
 * How far a receiver has been served, in a file that is replaced completely or not at all. Without it, or with an old
 * one, records are delivered again; none is left out.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { replaceFile } from '../../../broker/files/index.ts';
import { StreamError } from './errors.ts';
import { BEGINNING, type StreamPosition } from './records.ts';

export interface StreamCursor extends StreamPosition {
  /** What the receiver needs to go on, in its own words. */
  readonly receiver: string | null;
}

/** Where a cursor is kept. */
export interface CursorStore {
  /** The beginning of the log where there is none yet. Throws ERR_STREAM_CURSOR. */
  read(): Promise<StreamCursor>;
  /** Returns once it is on disk. */
  replace(cursor: StreamCursor): Promise<void>;
}

const schema = z.strictObject({
  version: z.literal(1),
  to: z.string(),
  segment: z.int().min(0),
  offset: z.int().min(0),
  seq: z.int().min(0),
  hash: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
  receiver: z.string().nullable(),
});

/** Throws ERR_STREAM_CURSOR for a text that is not a cursor of this receiver. */
export function parseCursor(text: string, to: string, file: string): StreamCursor {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null; // the schema refuses it
  }
  const { data } = schema.safeParse(value);
  if (data === undefined)
    throw new StreamError('ERR_STREAM_CURSOR', `"${file}" is not a cursor; remove it to stream from the beginning`);
  if (data.to !== to)
    throw new StreamError('ERR_STREAM_CURSOR', `"${file}" is the cursor of "${data.to}"; each receiver needs its own`);
  const { segment, offset, seq, hash, receiver } = data;
  return { place: { segment, offset }, seq, hash, receiver };
}

export function formatCursor({ place, seq, hash, receiver }: StreamCursor, to: string): string {
  return `${JSON.stringify({ version: 1, to, ...place, seq, hash, receiver })}\n`;
}

export function cursorFile(file: string, to: string): CursorStore {
  return {
    read: async () => {
      let text: string;
      try {
        text = await readFile(file, 'utf8');
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
          return { ...BEGINNING, receiver: null };
        throw error;
      }
      return parseCursor(text, to, file);
    },
    replace: (cursor) => replaceFile(file, formatCursor(cursor, to), 0o600),
  };
}
