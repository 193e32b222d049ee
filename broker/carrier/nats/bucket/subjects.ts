/**
 * The bucket that carries policies: its name, its keys, and the subjects that each user needs for it.
 *
 *   head            the present bundle, and which pieces hold it       written by admins
 *   piece.SLOT.N    a piece of a bundle                                written by admins
 *   status.BROKER   what this broker has in force                      written by that broker, read by admins
 *
 * It is an ordinary bucket of the JetStream key-value store, so the tools of NATS can show it. A value is read by its
 * subject (`DIRECT.GET`), because a permission can then allow a user some keys and no others.
 */

export const POLICY_BUCKET = 'argus-policy';
export const STREAM = `KV_${POLICY_BUCKET}`;

const KEYS = `$KV.${POLICY_BUCKET}`;
const API = '$JS.API';
/** An admin publishes to it when a bundle is complete. It is no key, so nothing is stored. */
export const PUBLISHED_SUBJECT = `argus.policy.${POLICY_BUCKET}.published`;

export const HEAD_KEY = 'head';

export function pieceKey(slot: string, index: number): string {
  return `piece.${slot}.${index}`;
}

/** Of the keys of all brokers. */
export const STATUS_PREFIX = 'status';

export function statusKey(broker: string): string {
  return `${STATUS_PREFIX}.${broker}`;
}

export function putSubject(key: string): string {
  return `${KEYS}.${key}`;
}

export function readSubject(key: string): string {
  return `${API}.DIRECT.GET.${STREAM}.${KEYS}.${key}`;
}

export const CREATE_SUBJECT = `${API}.STREAM.CREATE.${STREAM}`;
export const INFO_SUBJECT = `${API}.STREAM.INFO.${STREAM}`;

export type BucketRole = 'broker' | 'admin';

/** Answers come to it. Each user has its own, so no user can read the answers to another one. */
export function inboxOf(role: BucketRole, name: string): string {
  return `_INBOX.argus.${role}.${name}`;
}

export interface UserSubjects {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** A broker reads bundles, and writes what it has in force. It cannot write a bundle or another broker's row. */
export function brokerBucketSubjects(name: string): UserSubjects {
  return {
    publish: [readSubject(HEAD_KEY), readSubject('piece.>'), putSubject(statusKey(name))],
    subscribe: [`${inboxOf('broker', name)}.*`, PUBLISHED_SUBJECT],
  };
}

/** An admin makes the bucket, writes bundles, and reads all of it. It has no part in sessions. */
export function adminBucketSubjects(name: string): UserSubjects {
  return {
    publish: [
      CREATE_SUBJECT,
      INFO_SUBJECT,
      readSubject('>'),
      putSubject(HEAD_KEY),
      putSubject('piece.>'),
      PUBLISHED_SUBJECT,
    ],
    subscribe: [`${inboxOf('admin', name)}.*`],
  };
}
