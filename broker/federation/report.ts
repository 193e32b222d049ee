/** A broker's report about itself to the others: enough to see, from any broker, whether all of a cluster agree. */
import { z } from 'zod';

const schema = z.strictObject({
  revision: z.int(),
  policy: z.string().max(128),
  /** Number of grants in force. Grants are not sent to other brokers, and both brokers decide about a message. */
  grants: z.int(),
  sessions: z.int(),
  auditRecords: z.int(),
  auditHead: z.string().max(128),
  /** Time of the report, milliseconds since 1970. */
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
    return null; // the bytes are from the other broker, so they may not be JSON
  }
}
