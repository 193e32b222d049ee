/** Status words: Linux errno numbers, as in Argo's ABI, plus a few more that user space needs. */

export const Status = {
  OK: 0,
  /** The claimed source is not the session's domain, or the source port is not one of its rings. */
  EPERM: 1,
  ENOENT: 2,
  /** Partner is not in the inventory. */
  ESRCH: 3,
  /** The audit log cannot be written: sends stop until it can. */
  EIO: 5,
  /** The message fits the ring, but not now. A `space` event follows. */
  EAGAIN: 11,
  ENOMEM: 12,
  /** Policy denies it, or the destination is unknown. The two look alike on purpose. */
  EACCES: 13,
  EFAULT: 14,
  /** No space, and no place left in the ring's waiting list. */
  EBUSY: 16,
  EEXIST: 17,
  EINVAL: 22,
  ENOSPC: 28,
  /** The message is larger than the ring can ever take. */
  EMSGSIZE: 90,
  EOPNOTSUPP: 95,
  /** Client side: the queue of the session is full. */
  ENOBUFS: 105,
  /** Client side: the session ended; whether the message arrived is unknown. */
  ECONNRESET: 104,
  /** Client side: the deadline passed. */
  ETIMEDOUT: 110,
  /** No ring for this port and sender, or the domain has no session. */
  ECONNREFUSED: 111,
  /** Client side: the caller closed the session before the message was sent. */
  ECANCELED: 125,
} as const;

export type StatusWord = keyof typeof Status;
/** One of the numbers above. */
export type Status = (typeof Status)[StatusWord];

const WORDS = new Map<number, StatusWord>(Object.entries(Status).map(([word, code]) => [code, word as StatusWord]));

/** The status with the number `code`; null for a number that this version does not know. */
export function statusOf(code: number): Status | null {
  return WORDS.has(code) ? (code as Status) : null;
}

/** The word for a status, as in `Status`. */
export function statusWord(status: Status): StatusWord {
  return WORDS.get(status) ?? 'EINVAL';
}
