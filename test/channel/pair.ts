/** Both ends of a handshake, and records as a deframer would hand them out. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import {
  answerHello,
  beginHello,
  type HandshakeContext,
  type HandshakeResult,
  type Hello,
  type Welcome,
} from '../../broker/channel/handshake.ts';
import type { Session } from '../../broker/channel/index.ts';
import { type DeframedRecord, Deframer } from '../../broker/wire/index.ts';
import { type AeadSuite, createAuthority, type Identity, issueIdentity, type Role } from '../../keys/index.ts';
import { temporaryDirectory } from '../support/temp.ts';

const directory = temporaryDirectory();
const authority = await createAuthority(join(directory, 'authority'), 'unsealed');
let made = 0;

export function identityOf(name: string, role: Role = 'domain', from = authority): Promise<Identity> {
  return issueIdentity(from, join(directory, `${name}-${made++}`), { name, role, ttlSeconds: 3600 }, 'unsealed');
}

export function foreignIdentityOf(name: string, role: Role): Promise<Identity> {
  return createAuthority(join(directory, `authority-${made++}`), 'unsealed').then((other) =>
    identityOf(name, role, other),
  );
}

export const DOMAIN = await identityOf('a');
export const BROKER = await identityOf('the-broker', 'broker');

export const CONTEXT: HandshakeContext = {
  randomBytes,
  wallClock: Date.now,
  clock: () => 0,
  clockToleranceSeconds: 60,
};

const BOTH: readonly AeadSuite[] = ['A256GCM', 'C20P'];

export function recordFrom(bytes: Uint8Array): DeframedRecord {
  const deframer = new Deframer(0xffff_ffff);
  deframer.push(new Uint8Array(bytes));
  const record = deframer.next();
  if (typeof record === 'string') throw new Error(`no record: ${record}`);
  return record;
}

export interface Terms {
  readonly domain?: Identity;
  readonly broker?: Identity;
  /** The broker that the domain means. */
  readonly meant?: string | null;
  /** Whose carrier it is. */
  readonly expected?: string | null;
  readonly offered?: readonly AeadSuite[];
  readonly accepted?: readonly AeadSuite[];
  readonly context?: HandshakeContext;
}

export function hello(terms: Terms = {}): Promise<Hello> {
  return beginHello(terms.domain ?? DOMAIN, terms.meant ?? null, terms.offered ?? BOTH, terms.context ?? CONTEXT);
}

export function answer(record: Uint8Array, terms: Terms = {}): Promise<HandshakeResult<Welcome>> {
  const { broker = BROKER, expected = null, accepted = BOTH, context = CONTEXT } = terms;
  return answerHello(broker, recordFrom(record), expected, accepted, context);
}

/** The whole of it; throws where one side refuses. */
export async function shake(terms: Terms = {}): Promise<{ atDomain: Session; atBroker: Session }> {
  const said = await hello(terms);
  const welcome = await answer(said.record, terms);
  if (!welcome.ok) throw new Error(`the broker refuses: ${welcome.fault}`);
  const accepted = await said.accept(recordFrom(welcome.value.record));
  if (!accepted.ok) throw new Error(`the domain refuses: ${accepted.fault}`);
  return { atDomain: accepted.value, atBroker: welcome.value.session };
}
