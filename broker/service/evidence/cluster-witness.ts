/**
 * This broker as a witness of the other brokers' audit logs, and the others as witnesses of its own. What it has
 * cosigned lies next to its log (`witnessed`), for `argus audit verify --witness`.
 */
import { type Identity, thumbprintOf } from '../../../keys/index.ts';
import type { Domain } from '../../../policy/index.ts';
import {
  type AuditLog,
  type BrokerWitness,
  type CheckpointSigner,
  cosignerKeyOf,
  formatVerifierKey,
  openWitnessBeside,
  type VerifierKey,
  type WitnessFeed,
} from '../../audit/index.ts';
import type { ClusterWitness } from '../../federation/index.ts';
import type { Logger } from '../../process/index.ts';

export interface ClusterWitnessParts {
  /** Of the audit log. */
  readonly directory: string;
  /** The present one: it changes when the broker's key is rotated. */
  readonly identity: Identity;
  /** Shows this broker's checkpoints. */
  readonly feed: WitnessFeed;
  readonly audit: AuditLog;
  /** The domain `broker` of the policy in force. */
  readonly domain: () => Domain;
  readonly log: Logger;
  readonly now: () => number;
}

export async function startClusterWitness(parts: ClusterWitnessParts): Promise<ClusterWitness> {
  const { directory, identity, feed, log, now } = parts;
  const signer = cosigner(identity);
  const witness = await openWitnessBeside(directory, signer, now).catch((error: unknown) => {
    log.error(
      { err: error },
      'this broker does not cosign the audit logs of others: what it has cosigned cannot be read',
    );
    return null;
  });
  /** Brokers whose conflict was reported. */
  const inConflict = new Set<string>();
  return {
    get vkey() {
      return formatVerifierKey(signer.key);
    },
    nameOf: (broker) => cosignerKeyOf(broker, new Uint8Array(0)).name,
    isProved: async ({ publicKey }, thumbprint) => (await thumbprintOf(jwkOf(publicKey))) === thumbprint,
    cosign: async (broker, key, request) => {
      if (witness === null) throw new Error('this broker cosigns nothing');
      return cosign(parts, witness, inConflict, broker, key, request);
    },
    showTo: (other) => feed.use(other),
  };
}

async function cosign(
  { audit, domain, log }: ClusterWitnessParts,
  witness: BrokerWitness,
  inConflict: Set<string>,
  broker: string,
  key: VerifierKey,
  request: string,
): ReturnType<ClusterWitness['cosign']> {
  const { answer, isConflict } = await witness.cosign(broker, key, request);
  if (answer.status === 200) inConflict.delete(broker);
  // Once, and not each minute: the other broker goes on asking.
  if (isConflict && !inConflict.has(broker)) {
    inConflict.add(broker);
    log.error(
      { broker },
      'the audit log of another broker does not continue what this broker has cosigned: it was rolled back or rewritten',
    );
    audit.record({ event: 'peer.fault', src: domain(), reason: 'LOG_CONFLICT', detail: { broker } });
  }
  return answer;
}

/** The key is read with each use, because it may be rotated. */
function cosigner(identity: Identity): CheckpointSigner {
  return {
    get key() {
      return cosignerKeyOf(identity.name, Buffer.from(identity.publicJwk.x, 'base64url'));
    },
    sign: (text) => identity.signNote(text),
  };
}

function jwkOf(publicKey: Uint8Array): { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string } {
  return { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey).toString('base64url') };
}
