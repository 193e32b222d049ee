/** What a broker tells the others of itself: enough to see at one place whether a cluster is of one mind. */
import { z } from 'zod';

const schema = z.strictObject({
  revision: z.int(),
  policy: z.string().max(128),
  /** How many are in force: they are not passed on, and both brokers decide. */
  grants: z.int(),
  sessions: z.int(),
  auditRecords: z.int(),
  auditHead: z.string().max(128),
  /** Milliseconds since 1970 when it was said. */
  at: z.number(),
});

export type BrokerReport = z.output<typeof schema>;

export function encodeReport(report: BrokerReport): Uint8Array {
  return Buffer.from(JSON.stringify(report), 'utf8');
}

/** Null when the bytes are not a valid report; never throws. */
export function decodeReport(bytes: Uint8Array): BrokerReport | null {
  try {
    return schema.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8'))).data ?? null;
  } catch {
    return null; // the other broker's bytes: not JSON is an answer
  }
}
