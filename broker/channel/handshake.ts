/**
 * The handshake: two signed statements over fresh X25519 keys, then keys that only these two ends can derive.
 *
 *   domain                                             broker
 *     | hello   {version, nonce, epk, suites, credential} |      JWS by the domain's key
 *     |-------------------------------------------------->|      credential: JWT by the authority
 *     | welcome {version, nonce, epk, suite, hello's hash, credential}
 *     |<--------------------------------------------------|      JWS by the broker's key
 *     |   th = SHA-256(hello record | welcome record);  HKDF-SHA256(salt = th, X25519(epk, epk))
 *     | ready {commitment}   sealed: the first record proves the keys, until then nothing of a running session changes
 *     |-------------------------------------------------->|
 *     | welcome frame {commitment, domid, …}              |
 *     |<--------------------------------------------------|
 *
 * A replayed hello is harmless: the attacker lacks the ephemeral private key and can never seal the first record.
 * Every function here computes on local values and returns a result, so a forged message changes no state.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import {
  AEAD_SUITES,
  type AeadProvider,
  type AeadSuite,
  type Credential,
  type CredentialRefusal,
  deriveSessionSecrets,
  type Ephemeral,
  type EpochSecret,
  generateEphemeral,
  type Identity,
  selectAead,
  type TrustAnchor,
  verifyCredential,
  verifyStatement,
} from '../../keys/index.ts';
import { type DeframedRecord, encodeRecordHeader, RecordType, WIRE_VERSION } from '../wire/index.ts';
import { type MonotonicTime, Opener, Sealer } from './protection.ts';
import { Session } from './session.ts';

const HELLO_TYP = 'argus-hello+jws';
const WELCOME_TYP = 'argus-welcome+jws';
const NONCE_BASE64URL_CHARS = 43;
const KEY_BYTES = 32;
const MAX_OFFERED_SUITES = 16;
const MAX_SUITE_CHARS = 32;

const base64url32 = z
  .string()
  .length(NONCE_BASE64URL_CHARS)
  .regex(/^[A-Za-z0-9_-]+$/);
const suite = z.enum(AEAD_SUITES);
/** An unknown suite is ignored, so that later versions can offer it in addition to ours. */
const offeredSuites = z.array(z.string().max(MAX_SUITE_CHARS)).min(1).max(MAX_OFFERED_SUITES);

const helloClaims = z.strictObject({
  v: z.literal(WIRE_VERSION),
  nonce: base64url32,
  epk: base64url32,
  suites: offeredSuites,
  /** The broker that the domain wants to reach; null = any broker of the authority. */
  broker: z.string().max(63).nullable(),
  credential: z.string(),
});

const welcomeClaims = z.strictObject({
  v: z.literal(WIRE_VERSION),
  nonce: base64url32,
  epk: base64url32,
  suite,
  hello: base64url32,
  domain: z.string().max(63),
  credential: z.string(),
});

/** Only the outer shape: enough to find the signer's credential before its signature can be checked. */
const carriesCredential = z.looseObject({ credential: z.string() });
/** A statement of another version. Its other members can be anything. */
const carriesVersion = z.looseObject({ v: z.int().positive() });

/** Randomness and time, so that a test can fix them. */
export interface HandshakeContext {
  randomBytes(length: number): Uint8Array;
  /** Wall clock in milliseconds since the epoch, for credentials. */
  wallClock(): number;
  /** Monotonic clock in milliseconds, for key ages. */
  clock: MonotonicTime;
  /** Seconds by which the two wall clocks may differ. */
  clockToleranceSeconds: number;
  /** Called for a holder that has signed. Absent inside a VM, which has no revocation list. */
  readonly isRevoked?: (credential: Credential) => boolean;
  /** The suites that a domain may use, where they are not those of the broker; null = those. Absent inside a VM. */
  readonly suitesOf?: (domain: string) => readonly AeadSuite[] | null;
  /** Makes the key pair of one handshake; absent = OpenSSL's own randomness. */
  readonly ephemeral?: (() => Ephemeral) | undefined;
  /** Age of a session's keys at which the responder asks for fresh ones, milliseconds. */
  readonly freshKeysMs?: number;
  /** The AEAD provider; null or absent = the best one that loads. */
  readonly aead?: AeadProvider | null;
}

export type HandshakeFault =
  | CredentialRefusal
  /** The key was revoked, or a newer key of the same holder is in use. */
  | 'REVOKED'
  /** Not a statement, or a statement with missing or surplus claims. */
  | 'MALFORMED_STATEMENT'
  /** The signature is not by the key that the credential names. */
  | 'BAD_SIGNATURE'
  /** The carrier belongs to another domain, or the answer came from another broker. */
  | 'WRONG_PEER'
  /** The hello asks for another broker. */
  | 'WRONG_BROKER'
  | 'NO_COMMON_SUITE'
  /** This side does not support the version of the hello. */
  | 'NO_COMMON_VERSION'
  /** A low-order ephemeral key. */
  | 'BAD_KEY'
  /** The statement was made for another session. */
  | 'WRONG_SESSION'
  /** The welcome answers another hello. */
  | 'WRONG_HELLO';

export type HandshakeResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: HandshakeFault };

function fail(fault: HandshakeFault): { readonly ok: false; readonly fault: HandshakeFault } {
  return { ok: false, fault };
}

export interface Hello {
  /** The record to write. */
  readonly record: Uint8Array;
  /** Processes the broker's answer. May be called once. */
  accept(welcome: DeframedRecord): Promise<HandshakeResult<Session>>;
}

/** The domain's side. `broker` = the name that the answering broker must prove, null = any broker of the authority. */
export async function beginHello(
  identity: Identity,
  broker: string | null,
  suites: readonly AeadSuite[],
  context: HandshakeContext,
): Promise<Hello> {
  const ephemeral = (context.ephemeral ?? generateEphemeral)();
  const payload = await identity.signStatement(HELLO_TYP, {
    v: WIRE_VERSION,
    nonce: base64url(context.randomBytes(KEY_BYTES)),
    epk: base64url(ephemeral.publicKey),
    suites,
    broker,
    credential: identity.credentialJwt,
  });
  const record = handshakeRecord(RecordType.hello, payload);
  return {
    record,
    accept: async (welcome) => {
      const answer = await readStatement(textOf(welcome), WELCOME_TYP, 'broker', identity.authority, context);
      if (!answer.ok) return answer;
      const claims = welcomeClaims.safeParse(answer.value.claims);
      if (!claims.success) return fail('MALFORMED_STATEMENT');
      const peer = answer.value.credential;
      if (broker !== null && peer.name !== broker) return fail('WRONG_PEER');
      if (claims.data.domain !== identity.name) return fail('WRONG_PEER');
      if (claims.data.hello !== base64url(sha256(record))) return fail('WRONG_HELLO');
      if (!suites.includes(claims.data.suite)) return fail('NO_COMMON_SUITE');
      const shared = ephemeral.agree(Buffer.from(claims.data.epk, 'base64url'));
      if (shared === null) return fail('BAD_KEY');
      const transcript = sha256(record, welcome.headerBytes, welcome.body);
      const secrets = deriveSessionSecrets(shared, transcript);
      return {
        ok: true,
        value: establish(peer, claims.data.suite, transcript, secrets.toBroker, secrets.toDomain, context),
      };
    },
  };
}

export interface Welcome {
  /** The record to write. */
  readonly record: Uint8Array;
  readonly session: Session;
}

/**
 * The broker's side, towards a domain or (`role`) another broker. `expected` = the only domain that may use this
 * carrier, null = any domain.
 */
export async function answerHello(
  identity: Identity,
  hello: DeframedRecord,
  expected: string | null,
  suites: readonly AeadSuite[],
  context: HandshakeContext,
  role: 'domain' | 'broker' = 'domain',
): Promise<HandshakeResult<Welcome>> {
  // The record's views are valid only until the next chunk, and verifying waits for the thread pool. So copy them.
  const helloBytes = Buffer.concat([hello.headerBytes, hello.body]);
  const statement = await readStatement(textOf(hello), HELLO_TYP, role, identity.authority, context);
  if (!statement.ok) return statement;
  const version = carriesVersion.safeParse(statement.value.claims);
  if (version.success && version.data.v !== WIRE_VERSION) return fail('NO_COMMON_VERSION');
  const claims = helloClaims.safeParse(statement.value.claims);
  if (!claims.success) return fail('MALFORMED_STATEMENT');
  const peer = statement.value.credential;
  if (expected !== null && peer.name !== expected) return fail('WRONG_PEER');
  if (claims.data.broker !== null && claims.data.broker !== identity.name) return fail('WRONG_BROKER');
  const own = role === 'domain' ? (context.suitesOf?.(peer.name) ?? null) : null;
  const chosen = claims.data.suites.find(isOneOf(own ?? suites));
  if (chosen === undefined) return fail('NO_COMMON_SUITE');
  const ephemeral = (context.ephemeral ?? generateEphemeral)();
  const shared = ephemeral.agree(Buffer.from(claims.data.epk, 'base64url'));
  if (shared === null) return fail('BAD_KEY');
  const payload = await identity.signStatement(WELCOME_TYP, {
    v: WIRE_VERSION,
    nonce: base64url(context.randomBytes(KEY_BYTES)),
    epk: base64url(ephemeral.publicKey),
    suite: chosen,
    hello: base64url(sha256(helloBytes)),
    domain: peer.name,
    credential: identity.credentialJwt,
  });
  const record = handshakeRecord(RecordType.welcome, payload);
  const transcript = sha256(helloBytes, record);
  const secrets = deriveSessionSecrets(shared, transcript);
  const session = establish(peer, chosen, transcript, secrets.toDomain, secrets.toBroker, context);
  return { ok: true, value: { record, session } };
}

function isOneOf(suites: readonly AeadSuite[]): (name: string) => name is AeadSuite {
  const names: readonly string[] = suites;
  return (name): name is AeadSuite => names.includes(name);
}

function establish(
  peer: Credential,
  suiteName: AeadSuite,
  transcript: Uint8Array,
  sending: EpochSecret,
  receiving: EpochSecret,
  context: HandshakeContext,
): Session {
  const aead = selectAead(suiteName, context.aead);
  return new Session(
    peer,
    suiteName,
    transcript,
    { ours: sending.commitment, peers: receiving.commitment },
    context.clock(),
    new Sealer(aead, sending, context.clock),
    new Opener(aead, receiving, context.clock),
  );
}

/** Finds the credential inside, verifies it against the authority, then the statement against the credential's key. */
export async function readStatement(
  jws: string,
  typ: string,
  role: 'domain' | 'broker',
  authority: TrustAnchor,
  context: HandshakeContext,
): Promise<HandshakeResult<{ readonly credential: Credential; readonly claims: unknown }>> {
  const outer = carriesCredential.safeParse(unverifiedPayload(jws));
  if (!outer.success) return fail('MALFORMED_STATEMENT');
  const verdict = await verifyCredential(outer.data.credential, authority, {
    now: context.wallClock(),
    clockToleranceSeconds: context.clockToleranceSeconds,
    roles: [role],
  });
  if (!verdict.ok) return fail(verdict.reason);
  const claims = await verifyStatement(jws, typ, verdict.credential);
  if (claims === null) return fail('BAD_SIGNATURE');
  // Checked only after the signature: credentials are public, so presenting another holder's is not an incident.
  if (context.isRevoked?.(verdict.credential) === true) return fail('REVOKED');
  return { ok: true, value: { credential: verdict.credential, claims } };
}

function textOf(record: DeframedRecord): string {
  return Buffer.from(record.body).toString('latin1');
}

function unverifiedPayload(jws: string): unknown {
  try {
    return JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString('utf8'));
  } catch {
    return null; // the bytes are from the peer, so they may not be JSON
  }
}

function handshakeRecord(type: RecordType, payload: string): Uint8Array {
  const body = Buffer.from(payload, 'latin1');
  return Buffer.concat([encodeRecordHeader(type, 0, 0, body.length), body]);
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}
